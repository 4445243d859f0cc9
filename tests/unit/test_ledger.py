"""The ledger's transitions, each only from its own state and under its own lease."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.archiver.clock import to_ms
from functions.archiver.entry import State, Stored, Ticket, Waiting
from functions.archiver.ledger import FIRST_LOOK_AT_UNFINISHED, LEASE, Ledger, LostLease
from functions.archiver.recording import Call, Readiness, Recording
from functions.archiver.table import Item
from tests.aws import Aws
from tests.fake_clock import NOON, FakeClock

LINK = "https://media.example/rec-1?durable"
_sources = count()  # each example has its own source, because the table stays
MINUTE = timedelta(minutes=1)
STORED = Stored(key="audio/x.wav", version_id="v1", size_bytes=9, sha256="ab" * 32, content_type="audio/wav")
PK = "acme#recording#rec-1"

Transition = Callable[[Ledger, Ticket], object]
TRANSITIONS: dict[str, Transition] = {
    "entry": lambda ledger, ticket: ledger.entry(ticket),
    "describe": lambda ledger, ticket: ledger.describe(ticket, recording(agent="new")),
    "archived": lambda ledger, ticket: ledger.mark_archived(ticket, STORED),
    "gone": lambda ledger, ticket: ledger.mark_gone(ticket, "410"),
    "failed": lambda ledger, ticket: ledger.mark_failed(ticket, "no audio"),
    "rejected": lambda ledger, ticket: ledger.mark_rejected(ticket, "html", due_in=MINUTE),
    "not ready": lambda ledger, ticket: ledger.mark_not_ready(ticket, "later", due_in=MINUTE),
    "missing": lambda ledger, ticket: ledger.mark_missing(ticket, "404", due_in=MINUTE),
    "release": lambda ledger, ticket: ledger.release(ticket, "closed", due_in=MINUTE),
    "death": lambda ledger, ticket: ledger.book_death(ticket),
    "finished": lambda ledger, ticket: ledger.finish_errand(ticket),
}
OUT_OF_QUEUED = ["archived", "gone", "failed", "rejected", "not ready", "missing", "release"]
every_transition = pytest.mark.parametrize("name", TRANSITIONS)


def recording(id_: str = "rec-1", **facts: object) -> Recording:
    known: dict[str, object] = {
        "id": id_,
        "recorded_at": datetime(2026, 3, 3, 23, 30, tzinfo=UTC),
        "link": LINK,
        "raw": {"id": id_},
        "size_bytes": 9,
        "content_type": "audio/wav",
    }
    return Recording(**{**known, **facts})  # type: ignore[arg-type]


def ledger_of(aws: Aws, clock: FakeClock, *, source: str = "acme", expire_after: timedelta | None = None) -> Ledger:
    return Ledger(aws.table, source=source, clock=clock, expire_after=expire_after)


def present(item: Item | None) -> Item:
    assert item is not None
    return item


@pytest.fixture
def ledger(aws: Aws, clock: FakeClock) -> Ledger:
    return ledger_of(aws, clock)


def queued(ledger: Ledger, found: Recording | None = None) -> Ticket:
    ticket = ledger.insert_queued(found or recording(), "schedule")
    assert ticket is not None
    return ticket


def again(ledger: Ledger) -> Ticket:
    """The ticket of the only item that is due."""
    (waiting,) = ledger.due(10)
    ticket = ledger.mark_queued(waiting)
    assert ticket is not None
    return ticket


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


def test_known_asks_once_for_each_hundred(aws: Aws, ledger: Ledger) -> None:
    for number in range(0, 250, 50):
        ledger.insert(recording(f"rec-{number}"), "schedule")
    aws.calls.clear()
    known = ledger.known([f"rec-{number}" for number in range(250)])
    assert sorted(known) == sorted(f"rec-{number}" for number in range(0, 250, 50))
    assert aws.calls == {"dynamodb.BatchGetItem": 3}


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
    assert ledger.due(10) == []
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
    assert ledger.due(10) == []
    assert ledger.next_due() is None


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
    (waiting,) = ledger.due(10)
    ticket = ledger.mark_queued(waiting)
    assert ticket == Ticket(kind="recording", source="acme", id="rec-1", lease_ms=to_ms(NOON + LEASE))
    assert ledger.mark_queued(waiting) is None


def test_a_dispatcher_that_read_the_index_too_early_cannot_queue_what_is_finished(aws: Aws, ledger: Ledger) -> None:
    ledger.insert(recording(), "schedule")
    (waiting,) = ledger.due(10)
    ledger.mark_failed(again(ledger), "no audio")
    before = aws.items()
    assert ledger.mark_queued(waiting) is None
    assert aws.items() == before


def test_a_finished_item_is_not_queued_whatever_an_old_index_says(aws: Aws, ledger: Ledger) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    aws.table.update(PK, put={"due_at": 5})
    assert ledger.mark_queued(Waiting(pk=PK, due_ms=5)) is None


def test_a_dispatcher_cannot_queue_what_is_not_in_the_table(aws: Aws, ledger: Ledger) -> None:
    assert ledger.mark_queued(Waiting(pk=PK, due_ms=1)) is None
    assert aws.items() == {}


def test_a_lapsed_lease_makes_the_item_due_again_and_counts_both_times(clock: FakeClock, ledger: Ledger) -> None:
    queued(ledger)
    clock.advance(LEASE - timedelta(milliseconds=1))
    assert ledger.due(10) == []
    assert ledger.in_flight() == 1
    clock.advance(timedelta(milliseconds=1))
    assert ledger.in_flight() == 0
    assert ledger.entry(again(ledger)).queued == 2


def test_only_the_clock_of_due_times_decides_what_is_due(aws: Aws, clock: FakeClock) -> None:
    class Moved(FakeClock):
        def due_now(self) -> datetime:
            return self.now() + LEASE

    queued(ledger_of(aws, clock))
    assert len(ledger_of(aws, Moved()).due(10)) == 1


def backlog(ledger: Ledger, name: str, count: int) -> list[str]:
    """Pending recordings, recorded an hour apart, oldest first."""
    ids = [f"{name}-{number:02}" for number in range(count)]
    for number, id_ in enumerate(ids):
        ledger.insert(recording(id_, recorded_at=NOON - timedelta(hours=count - number)), "schedule")
    return ids


def due(ledger: Ledger, limit: int) -> list[str]:
    return [waiting.pk.rpartition("#")[2] for waiting in ledger.due(limit)]


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
    assert ledger.due(10) == []
    assert ledger.next_due() == NOON + MINUTE
    assert ledger.oldest_waiting() is None
    clock.advance(MINUTE)
    assert len(ledger.due(10)) == 1
    assert ledger.oldest_waiting() == NOON + MINUTE


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-90_000, 3_000), min_size=1, max_size=8, unique=True))
def test_the_backlog_is_ordered_by_when_it_was_recorded(aws: Aws, minutes: list[int]) -> None:
    clock = FakeClock()
    source = ledger_of(aws, clock, source=f"source-{next(_sources)}")
    for number in minutes:
        source.insert(recording(f"{number}", recorded_at=NOON + number * MINUTE), "schedule")
    past = sorted(number for number in minutes if number < 0)
    # What a provider dates into the future counts as recorded now, so that no such date keeps it from being due.
    future = {str(number) for number in minutes if number >= 0}
    order = [waiting.pk.rpartition("#")[2] for waiting in source.due(4 * len(minutes))]
    assert order[: len(past)] == [str(number) for number in past]
    assert set(order[len(past) :]) == future


def test_a_recording_from_before_1970_is_due_like_any_other(ledger: Ledger) -> None:
    ledger.insert(recording(recorded_at=datetime(1601, 1, 1, tzinfo=UTC)), "schedule")
    assert due(ledger, 1) == ["rec-1"]


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


@pytest.mark.parametrize("name", ["archived", "gone", "failed"])
def test_a_finished_item_is_in_no_index_of_waiting_items(aws: Aws, ledger: Ledger, name: str) -> None:
    TRANSITIONS[name](ledger, queued(ledger))
    assert not waits(present(aws.item(PK)))
    assert ledger.next_due() is None


@pytest.mark.parametrize("name", ["archived", "gone", "rejected", "failed"])
def test_no_link_outlives_the_archive_its_recording_or_a_rejection(aws: Aws, ledger: Ledger, name: str) -> None:
    ticket = queued(ledger)
    assert present(aws.item(PK))["link"] == LINK
    TRANSITIONS[name](ledger, ticket)
    assert LINK not in str(aws.items())


def test_a_recording_that_is_found_gone_brings_no_link(aws: Aws, ledger: Ledger) -> None:
    ledger.insert(recording(readiness=Readiness.GONE), "schedule")
    assert LINK not in str(aws.items())


def test_a_transcript_errand_carries_no_link_of_the_audio(aws: Aws, ledger: Ledger) -> None:
    ticket = queued(ledger)
    assert ledger.insert_transcript(ledger.entry(ticket), due_in=MINUTE)
    ledger.mark_archived(ticket, STORED)
    assert LINK not in str(aws.items())


@pytest.mark.parametrize("name", ["archived", "gone"])
def test_finished_items_expire_only_where_the_archive_does(aws: Aws, clock: FakeClock, name: str) -> None:
    kept, passing = ledger_of(aws, clock, source="a"), ledger_of(aws, clock, source="b", expire_after=timedelta(days=3))
    for ledger in (kept, passing):
        TRANSITIONS[name](ledger, queued(ledger))
    items = aws.items()
    assert "expires_at" not in items["a#recording#rec-1"]
    assert items["b#recording#rec-1"]["expires_at"] == (NOON + timedelta(days=3)).timestamp()


@pytest.mark.parametrize("name", ["failed", "rejected", "not ready", "missing", "release", "death"])
def test_what_is_not_archived_yet_never_expires(aws: Aws, clock: FakeClock, name: str) -> None:
    ledger = ledger_of(aws, clock, expire_after=timedelta(days=3))
    TRANSITIONS[name](ledger, queued(ledger))
    assert "expires_at" not in present(aws.item(PK))


def test_a_revived_recording_no_longer_expires(aws: Aws, clock: FakeClock) -> None:
    ledger = ledger_of(aws, clock, expire_after=timedelta(days=3))
    ledger.mark_gone(queued(ledger), "410")
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
    assert ledger.redrive(recording()) is False
    ledger.mark_failed(ticket, "no audio", attempts=5)
    assert ledger.redrive(recording())
    assert ledger.entry(again(ledger)).attempts == 0


def test_errands_are_due_like_recordings_but_neither_exported_nor_counted(clock: FakeClock, ledger: Ledger) -> None:
    ticket = queued(ledger)
    ledger.insert_transcript(ledger.entry(ticket), due_in=MINUTE)
    ledger.insert_lookup(Call(call_id="call-1"), "webhook", due_in=MINUTE)
    clock.advance(MINUTE)
    assert [entry.recording.id for entry in ledger.everything()] == ["rec-1"]
    counted = [*ledger.day(date(2026, 3, 3)), *ledger.day(NOON.date())]
    assert [entry.recording.id for entry in counted] == ["rec-1"]
    tickets = [ledger.mark_queued(waiting) for waiting in ledger.due(10)]
    assert {(t.kind, t.id) for t in tickets if t} == {("transcript", "rec-1"), ("lookup", "call-1")}


def test_an_errand_is_noted_once_and_deleted_when_it_is_done(aws: Aws, ledger: Ledger) -> None:
    call = Call(call_id="call-1")
    assert ledger.insert_lookup(call, "webhook", due_in=timedelta())
    assert ledger.insert_lookup(call, "webhook", due_in=timedelta()) is False
    assert ledger.known_calls(["call-1", "call-2"]) == {"call-1"}
    ledger.finish_errand(again(ledger))
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
    assert elsewhere.next_due() is None


def test_a_document_that_no_item_could_hold_is_left_out_and_said_so(ledger: Ledger) -> None:
    huge = Recording(id="a", recorded_at=datetime(2026, 1, 1, tzinfo=UTC), raw={"notes": "x" * 500_000})
    assert ledger.insert(huge, "schedule")
    found = ledger.find("a")
    assert found is not None
    assert found.recording.raw == {"left_out_characters": 500_012}
