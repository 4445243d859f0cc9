"""How findings enter the ledger and the lanes: once, and never more than two minutes' work at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.archiver.entry import State, Stored, Waiting
from functions.archiver.errors import Unavailable
from functions.archiver.ledger.due import LEASE, Due
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.recording import Call, Readiness, Recording
from functions.archiver.throttling.intake import Intake
from functions.archiver.throttling.lanes import read
from functions.archiver.throttling.sqs import SqsLanes
from tests.doubles.aws import Aws, sqs
from tests.doubles.clock import NOON, FakeClock
from tests.harness.parts import Parts

STORED = Stored(key="audio/x.wav", version_id="v1", size_bytes=9, sha256="ab" * 32, content_type="audio/wav")


class Bench(Parts):
    """An intake with everything it works on; a rate of 3 a minute makes a cap of 6."""

    def __init__(self, aws: Aws, clock: FakeClock, *, rate: float = 3, lanes: int = 1) -> None:
        super().__init__(aws, clock, rate=rate, lanes=lanes)

    def states(self) -> dict[str, State]:
        return {entry.recording.id: entry.state for entry in self.ledger.everything()}

    def sent(self) -> list[str]:
        return [read(message).ticket.id for message in self.aws.messages()]

    def worked_for(self, seconds: float) -> None:
        self.pace.worked(seconds)
        self.pace.book("media")


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> Bench:
    return Bench(aws, clock)


def found(*ids: str, readiness: Readiness = Readiness.READY) -> list[Recording]:
    return [Recording(id=id_, readiness=readiness, recorded_at=NOON, raw={"id": id_}) for id_ in ids]


def several(count: int, name: str = "rec") -> list[Recording]:
    return found(*(f"{name}-{number:03}" for number in range(count)))


def test_new_recordings_go_straight_into_the_lanes_and_each_has_one_message(bench: Bench) -> None:
    taken = bench.intake.take(several(3), "schedule")
    assert taken.new == ("rec-000", "rec-001", "rec-002")
    assert taken.queued == 3
    assert set(bench.states().values()) == {State.QUEUED}
    assert sorted(bench.sent()) == list(taken.new)


def test_a_recording_seen_twice_is_enqueued_once(bench: Bench) -> None:
    bench.intake.take([*several(1), *several(1)], "schedule")
    assert bench.intake.take(several(1), "webhook").new == ()
    assert bench.sent() == ["rec-000"]


def test_what_does_not_fit_waits_in_the_ledger(bench: Bench) -> None:
    taken = bench.intake.take(several(10), "schedule")
    assert (len(taken.new), taken.queued) == (10, 6)
    assert sorted(bench.states().values()) == [State.PENDING] * 4 + [State.QUEUED] * 6
    assert len(bench.sent()) == 6


def test_the_cap_holds_over_listing_webhooks_and_dispatch_together(bench: Bench) -> None:
    assert bench.intake.take(several(4, "listed"), "schedule").queued == 4
    assert bench.intake.take(several(4, "signalled"), "webhook").queued == 2
    assert bench.intake.take(several(4, "sibling"), "schedule").queued == 0
    assert bench.intake.dispatch() == 0
    assert bench.ledger.due.in_flight() == len(bench.sent()) == 6


def test_what_is_done_makes_room_for_the_next_tick(bench: Bench) -> None:
    bench.intake.take(several(10), "schedule")
    for message in bench.aws.messages()[:2]:
        bench.ledger.mark_archived(read(message).ticket, STORED)
    assert bench.intake.dispatch() == 2
    assert bench.ledger.due.in_flight() == 6
    assert len(bench.sent()) == 2


def test_a_lapsed_lease_is_not_in_flight_and_is_sent_again(bench: Bench, clock: FakeClock) -> None:
    bench.intake.take(several(6), "schedule")
    assert len(bench.sent()) == 6
    assert bench.intake.room() == 0
    clock.advance(LEASE)
    assert bench.intake.room() == 6
    assert bench.intake.dispatch() == 6
    assert sorted(bench.sent()) == [recording.id for recording in several(6)]


@pytest.mark.parametrize(
    ("rate", "lanes", "work_seconds", "cap"),
    [
        (30, 1, None, 60),
        (30, 1, 10.0, 12),
        (30, 4, 10.0, 48),
        (30, 4, 1.0, 60),
        (0.1, 1, None, 1),
        (0.1, 3, None, 3),
        (30, 1, 600.0, 1),
    ],
)
def test_two_minutes_of_work_are_what_the_rate_and_the_lanes_allow(
    aws: Aws, clock: FakeClock, rate: float, lanes: int, work_seconds: float | None, cap: int
) -> None:
    bench = Bench(aws, clock, rate=rate, lanes=lanes)
    if work_seconds is not None:
        bench.worked_for(work_seconds)
    assert bench.intake.room() == cap


def test_while_the_source_cools_down_nothing_enters_the_lanes(bench: Bench) -> None:
    bench.intake.take(several(8), "schedule")
    for message in bench.aws.messages():
        bench.ledger.release(read(message).ticket, "503", due_in=timedelta())
    until = bench.pace.cool_down(Unavailable("503"))
    assert bench.intake.dispatch() == 0
    assert bench.intake.take(several(2, "new"), "webhook").queued == 0
    assert bench.sent() == []
    assert set(bench.states().values()) == {State.PENDING}
    bench.clock.moment = until
    assert bench.intake.dispatch() == 6


def test_recordings_that_are_known_already_are_read_and_not_written(bench: Bench) -> None:
    siblings = several(150)
    bench.intake.take(siblings, "schedule")
    bench.aws.calls.clear()
    assert bench.intake.take(siblings, "schedule").new == ()
    assert bench.aws.calls == {"dynamodb.BatchGetItem": 2}


def test_unfinished_and_deleted_recordings_are_noted_and_take_no_room(bench: Bench) -> None:
    bench.aws.calls.clear()
    taken = bench.intake.take(
        [*found("open", readiness=Readiness.NOT_READY), *found("lost", readiness=Readiness.GONE)], "schedule"
    )
    assert taken.new == ("open", "lost")
    assert bench.states() == {"open": State.PENDING, "lost": State.GONE}
    assert bench.sent() == []
    assert bench.aws.calls["dynamodb.Query"] == 0


def test_what_the_provider_reports_broken_is_fetched_all_the_same(bench: Bench) -> None:
    assert bench.intake.take(found("broken", readiness=Readiness.BROKEN), "schedule").queued == 1


def test_an_unfinished_recording_that_is_listed_as_ready_is_due_at_once(bench: Bench) -> None:
    bench.intake.take(found("call", readiness=Readiness.NOT_READY), "schedule")
    assert bench.intake.dispatch() == 0
    assert bench.intake.take(found("call"), "schedule").new == ()
    assert bench.intake.dispatch() == 1


def test_a_gone_recording_that_is_listed_again_is_fetched_again(bench: Bench) -> None:
    bench.intake.take(found("call", readiness=Readiness.GONE), "schedule")
    bench.intake.take(found("call"), "schedule")
    assert bench.intake.dispatch() == 1


@pytest.mark.parametrize("readiness", [Readiness.NOT_READY, Readiness.GONE, Readiness.BROKEN])
def test_only_a_recording_that_is_ready_revives_a_gone_one(bench: Bench, readiness: Readiness) -> None:
    bench.intake.take(found("call", readiness=Readiness.GONE), "schedule")
    bench.intake.take(found("call", readiness=readiness), "schedule")
    assert bench.states() == {"call": State.GONE}


def test_known_recordings_that_were_never_unfinished_cost_no_write_when_listed_ready(bench: Bench) -> None:
    bench.intake.take(several(8), "schedule")
    bench.aws.calls.clear()
    bench.intake.take(several(8), "schedule")
    assert bench.aws.calls == {"dynamodb.BatchGetItem": 1}


def test_a_call_without_a_file_is_looked_up_a_minute_later_and_noted_once(bench: Bench, clock: FakeClock) -> None:
    calls = [Call(call_id="call-1"), Call(call_id="call-2"), Call(call_id="call-1")]
    assert bench.intake.take_calls(calls, "schedule") == 2
    bench.aws.calls.clear()
    assert bench.intake.take_calls(calls, "schedule") == 0
    assert bench.aws.calls == {"dynamodb.BatchGetItem": 1}
    assert bench.intake.dispatch() == 0
    clock.advance(timedelta(minutes=1))
    assert bench.intake.dispatch() == 2
    assert bench.states() == {}


def test_an_item_that_another_dispatcher_took_is_not_sent(aws: Aws, clock: FakeClock) -> None:
    one, other = Bench(aws, clock), Bench(aws, clock)
    one.ledger.insert(found("call")[0], "schedule")

    class Late(Due):
        def waiting(self, limit: int) -> list[Waiting]:
            waiting = super().waiting(limit)
            other.intake.dispatch()
            return waiting

    ledger = Ledger(aws.table, source="acme", clock=clock)
    ledger.due = Late(aws.table, source="acme", clock=clock)
    late = Intake(
        ledger=ledger,
        lanes=SqsLanes(sqs(), queue_url=aws.queue_url, lanes=1),
        pace=one.pace,
    )
    assert late.dispatch() == 0
    assert one.sent() == ["call"]
