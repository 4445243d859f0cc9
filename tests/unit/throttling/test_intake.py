"""How findings enter the ledger and the lanes: once, and never more than two minutes' work at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.archiver.entry import State, Stored, Waiting
from functions.archiver.errors import ArchiveTrouble, Unavailable
from functions.archiver.ledger.due import LEASE, Due
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.recording import Call, Readiness, Recording
from functions.archiver.throttling.intake import Intake
from functions.archiver.throttling.lanes import read
from functions.archiver.throttling.sqs import SqsLanes
from tests.doubles.aws import Aws, sqs
from tests.doubles.aws_calls import Sent, calls_heard_by
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


def test_where_the_tick_comes_more_often_less_work_lies_in_the_lanes(bench: Bench) -> None:
    often = Intake(ledger=bench.ledger, lanes=bench.queue, pace=bench.pace, tick_seconds=20)
    assert (bench.intake.room(), often.room()) == (6, 2)


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


# what was marked and did not get into a lane


@contextmanager
def queue_refuses(how: str) -> Iterator[None]:
    """The first call is refused: each of its entries, the whole of it, or nobody answers."""
    refused: list[Sent] = []

    def listener(sent: Sent) -> Any:
        if sent.operation != "sqs.SendMessageBatch" or refused:
            return None
        refused.append(sent)
        if how == "unreachable":
            raise EndpointConnectionError(endpoint_url="https://aws.example")
        if how == "down":
            error = {"Code": "ServiceUnavailable"}
            return SimpleNamespace(status_code=503), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 503}}
        entries = json.loads(sent.body)["Entries"]
        failed = [{"Id": each["Id"], "SenderFault": False, "Code": "InternalError"} for each in entries]
        return SimpleNamespace(status_code=200), {"Successful": [], "Failed": failed}

    with calls_heard_by(listener):
        yield


def by_listing(bench: Bench) -> None:
    bench.intake.take(several(6), "schedule")


def by_a_tick(bench: Bench) -> None:
    for recording in several(6):
        bench.ledger.insert(recording, "schedule")
    bench.intake.dispatch()


def by_events(bench: Bench) -> None:
    bench.intake.take_hint(Recording(id="rec-000"))


@pytest.mark.parametrize("how", ["entries", "down", "unreachable"])
@pytest.mark.parametrize("finds", [by_listing, by_a_tick, by_events])
def test_what_the_queue_did_not_take_goes_into_a_lane_at_the_next_tick(
    bench: Bench, clock: FakeClock, how: str, finds: Callable[[Bench], None]
) -> None:
    """Else it would count as in flight for an hour, and the cap would keep the others out as well."""
    with queue_refuses(how), suppress(ArchiveTrouble):
        finds(bench)
    sent = bench.sent()
    clock.advance(timedelta(minutes=1))
    bench.intake.dispatch()
    assert sorted([*sent, *bench.sent()]) == sorted(bench.states())
    assert set(bench.states().values()) == {State.QUEUED}


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize(("finds", "operation"), [(by_listing, "PutItem"), (by_a_tick, "UpdateItem")])
def test_what_was_marked_before_the_ledger_failed_is_sent_all_the_same(
    bench: Bench, finds: Callable[[Bench], None], operation: str, number: int
) -> None:
    calls = 0

    def listener(sent: Sent) -> None:
        nonlocal calls
        calls += sent.operation == f"dynamodb.{operation}"
        if calls == number and sent.operation == f"dynamodb.{operation}":
            raise EndpointConnectionError(endpoint_url="https://aws.example")

    with calls_heard_by(listener), pytest.raises(ArchiveTrouble):
        finds(bench)
    queued = [id_ for id_, state in bench.states().items() if state is State.QUEUED]
    assert len(queued) == number - 1
    assert sorted(bench.sent()) == sorted(queued)


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
