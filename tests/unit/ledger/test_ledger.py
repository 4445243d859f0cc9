"""The ledger's transitions, each only from its own state and under its own lease, and what is due when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.archiver.clock import to_ms
from functions.archiver.entry import State, Ticket, Waiting
from functions.archiver.ledger.due import LEASE
from functions.archiver.ledger.ledger import FIRST_LOOK_AT_UNFINISHED, Ledger
from functions.archiver.ledger.transitions import LostLease
from functions.archiver.recording import Readiness
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock
from tests.harness.ledger import (
    MINUTE,
    OUT_OF_QUEUED,
    PK,
    STORED,
    TRANSITIONS,
    again,
    ledger_of,
    present,
    queued,
    recording,
)

_sources = count()  # each example has its own source, because the table stays
every_transition = pytest.mark.parametrize("name", TRANSITIONS)


@pytest.fixture
def ledger(aws: Aws, clock: FakeClock) -> Ledger:
    return ledger_of(aws, clock)


@every_transition
def test_a_ticket_of_an_older_lease_changes_nothing(aws: Aws, clock: FakeClock, ledger: Ledger, name: str) -> None:
    late = queued(ledger)
    clock.advance(LEASE)
    again(ledger)
    before = aws.items()
    with pytest.raises(LostLease):
        TRANSITIONS[name](ledger, late)
    assert aws.items() == before


@pytest.mark.parametrize("first", OUT_OF_QUEUED)
def test_a_ticket_used_twice_changes_nothing(aws: Aws, ledger: Ledger, first: str) -> None:
    ticket = queued(ledger)
    TRANSITIONS[first](ledger, ticket)
    before = aws.items()
    for transition in TRANSITIONS.values():
        with pytest.raises(LostLease):
            transition(ledger, ticket)
    assert aws.items() == before


@every_transition
def test_a_pending_item_that_happens_to_be_due_at_the_leases_end_is_not_the_tickets(
    aws: Aws, ledger: Ledger, name: str
) -> None:
    ticket = queued(ledger)
    ledger.release(ticket, "closed", due_in=LEASE)
    before = aws.items()
    assert present(before[PK])["due_at"] == ticket.lease_ms
    with pytest.raises(LostLease):
        TRANSITIONS[name](ledger, ticket)
    assert aws.items() == before


@every_transition
def test_a_ticket_for_something_that_was_never_there_makes_nothing(aws: Aws, ledger: Ledger, name: str) -> None:
    with pytest.raises(LostLease):
        TRANSITIONS[name](ledger, Ticket(kind="recording", source="acme", id="rec-1", lease_ms=to_ms(NOON)))
    assert aws.items() == {}


@pytest.mark.parametrize("name", [*OUT_OF_QUEUED, "describe", "death"])
def test_the_ticket_of_the_present_lease_is_honoured(ledger: Ledger, name: str) -> None:
    ticket = queued(ledger)
    assert ledger.entry(ticket).state is State.QUEUED
    TRANSITIONS[name](ledger, ticket)


def test_a_recording_inserted_twice_is_there_once_and_as_it_was_found_first(aws: Aws, ledger: Ledger) -> None:
    assert ledger.insert_queued(recording(), "schedule")
    before = aws.items()
    assert ledger.insert_queued(recording(agent="other"), "webhook") is None
    assert ledger.insert(recording(agent="other"), "webhook") is False
    assert aws.items() == before


def test_one_id_in_two_sources_is_two_recordings(aws: Aws, clock: FakeClock) -> None:
    assert ledger_of(aws, clock, source="a").insert(recording(), "schedule")
    assert ledger_of(aws, clock, source="b").insert(recording(), "schedule")
    assert len(aws.items()) == 2


def test_known_tells_state_and_whether_it_was_unfinished(ledger: Ledger) -> None:
    ledger.insert(recording("open", readiness=Readiness.NOT_READY), "schedule")
    ledger.insert(recording("lost", readiness=Readiness.GONE), "schedule")
    queued(ledger)
    known = ledger.known(["open", "lost", "rec-1", "never"])
    assert {id_: (k.state, k.unfinished) for id_, k in known.items()} == {
        "open": (State.PENDING, True),
        "lost": (State.GONE, False),
        "rec-1": (State.QUEUED, False),
    }


def test_an_unfinished_recording_is_looked_at_a_minute_later(clock: FakeClock, ledger: Ledger) -> None:
    ledger.insert(recording(readiness=Readiness.NOT_READY, note="processing"), "schedule")
    assert ledger.due.waiting(10) == []
    clock.advance(FIRST_LOOK_AT_UNFINISHED)
    entry = ledger.entry(again(ledger))
    assert entry.unfinished_since == NOON
    assert entry.reason == "processing"


def test_what_the_provider_lists_as_deleted_is_gone_and_never_due(clock: FakeClock, ledger: Ledger) -> None:
    ledger.insert(recording(readiness=Readiness.GONE), "schedule")
    clock.advance(timedelta(days=9))
    found = ledger.find("rec-1")
    assert found is not None
    assert found.state is State.GONE
    assert ledger.due.waiting(10) == []
    assert ledger.due.next_at() is None


def test_a_recording_is_archived_under_the_utc_day_on_which_it_was_recorded(ledger: Ledger) -> None:
    late = datetime(2026, 3, 4, 0, 30, tzinfo=UTC).astimezone(tz=None)
    assert ledger.entry(queued(ledger, recording(recorded_at=late))).place.day == date(2026, 3, 4)
    assert ledger.entry(queued(ledger, recording("undated", recorded_at=None))).place.day == NOON.date()


def test_the_day_stays_when_a_listing_changes_its_mind_about_the_time(ledger: Ledger) -> None:
    ledger.insert(recording(readiness=Readiness.NOT_READY), "schedule")
    assert ledger.note_ready(recording(recorded_at=NOON))
    assert ledger.entry(again(ledger)).day == date(2026, 3, 3)


def test_facts_survive_the_ledger(ledger: Ledger) -> None:
    full = recording(
        call_id="call-1",
        recorded_at_raw="2026-03-03 23:30",
        duration_seconds=12.5,
        direction="inbound",
        from_number="+1",
        to_number="+2",
        agent="Ann",
        raw={"nested": [1, 2.5, None, {"ü": "\N{GRINNING FACE}"}]},
    )
    assert ledger.entry(queued(ledger, full)).recording == full


def test_a_raw_document_with_half_a_character_is_kept_as_text_that_can_be_sent(aws: Aws, ledger: Ledger) -> None:
    broken = {"note": "\ud83d"}
    ticket = queued(ledger, recording(raw=broken))
    assert str(present(aws.item(PK))["raw"]).encode()
    assert ledger.entry(ticket).recording.raw == broken


def test_of_two_dispatchers_one_gets_the_item(ledger: Ledger) -> None:
    ledger.insert(recording(), "schedule")
    (waiting,) = ledger.due.waiting(10)
    ticket = ledger.due.mark_queued(waiting)
    assert ticket == Ticket(kind="recording", source="acme", id="rec-1", lease_ms=to_ms(NOON + LEASE))
    assert ledger.due.mark_queued(waiting) is None


def test_a_dispatcher_that_read_the_index_too_early_cannot_queue_what_is_finished(aws: Aws, ledger: Ledger) -> None:
    ledger.insert(recording(), "schedule")
    (waiting,) = ledger.due.waiting(10)
    ledger.mark_failed(again(ledger), "no audio")
    before = aws.items()
    assert ledger.due.mark_queued(waiting) is None
    assert aws.items() == before


def test_a_finished_item_is_not_queued_whatever_an_old_index_says(aws: Aws, ledger: Ledger) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    aws.table.update(PK, put={"due_at": 5})
    assert ledger.due.mark_queued(Waiting(pk=PK, due_ms=5)) is None


def test_a_dispatcher_cannot_queue_what_is_not_in_the_table(aws: Aws, ledger: Ledger) -> None:
    assert ledger.due.mark_queued(Waiting(pk=PK, due_ms=1)) is None
    assert aws.items() == {}


def test_a_lapsed_lease_makes_the_item_due_again_and_counts_both_times(clock: FakeClock, ledger: Ledger) -> None:
    queued(ledger)
    clock.advance(LEASE - timedelta(milliseconds=1))
    assert ledger.due.waiting(10) == []
    assert ledger.due.in_flight() == 1
    clock.advance(timedelta(milliseconds=1))
    assert ledger.due.in_flight() == 0
    assert ledger.entry(again(ledger)).queued == 2


def test_only_the_clock_of_due_times_decides_what_is_due(aws: Aws, clock: FakeClock) -> None:
    class Moved(FakeClock):
        def due_now(self) -> datetime:
            return self.now() + LEASE

    queued(ledger_of(aws, clock))
    assert len(ledger_of(aws, Moved()).due.waiting(10)) == 1


def backlog(ledger: Ledger, name: str, count: int) -> list[str]:
    """Pending recordings, recorded an hour apart, oldest first."""
    ids = [f"{name}-{number:02}" for number in range(count)]
    for number, id_ in enumerate(ids):
        ledger.insert(recording(id_, recorded_at=NOON - timedelta(hours=count - number)), "schedule")
    return ids


def due(ledger: Ledger, limit: int) -> list[str]:
    return [waiting.pk.rpartition("#")[2] for waiting in ledger.due.waiting(limit)]


def test_three_parts_oldest_to_one_part_newest(ledger: Ledger) -> None:
    ids = backlog(ledger, "fresh", 20)
    assert due(ledger, 8) == [*ids[:6], ids[19], ids[18]]


def test_a_backlog_smaller_than_the_room_is_taken_whole_and_once(ledger: Ledger) -> None:
    assert sorted(due(ledger, 8)) == []
    ids = backlog(ledger, "fresh", 7)
    assert sorted(due(ledger, 8)) == ids


@pytest.mark.parametrize("room", [1, 2, 3])
def test_with_little_room_the_newest_still_gets_one_place_in_four(ledger: Ledger, clock: FakeClock, room: int) -> None:
    backlog(ledger, "old", 30)
    ledger.insert(recording("newest", recorded_at=NOON - MINUTE), "schedule")
    taken = []
    for _ in range(8):
        taken.append(due(ledger, room))
        clock.advance(MINUTE)
    assert sum("newest" in ids for ids in taken) == 2 * room
    assert all(len(ids) == room for ids in taken)


def test_lapsed_leases_and_retries_come_before_the_backlog(clock: FakeClock, ledger: Ledger) -> None:
    queued(ledger, recording("lapsed"))
    ledger.release(queued(ledger, recording("retry")), "closed", due_in=MINUTE)
    clock.advance(LEASE)
    ids = backlog(ledger, "fresh", 9)
    assert due(ledger, 6) == ["lapsed", "retry", *ids[:3], ids[8]]
    assert due(ledger, 2) == ["lapsed", "retry"]
    assert due(ledger, 1) == ["lapsed"]


def test_a_retry_waits_until_it_is_due(clock: FakeClock, ledger: Ledger) -> None:
    ledger.mark_rejected(queued(ledger), "html", due_in=MINUTE)
    assert ledger.due.waiting(10) == []
    assert ledger.due.next_at() == NOON + MINUTE
    assert ledger.due.oldest_waiting() is None
    clock.advance(MINUTE)
    assert len(ledger.due.waiting(10)) == 1
    assert ledger.due.oldest_waiting() == NOON + MINUTE


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-90_000, 3_000), min_size=1, max_size=8, unique=True))
def test_the_backlog_is_ordered_by_when_it_was_recorded(aws: Aws, minutes: list[int]) -> None:
    clock = FakeClock()
    source = ledger_of(aws, clock, source=f"source-{next(_sources)}")
    for number in minutes:
        source.insert(recording(f"{number}", recorded_at=NOON + number * MINUTE), "schedule")
    past = sorted(number for number in minutes if number < 0)
    # What a provider dates into the future counts as recorded now, so that no such date keeps it from being due.
    future = {str(number) for number in minutes if number >= 0}
    order = [waiting.pk.rpartition("#")[2] for waiting in source.due.waiting(4 * len(minutes))]
    assert order[: len(past)] == [str(number) for number in past]
    assert set(order[len(past) :]) == future


def test_a_recording_from_before_1970_is_due_like_any_other(ledger: Ledger) -> None:
    ledger.insert(recording(recorded_at=datetime(1601, 1, 1, tzinfo=UTC)), "schedule")
    assert due(ledger, 1) == ["rec-1"]
