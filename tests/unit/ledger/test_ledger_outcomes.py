"""What each outcome leaves in the ledger: no link, no wait, no more than is needed."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from functions.archiver.entry import State
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Item
from functions.archiver.recording import Call, Json, Readiness, Recording
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock
from tests.harness.ledger import (
    LINK,
    MINUTE,
    PK,
    STORED,
    TRANSITIONS,
    again,
    ledger_of,
    present,
    queued,
    recording,
)


@pytest.fixture
def ledger(aws: Aws, clock: FakeClock) -> Ledger:
    return ledger_of(aws, clock)


def waits(item: Item) -> bool:
    return "due_at" in item or "due_group" in item


def test_an_archived_item_keeps_what_is_stored_and_nothing_of_its_waiting(aws: Aws, ledger: Ledger) -> None:
    ticket = queued(ledger)
    ledger.mark_not_ready(ticket, "later", due_in=timedelta())
    ledger.mark_missing(again(ledger), "404", due_in=timedelta())
    ledger.mark_archived(again(ledger), STORED)
    item = present(aws.item(PK))
    unwanted = {"due_at", "due_group", "link", "raw", "claims", "reason", "missing_since", "unfinished_since", "looks"}
    assert not unwanted & set(item)
    found = ledger.find("rec-1")
    assert found is not None
    assert found.stored == STORED
    assert found.archived_at == NOON


@pytest.mark.parametrize("name", ["archived", "gone"])
def test_a_finished_item_is_in_no_index_of_waiting_items(aws: Aws, ledger: Ledger, name: str) -> None:
    TRANSITIONS[name](ledger, queued(ledger))
    assert not waits(present(aws.item(PK)))
    assert ledger.due.next_at() is None


@pytest.mark.parametrize("name", ["failed", "quarantined"])
def test_what_a_person_has_to_look_at_is_counted_by_the_index_and_waits_for_nothing(
    aws: Aws, ledger: Ledger, name: str
) -> None:
    TRANSITIONS[name](ledger, queued(ledger))
    item = present(aws.item(PK))
    assert (item["due_group"], item["due_at"]) == (f"acme#{name}", round(NOON.timestamp() * 1000))
    assert ledger.due.next_at() is None
    assert ledger.due.waiting(10) == []
    assert ledger.due.oldest_waiting() is None


@pytest.mark.parametrize("name", ["archived", "gone", "rejected", "failed"])
def test_no_link_outlives_the_archive_its_recording_or_a_rejection(aws: Aws, ledger: Ledger, name: str) -> None:
    ticket = queued(ledger)
    assert present(aws.item(PK))["link"] == LINK
    TRANSITIONS[name](ledger, ticket)
    assert LINK not in str(aws.items())


def test_a_recording_that_is_found_gone_brings_no_link(aws: Aws, ledger: Ledger) -> None:
    ledger.insert(recording(readiness=Readiness.GONE), "schedule")
    assert LINK not in str(aws.items())


def test_a_transcript_follow_up_carries_no_link_of_the_audio(aws: Aws, ledger: Ledger) -> None:
    ticket = queued(ledger)
    assert ledger.insert_transcript(ledger.entry(ticket), due_in=MINUTE)
    ledger.mark_archived(ticket, STORED)
    assert LINK not in str(aws.items())


@pytest.mark.parametrize("name", ["archived", "quarantined"])
def test_no_transition_gives_a_term_and_what_is_archived_again_loses_an_earlier_one(
    aws: Aws, ledger: Ledger, name: str
) -> None:
    ticket = queued(ledger)
    aws.table.update(PK, put={"expires_at": 1})
    TRANSITIONS[name](ledger, ticket)
    assert "expires_at" not in present(aws.item(PK))


def test_a_revived_recording_no_longer_expires(aws: Aws, ledger: Ledger) -> None:
    ledger.mark_gone(queued(ledger), "410")
    aws.table.update(PK, put={"expires_at": 1})
    assert ledger.note_ready(recording())
    assert "expires_at" not in present(aws.item(PK))


def test_the_first_404_is_remembered(clock: FakeClock, ledger: Ledger) -> None:
    ledger.mark_missing(queued(ledger), "404", due_in=timedelta())
    clock.advance(timedelta(hours=2))
    ledger.mark_missing(again(ledger), "404", due_in=timedelta())
    assert ledger.entry(again(ledger)).missing_since == NOON


def test_the_first_unfinished_look_is_remembered_and_each_is_counted(clock: FakeClock, ledger: Ledger) -> None:
    ledger.mark_not_ready(queued(ledger), "later", due_in=timedelta())
    clock.advance(timedelta(hours=2))
    ledger.mark_not_ready(again(ledger), "later", due_in=timedelta())
    entry = ledger.entry(again(ledger))
    assert (entry.unfinished_since, entry.unfinished_looks) == (NOON, 2)


def test_only_the_recordings_own_failures_count_as_attempts(ledger: Ledger) -> None:
    ledger.mark_rejected(queued(ledger), "html", due_in=timedelta())
    ledger.release(again(ledger), "503", due_in=timedelta(), trouble=True)
    ledger.release(again(ledger), "paused", due_in=timedelta())
    ledger.mark_not_ready(again(ledger), "later", due_in=timedelta())
    ledger.mark_missing(again(ledger), "404", due_in=timedelta())
    entry = ledger.entry(again(ledger))
    assert (entry.attempts, entry.troubles, entry.queued, entry.reason) == (1, 1, 6, "404")


def test_a_death_is_an_attempt_and_leaves_the_item_with_its_ticket(ledger: Ledger) -> None:
    ticket = queued(ledger)
    assert [ledger.book_death(ticket), ledger.book_death(ticket)] == [1, 2]
    assert ledger.entry(ticket).attempts == 2


def test_a_listing_that_shows_a_gone_recording_revives_it(ledger: Ledger) -> None:
    ledger.mark_missing(queued(ledger), "404", due_in=timedelta())
    ledger.mark_gone(again(ledger), "404 twice")
    assert ledger.note_ready(recording(agent="Ann"))
    entry = ledger.entry(again(ledger))
    assert (entry.recording.agent, entry.missing_since, entry.reason) == ("Ann", None, None)


def test_a_listing_that_shows_an_unfinished_recording_ready_hurries_it(ledger: Ledger) -> None:
    ledger.mark_not_ready(queued(ledger), "later", due_in=timedelta(days=1))
    assert ledger.note_ready(recording())
    assert ledger.entry(again(ledger)).unfinished_since is None


def test_a_recording_that_waits_after_a_rejection_is_not_hurried_by_its_listing(aws: Aws, ledger: Ledger) -> None:
    ledger.mark_rejected(queued(ledger), "html", due_in=timedelta(days=1))
    before = aws.items()
    assert ledger.note_ready(recording()) is False
    assert aws.items() == before


@pytest.mark.parametrize("name", ["failed", "archived", "death"])
def test_a_listing_changes_nothing_of_what_is_failed_archived_or_in_a_lane(aws: Aws, ledger: Ledger, name: str) -> None:
    TRANSITIONS[name](ledger, queued(ledger))
    before = aws.items()
    assert ledger.note_ready(recording()) is False
    assert aws.items() == before


def test_a_listing_revives_nothing_that_the_ledger_does_not_know(aws: Aws, ledger: Ledger) -> None:
    assert ledger.note_ready(recording()) is False
    assert aws.items() == {}


def test_only_a_failed_recording_is_tried_again_by_hand_and_from_its_first_attempt(ledger: Ledger) -> None:
    ticket = queued(ledger)
    assert ledger.revival.retry("rec-1") is False
    ledger.mark_failed(ticket, "no audio", attempts=5)
    assert ledger.revival.retry("rec-1")
    assert ledger.entry(again(ledger)).attempts == 0


def test_follow_ups_are_due_like_recordings_but_neither_exported_nor_counted(clock: FakeClock, ledger: Ledger) -> None:
    ticket = queued(ledger)
    ledger.insert_transcript(ledger.entry(ticket), due_in=MINUTE)
    ledger.insert_lookup(Call(call_id="call-1"), "webhook", due_in=MINUTE)
    clock.advance(MINUTE)
    assert [entry.recording.id for entry in ledger.everything()] == ["rec-1"]
    counted = [*ledger.day(date(2026, 3, 3)), *ledger.day(NOON.date())]
    assert [entry.recording.id for entry in counted] == ["rec-1"]
    tickets = [ledger.due.mark_queued(waiting) for waiting in ledger.due.waiting(10)]
    assert {(t.kind, t.id) for t in tickets if t} == {("transcript", "rec-1"), ("lookup", "call-1")}


def test_a_follow_up_is_noted_once_and_deleted_when_it_is_done(aws: Aws, ledger: Ledger) -> None:
    call = Call(call_id="call-1")
    assert ledger.insert_lookup(call, "webhook", due_in=timedelta())
    assert ledger.insert_lookup(call, "webhook", due_in=timedelta()) is False
    assert ledger.known_calls(["call-1", "call-2"]) == {"call-1"}
    ledger.finish_follow_up(again(ledger))
    assert aws.items() == {}


def test_an_export_holds_only_this_sources_recordings(aws: Aws, clock: FakeClock, ledger: Ledger) -> None:
    queued(ledger)
    queued(ledger_of(aws, clock, source="other"))
    assert [entry.source for entry in ledger.everything()] == ["acme"]
    assert [entry.source for entry in ledger.day(date(2026, 3, 3))] == ["acme"]


def test_a_restored_recording_is_where_the_archive_says_it_is(aws: Aws, clock: FakeClock, ledger: Ledger) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    (entry,) = ledger.everything()
    elsewhere = ledger_of(aws, clock, source="copy")
    assert elsewhere.restore(entry)
    assert elsewhere.restore(entry) is False
    (restored,) = elsewhere.everything()
    assert (restored.state, restored.stored, restored.day) == (State.ARCHIVED, STORED, entry.day)
    assert elsewhere.due.next_at() is None


NOISE = random.Random(1).randbytes(400_000).hex()
"""What does not pack into an item."""


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (
            {"a": 1, "notes": NOISE},
            {"a": 1, "left_out_fields": {"count": 1, "bytes": {"notes": len(NOISE) + len('["notes",""]')}}},
        ),
        ({"a": 1, "notes": "x" * 500_000}, {"a": 1, "notes": "x" * 500_000}),
        ({"a": 1, "notes": "x" * 150_000}, {"a": 1, "notes": "x" * 150_000}),
        ({f"{n:0200}": "é" * 100 for n in range(5000)}, None),
        ({NOISE: 1}, {"left_out_fields": {"count": 1, "bytes": {NOISE[:100]: len(NOISE) + len('["",1]')}}}),
    ],
    ids=["one long value", "packs well", "fits", "many fields", "a long name"],
)
def test_of_a_document_that_no_item_could_hold_the_fields_that_fit_are_kept(
    ledger: Ledger, raw: dict[str, Json], kept: dict[str, Json] | None
) -> None:
    assert ledger.insert(Recording(id="a", recorded_at=datetime(2026, 1, 1, tzinfo=UTC), raw=raw), "schedule")
    found = ledger.find("a")
    assert found is not None
    assert kept is None or found.recording.raw == kept
    fields = {name: value for name, value in found.recording.raw.items() if name != "left_out_fields"}
    assert fields.items() <= raw.items()
    left_out: Any = found.recording.raw.get("left_out_fields", {"count": 0})
    assert left_out["count"] == len(raw) - len(fields)


def test_a_recording_whose_term_is_over_is_not_found_though_the_table_still_holds_it(
    aws: Aws, clock: FakeClock
) -> None:
    ledger = ledger_of(aws, clock)
    ledger.mark_archived(queued(ledger), STORED)
    aws.table.update(PK, put={"expires_at": int((NOON + MINUTE).timestamp())})
    assert ledger.find("rec-1") is not None
    clock.advance(MINUTE)
    assert ledger.find("rec-1") is None
    assert aws.item(PK) is not None
