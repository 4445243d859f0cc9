"""Which writes of the ledger are events: by the records of real writes, which all pass the stream's filter."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from functions.archiver.entry import Entry, State
from functions.archiver.events.changes import standing_events
from functions.archiver.events.event import Type
from functions.archiver.ledger.holds import Holds
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.object_keys import digest_of
from functions.archiver.recording import Readiness
from functions.archiver.settings.events import PATTERNS
from tests.doubles import stream
from tests.doubles.aws import BUCKET
from tests.doubles.clock import NOON, FakeClock
from tests.harness.ledger import STORED, TRANSITIONS, again, queued, recording
from tests.harness.streaming import SOURCE, Streamed, events_in

FIVE_MINUTES = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("transition", "type_"),
    [("archived", Type.ARCHIVED), ("gone", Type.GONE), ("failed", Type.FAILED)],
)
def test_a_recording_that_ends_is_an_event(ledger: Ledger, streamed: Streamed, transition: str, type_: Type) -> None:
    TRANSITIONS[transition](ledger, queued(ledger))
    assert streamed.types() == [type_]


@pytest.mark.parametrize(
    "transition", ["quarantined", "rejected", "not ready", "missing", "release", "death", "describe"]
)
def test_other_moves_of_a_recording_are_none_and_do_not_reach_the_function(
    ledger: Ledger, streamed: Streamed, transition: str
) -> None:
    TRANSITIONS[transition](ledger, queued(ledger))
    assert streamed.filtered() == []


def test_an_event_names_the_object_and_no_number_agent_or_document(ledger: Ledger, streamed: Streamed) -> None:
    found = recording(from_number="+4930123", to_number="+4930456", agent="anna", call_id="call-1", raw={"x": "secret"})
    ledger.mark_archived(queued(ledger, found), STORED)
    (event,) = streamed.events()
    detail = event.document("recordings")["detail"]
    assert isinstance(detail, dict)
    assert detail == {
        "schema": "recordings.event/1",
        "id": detail["id"],
        "source": SOURCE,
        "recording_id": "rec-1",
        "recording": digest_of(SOURCE, "rec-1"),
        "call_id": "call-1",
        "recorded_at": "2026-03-03T23:30:00+00:00",
        "bucket": BUCKET,
        "key": STORED.key,
        "version_id": STORED.version_id,
        "bytes": STORED.size_bytes,
        "sha256": STORED.sha256,
        "content_type": STORED.content_type,
        "reason": None,
        "day": None,
        "sequence": None,
    }
    assert not [word for word in ("+4930", "anna", "secret", "media.example") if word in json.dumps(detail)]


def test_the_time_is_that_of_the_change_and_not_of_its_record(
    ledger: Ledger, streamed: Streamed, clock: FakeClock
) -> None:
    first, second, third = (queued(ledger, recording(id_)) for id_ in ("1", "2", "3"))
    ledger.mark_archived(first, STORED)
    clock.advance(FIVE_MINUTES)
    ledger.mark_failed(second, "no audio")
    clock.advance(FIVE_MINUTES)
    ledger.mark_gone(third, "410", story=[])
    assert [event.at for event in streamed.events()] == [NOON, NOON + FIVE_MINUTES, NOON + 2 * FIVE_MINUTES]


def test_an_id_is_that_of_source_recording_and_state(ledger: Ledger, streamed: Streamed, clock: FakeClock) -> None:
    other = streamed.of("dialer")
    for each in (ledger, other):
        each.mark_failed(queued(each), "no audio")
    ledger.mark_failed(queued(ledger, recording("rec-2")), "no audio")
    ids = [event.detail.id for event in streamed.events()]
    assert len(set(ids)) == len(ids) == 3
    clock.advance(FIVE_MINUTES)
    assert ledger.note_change(recording(size_bytes=10))
    ledger.mark_failed(again(ledger), "no audio again")
    assert streamed.events()[-1].detail.id == ids[0]
    assert streamed.events()[-1].at == NOON + FIVE_MINUTES


def test_a_recording_that_its_listing_shows_as_deleted_is_gone_at_once(ledger: Ledger, streamed: Streamed) -> None:
    ledger.insert(recording(readiness=Readiness.GONE), "schedule")
    assert streamed.types() == [Type.GONE]


def test_bytes_that_are_right_again_are_archived_again_under_the_same_id(
    ledger: Ledger, streamed: Streamed, clock: FakeClock
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    integrity = Integrity(streamed.table, source=SOURCE, clock=clock)
    integrity.mark_altered("rec-1", "other bytes")
    integrity.mark_sound("rec-1", "mended")
    first, second = streamed.events()
    assert first.detail.id == second.detail.id
    assert first.type is second.type is Type.ARCHIVED


def an_entry(ledger: Ledger, **changes: Any) -> Entry:
    ledger.mark_archived(queued(ledger, recording("old")), STORED)
    found = ledger.find("old")
    assert found is not None
    return replace(found, **{"recording": recording("rebuilt"), **changes})


@pytest.mark.parametrize("state", [State.ARCHIVED, State.FAILED, State.GONE])
def test_what_a_rebuild_puts_back_is_no_news_and_what_becomes_of_it_later_is(
    ledger: Ledger, streamed: Streamed, clock: FakeClock, state: State
) -> None:
    entry = an_entry(ledger, state=state)
    before = len(streamed.types())
    assert ledger.restore(entry)
    Holds(streamed.table, source=SOURCE, clock=clock, new=False).hold("rebuilt", "A")
    assert len(streamed.types()) == before
    Holds(streamed.table, source=SOURCE, clock=clock).release("rebuilt", "A")
    assert streamed.types()[before:] == [Type.RELEASED]
    assert ledger.erase("rebuilt")
    assert streamed.types()[before:] == [Type.RELEASED, Type.ERASED]


def test_what_an_import_brings_is_news(ledger: Ledger, streamed: Streamed) -> None:
    entry = an_entry(ledger)
    before = len(streamed.types())
    ledger.restore(entry, new=True)
    assert streamed.types()[before:] == [Type.ARCHIVED]


def test_each_case_that_holds_a_recording_or_lets_it_go_is_an_event_of_its_own(
    ledger: Ledger, streamed: Streamed, clock: FakeClock
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    holds = streamed.holds
    holds.hold("rec-1", "A")
    holds.hold("rec-1", "B")
    holds.hold("rec-1", "B")
    ledger.note_transcript("rec-1")
    holds.release("rec-1", "A")
    found = streamed.events()[1:]
    assert [(event.type, event.detail.reason) for event in found] == [
        (Type.PLACED, "A"),
        (Type.PLACED, "B"),
        (Type.RELEASED, "A"),
    ]
    assert len({event.detail.id for event in found}) == 3
    assert {event.detail.key for event in found} == {STORED.key}


def test_a_hold_while_a_recording_is_in_a_lane_is_told_once(
    ledger: Ledger, streamed: Streamed, clock: FakeClock
) -> None:
    ticket = queued(ledger)
    Holds(streamed.table, source=SOURCE, clock=clock).hold("rec-1", "A")
    ledger.mark_archived(ticket, STORED)
    assert streamed.types() == [Type.PLACED, Type.ARCHIVED]


def test_an_erased_recording_is_named_by_its_digest_alone(ledger: Ledger, streamed: Streamed) -> None:
    ledger.mark_archived(queued(ledger, recording(call_id="call-1")), STORED)
    ledger.tombstones.bury("rec-1", date(2026, 3, 3), "erased")
    assert streamed.types() == [Type.ARCHIVED]
    ledger.erase("rec-1")
    event = streamed.events()[-1]
    assert event.type is Type.ERASED
    assert event.detail.recording == digest_of(SOURCE, "rec-1")
    given = {name: value for name, value in event.detail.document().items() if value is not None}
    assert given.keys() == {"schema", "id", "source", "recording"}


def test_an_erasure_has_one_id_by_its_record_and_by_its_tombstone(ledger: Ledger, streamed: Streamed) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    ledger.tombstones.bury("rec-1", date(2026, 3, 3), "erased")
    ledger.erase("rec-1")
    (tomb,) = (item for pk, item in ((item["pk"], item) for item in streamed.table.scan()) if "#tombstone#" in pk)
    (again_,) = standing_events(tomb, bucket=BUCKET)
    assert again_.detail == streamed.events()[-1].detail


def test_a_recording_whose_term_is_over_is_no_event(ledger: Ledger, streamed: Streamed) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    ledger.erase("rec-1")
    removed = {**streamed.records()[-1], "userIdentity": stream.BY_TERM}
    assert removed["eventName"] == "REMOVE"
    assert events_in([removed]) == []


def test_a_follow_up_that_is_done_is_no_event(ledger: Ledger, streamed: Streamed) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    entry = ledger.find("rec-1")
    assert entry is not None
    ledger.insert_transcript(entry, due_in=timedelta())
    ledger.finish_follow_up(again(ledger))
    assert streamed.types() == [Type.ARCHIVED]


@pytest.mark.parametrize("mark", [lambda ledger, ticket: ledger.mark_archived(ticket, STORED),
                                  lambda ledger, ticket: ledger.mark_failed(ticket, "no audio"),
                                  lambda ledger, ticket: ledger.mark_gone(ticket, "410", story=[])])  # fmt: skip
def test_an_item_as_it_stands_gives_the_event_that_its_change_was(
    ledger: Ledger, streamed: Streamed, clock: FakeClock, mark: Callable[..., object]
) -> None:
    mark(ledger, queued(ledger))
    clock.advance(FIVE_MINUTES)
    Holds(streamed.table, source=SOURCE, clock=clock).hold("rec-1", "A")
    item = streamed.table.get("acme#recording#rec-1")
    assert item is not None
    assert list(standing_events(item, bucket=BUCKET)) == streamed.events()


def test_there_are_five_patterns_at_most() -> None:
    assert len(PATTERNS) <= 5
