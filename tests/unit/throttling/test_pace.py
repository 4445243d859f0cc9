"""A source is never asked more often than its rate allows, whoever asks, and not at all while it cools down."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.archiver.errors import Closed, OfTheSource, Throttled, Unauthorized, Unavailable
from functions.archiver.ledger.dynamodb import DynamoTable
from functions.archiver.ledger.table import Table
from functions.archiver.throttling.pace import Pace, interval_ms
from tests.doubles.aws import TABLE, Aws, LockedTable, dynamodb
from tests.doubles.clock import NOON, FakeClock

RATE = 30
INTERVAL = timedelta(seconds=60.5 / RATE)
SECOND = timedelta(seconds=1)
ALMOST = timedelta(milliseconds=1)
_sources = count()  # each example has its own source, because the table stays
in_properties = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pace_on(
    table: Table,
    clock: FakeClock,
    *,
    rate: float = RATE,
    lanes: int = 1,
    source: str = "acme",
    asked: list[str] | None = None,
) -> Pace:
    kinds = asked if asked is not None else []
    return Pace(table, source=source, requests_per_minute=rate, lanes=lanes, clock=clock, on_request=kinds.append)


@pytest.fixture
def pace(aws: Aws, clock: FakeClock) -> Pace:
    return pace_on(aws.table, clock)


def most_in_a_minute(moments: Sequence[datetime]) -> int:
    """The most requests that any closed span of sixty seconds holds."""
    return max(sum(first <= other <= first + timedelta(seconds=60) for other in moments) for first in moments)


def gaps(moments: Sequence[datetime]) -> list[timedelta]:
    return [later - earlier for earlier, later in pairwise(sorted(moments))]


def worked_through(
    aws: Aws, *, rate: float, thinks: Sequence[Sequence[float]], lates: Sequence[float]
) -> list[datetime]:
    """When each request started: one worker per list of think times, each at its own moment of one common time.

    `lates` are the seconds by which sleeps last too long, used in turn.
    """
    source = f"source-{next(_sources)}"
    late = iter([*lates, *([0.0] * 10_000)])
    workers = []
    turns = [(NOON, number, 0) for number in range(len(thinks))]
    for _ in thinks:
        clock = FakeClock(oversleep=lambda: next(late))
        workers.append((clock, pace_on(aws.table, clock, rate=rate, lanes=len(thinks), source=source)))
    started = []
    while turns:
        moment, number, done = heapq.heappop(turns)
        clock, pace = workers[number]
        clock.moment = moment
        try:
            pace.book("media")
        except Closed as closed:
            heapq.heappush(turns, (closed.until, number, done))
            continue
        started.append(clock.now())
        if done + 1 < len(thinks[number]):
            heapq.heappush(turns, (clock.now() + timedelta(seconds=thinks[number][done]), number, done + 1))
    return started


THINK = st.sampled_from([0.0, 0.3, 2.0, 2.1, 7.0, 59.0])
THINKS = st.lists(st.lists(THINK, min_size=1, max_size=9), min_size=1, max_size=4)


@in_properties
@given(THINKS, st.sampled_from([6, 7.5, 30, 120]))
def test_slots_are_never_closer_than_the_interval_whoever_takes_them(
    aws: Aws, thinks: list[list[float]], rate: float
) -> None:
    started = worked_through(aws, rate=rate, thinks=thinks, lates=[])
    assert len(started) == sum(map(len, thinks))
    assert all(gap >= timedelta(seconds=60.5 / rate) - ALMOST for gap in gaps(started))


@in_properties
@given(THINKS, st.lists(st.sampled_from([0.0, 0.1, 0.39, 0.41, 3.0]), max_size=20))
def test_no_minute_holds_more_requests_than_the_rate_even_when_sleeps_last_too_long(
    aws: Aws, thinks: list[list[float]], lates: list[float]
) -> None:
    started = worked_through(aws, rate=6, thinks=thinks, lates=lates)
    assert most_in_a_minute(started) <= 6


@pytest.mark.parametrize("rate", [0.1, 1, 6, 7.5, 30, 59, 120, 599, 600, 1000, 3000, 6000])
def test_a_minute_of_intervals_is_longer_than_a_minute_at_every_rate(rate: float) -> None:
    assert 60_400 <= interval_ms(rate) * rate <= 60_500 + rate


def test_the_worst_lateness_of_one_sleep_keeps_the_minute(aws: Aws) -> None:
    started = worked_through(aws, rate=6, thinks=[[0.0] * 9], lates=[0.4])
    assert started[1] - started[0] == timedelta(milliseconds=10083 + 400)
    assert most_in_a_minute(started) <= 6


def test_threads_that_book_at_once_get_a_slot_each(aws: Aws) -> None:
    table = LockedTable(dynamodb(), TABLE)
    clocks = [FakeClock() for _ in range(5)]
    paces = [pace_on(table, clock, lanes=5) for clock in clocks]
    started: list[datetime] = []
    for _ in range(3):
        threads = [threading.Thread(target=pace.book, args=("media",)) for pace in paces]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        started += [clock.now() for clock in clocks]
        for clock in clocks:
            clock.moment = max(started)
    assert len(started) == 15
    assert min(gaps(started)) >= INTERVAL - ALMOST


def test_an_unused_slot_lapses(pace: Pace, clock: FakeClock) -> None:
    pace.book("media")
    clock.advance(timedelta(hours=1))
    started = []
    for _ in range(4):
        pace.book("media")
        started.append(clock.now())
    assert started[0] == NOON + timedelta(hours=1)
    assert min(gaps(started)) >= INTERVAL - ALMOST


def test_a_slot_that_was_slept_through_is_booked_again(aws: Aws) -> None:
    late = iter([0.0, 0.41, 0.0])
    clock = FakeClock(oversleep=lambda: next(late))
    asked: list[str] = []
    pace = pace_on(aws.table, clock, asked=asked)
    pace.book("list")
    pace.book("list")
    assert clock.now() - NOON == timedelta(milliseconds=2017)
    pace.book("media")
    assert clock.now() - NOON == timedelta(milliseconds=3 * 2017)
    assert asked == ["list", "list", "media"]


def test_a_slot_is_also_lost_when_the_booking_itself_took_too_long(aws: Aws, clock: FakeClock) -> None:
    class Slow(DynamoTable):
        def update(self, *args: object, **kwargs: object) -> dict[str, object]:
            item = super().update(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
            clock.advance(delays.pop(0))
            return item

    delays = [timedelta(seconds=1), timedelta()]
    pace_on(Slow(dynamodb(), TABLE), clock).book("media")
    assert clock.now() - NOON == timedelta(milliseconds=2017)
    assert delays == []


def test_a_source_that_is_booked_out_beyond_its_horizon_is_closed(aws: Aws, clock: FakeClock) -> None:
    asked: list[str] = []
    for _ in range(5):
        pace_on(aws.table, FakeClock(), asked=asked).book("media")
    with pytest.raises(Closed) as closed:
        pace_on(aws.table, clock, asked=asked).book("media")
    assert closed.value.until == NOON + timedelta(milliseconds=4 * 2017)
    assert clock.slept == []
    assert len(asked) == 5
    clock.moment = closed.value.until
    pace_on(aws.table, clock, asked=asked).book("media")
    assert len(asked) == 6


def test_the_horizon_reaches_as_far_as_every_lane_and_both_listings_can_wait(aws: Aws) -> None:
    for _ in range(4 + 3):
        pace_on(aws.table, FakeClock(), lanes=4).book("media")


def test_each_booking_is_one_write_in_the_steady_state(aws: Aws, clock: FakeClock) -> None:
    asked: list[str] = []
    pace = pace_on(aws.table, clock, asked=asked)
    for _ in range(3):
        pace.book("media")
    aws.calls.clear()
    for _ in range(10):
        pace.worked(1.0)
        pace.book("media")
    assert aws.calls == {"dynamodb.UpdateItem": 10}
    clock.advance(timedelta(hours=1))
    pace.book("media")
    aws.calls.clear()
    clock.advance(timedelta(minutes=1))
    pace.book("media")
    assert aws.calls == {"dynamodb.UpdateItem": 1}
    assert Counter(asked) == {"media": 15}


def test_what_was_not_asked_is_not_counted(aws: Aws, clock: FakeClock) -> None:
    asked: list[str] = []
    pace = pace_on(aws.table, clock, asked=asked)
    pace.cool_down(Unavailable("503"))
    with pytest.raises(Closed):
        pace.book("list")
    assert asked == []


def test_nobody_gets_a_slot_while_the_source_cools_down(aws: Aws, pace: Pace, clock: FakeClock) -> None:
    pace.book("list")
    until = pace.cool_down(Throttled("429", retry_after=30.0))
    other = pace_on(aws.table, clock)
    for asking in (pace, other):
        with pytest.raises(Closed, match="429") as closed:
            asking.book("list")
        assert closed.value.until == until == NOON + timedelta(seconds=30)
    clock.moment = until - ALMOST
    with pytest.raises(Closed):
        other.book("list")
    clock.moment = until
    other.book("list")


@pytest.mark.parametrize(
    ("asked_for", "waited"), [(0.0, 1.0), (-5.0, 1.0), (7.0, 7.0), (3600.0, 3600.0), (86400.0, 3600.0)]
)
def test_retry_after_is_respected_between_a_second_and_an_hour(pace: Pace, asked_for: float, waited: float) -> None:
    assert pace.cool_down(Throttled("429", retry_after=asked_for)) == NOON + waited * SECOND


@pytest.mark.parametrize(
    ("outcome", "first"), [(Unavailable("503"), 1), (Throttled("429"), 5), (Unauthorized("401"), 10)]
)
def test_the_cool_down_grows_by_half_with_each_failure_in_a_row_up_to_a_quarter_of_an_hour(
    pace: Pace, clock: FakeClock, outcome: OfTheSource, first: int
) -> None:
    waits = []
    for _ in range(20):
        until = pace.cool_down(outcome)
        waits.append((until - clock.now()).total_seconds())
        clock.moment = until
    assert waits == pytest.approx([min(first * 1.5**strikes, 900) for strikes in range(20)], abs=0.001)
    assert waits[-1] == 900


def test_another_function_goes_on_counting_the_failures(aws: Aws, pace: Pace, clock: FakeClock) -> None:
    clock.moment = pace.cool_down(Unavailable("503"))
    other = pace_on(aws.table, clock)
    other.book("list")
    assert other.cool_down(Unavailable("503")) - clock.now() == 1.5 * SECOND
    assert other.gate().strikes == 2


def test_a_success_ends_the_row_of_failures(aws: Aws, pace: Pace, clock: FakeClock) -> None:
    for _ in range(3):
        clock.moment = pace.cool_down(Unauthorized("401"))
    assert pace.gate().refused
    pace.book("list")
    pace.answered()
    assert (pace.gate().strikes, pace.gate().refused) == (0, False)
    assert pace.cool_down(Unavailable("503")) - clock.now() == SECOND


def test_a_success_in_a_slot_behind_somebody_else_s_ends_it_as_well(aws: Aws, pace: Pace, clock: FakeClock) -> None:
    clock.moment = pace.cool_down(Unavailable("503"))
    first, behind = pace_on(aws.table, clock), pace_on(aws.table, clock)
    first.book("list")
    behind.book("list")
    behind.answered()
    assert pace.gate().strikes == 0


def test_a_success_costs_nothing_while_all_is_well(aws: Aws, pace: Pace) -> None:
    pace.book("list")
    aws.calls.clear()
    pace.answered()
    assert aws.calls == {}


def test_a_success_does_not_reopen_a_source_that_was_closed_meanwhile(aws: Aws, pace: Pace, clock: FakeClock) -> None:
    clock.moment = pace.cool_down(Unavailable("503"))
    pace.book("media")
    until = pace_on(aws.table, clock).cool_down(Throttled("429", retry_after=60.0))
    pace.answered()
    gate = pace.gate()
    assert gate.closed_until == until
    assert gate.reason is not None
    assert "429" in gate.reason
    with pytest.raises(Closed):
        pace.book("media")


def test_a_shorter_cool_down_does_not_replace_a_longer_one(aws: Aws, pace: Pace, clock: FakeClock) -> None:
    until = pace.cool_down(Throttled("429", retry_after=600.0))
    pace_on(aws.table, clock).cool_down(Unavailable("503"))
    assert pace.gate().closed_until == until


def test_being_told_that_the_source_is_closed_is_no_failure_of_the_source(pace: Pace) -> None:
    until = NOON + 5 * SECOND
    assert pace.cool_down(Closed("paused", until=until)) == until
    assert pace.gate().closed_until is None
    assert pace.gate().strikes == 0


def test_one_source_does_not_slow_or_close_another(aws: Aws, pace: Pace, clock: FakeClock) -> None:
    pace.book("list")
    pace.cool_down(Unavailable("503"))
    pace_on(aws.table, clock, source="other").book("list")
    assert clock.slept == []


def test_how_long_a_recording_takes_is_known_without_the_time_spent_waiting_for_slots(
    aws: Aws, pace: Pace, clock: FakeClock
) -> None:
    assert pace.gate().work_seconds is None
    pace.book("media")
    pace.book("media")
    pace.worked(5.0)
    pace.book("media")
    assert pace_on(aws.table, clock).gate().work_seconds == pytest.approx(5.0 - 2.017)
