"""Limits of some kinds of requests, and the silence that a provider asks for before or after it refuses."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from functions.archiver.errors import Closed, Throttled
from functions.archiver.provider.declaration import Limit
from functions.archiver.throttling.pace import Pace
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock

MINUTE = timedelta(minutes=1)


def pace_on(aws: Aws, clock: FakeClock, *limits: Limit, rate: float = 600, lanes: int = 1) -> Pace:
    return Pace(aws.table, source="acme", requests_per_minute=rate, lanes=lanes, clock=clock, limits=limits)


def test_a_kind_with_a_rate_of_its_own_keeps_to_both(aws: Aws, clock: FakeClock) -> None:
    pace = pace_on(aws, clock, Limit(kinds=("token",), per_minute=5))
    moments: list[datetime] = []
    for kind in ["token", "list"] * 10:
        pace.book(kind)
        moments.extend([clock.now()] if kind == "token" else [])
    assert all(sum(first <= other <= first + MINUTE for other in moments) <= 5 for first in moments)


def test_other_kinds_do_not_wait_for_it(aws: Aws, clock: FakeClock) -> None:
    pace = pace_on(aws, clock, Limit(kinds=("token",), per_minute=0.1))
    pace.book("token")
    pace.book("list")
    assert clock.now() - NOON < timedelta(seconds=1)


def test_kinds_of_one_limit_share_its_rate_over_all_functions(aws: Aws, clock: FakeClock) -> None:
    limit = Limit(kinds=("list", "media"), per_minute=10)
    lister, downloader = pace_on(aws, clock, limit), pace_on(aws, clock, limit)
    for _ in range(6):
        lister.book("list")
        downloader.book("media")
    assert clock.now() - NOON >= MINUTE


def test_a_day_has_no_more_requests_of_a_kind_than_its_budget(aws: Aws, clock: FakeClock) -> None:
    limit = Limit(kinds=("voicemails",), per_day=3)
    made: Counter[int] = Counter()
    ends: set[datetime] = set()
    for _ in range(50):
        try:
            pace_on(aws, clock, limit).book("voicemails")
            made[clock.now().day] += 1
        except Closed as closed:
            ends.add(closed.until)
        clock.advance(timedelta(hours=1))
    assert set(made.values()) == {3}
    assert ends == {NOON.replace(day=NOON.day + n, hour=0) for n in (1, 2, 3)}


def test_a_used_up_budget_leaves_other_kinds_alone(aws: Aws, clock: FakeClock) -> None:
    pace = pace_on(aws, clock, Limit(kinds=("voicemails",), per_day=1))
    pace.book("voicemails")
    with pytest.raises(Closed, match="1 voicemails requests of the day"):
        pace.book("voicemails")
    pace.book("list")


def test_a_held_source_is_asked_by_nobody_until_then(aws: Aws, clock: FakeClock) -> None:
    pace_on(aws, clock).hold(30)
    pace_on(aws, clock).book("list")
    assert timedelta(seconds=30) <= clock.now() - NOON < timedelta(seconds=31)


def test_a_long_hold_closes_the_source_without_counting_a_failure(aws: Aws, clock: FakeClock) -> None:
    pace = pace_on(aws, clock)
    pace.hold(600)
    with pytest.raises(Closed) as caught:
        pace.book("list")
    gate = pace.gate()
    assert caught.value.until == gate.closed_until == NOON + 10 * MINUTE
    assert (gate.strikes, gate.refused) == (0, False)


def test_a_hold_is_never_longer_than_an_hour_nor_shortened_by_another(aws: Aws, clock: FakeClock) -> None:
    pace = pace_on(aws, clock)
    pace.hold(1e9)
    pace.hold(1)
    assert pace.gate().closed_until == NOON + timedelta(hours=1)


@pytest.mark.parametrize("by", ["a refusal", "a hold"])
@pytest.mark.parametrize(("rate", "wary"), [(10, False), (10, True), (600, True)])
def test_who_waits_for_a_slot_when_the_source_closes_does_not_ask(aws: Aws, by: str, rate: float, wary: bool) -> None:
    """Some providers begin their penalty anew with each request during it: there a short wait looks again as well."""
    waiting = FakeClock()
    first, second = pace_on(aws, waiting, rate=rate, lanes=2), pace_on(aws, waiting, rate=rate, lanes=2)
    first.book("media")

    class Refusing(FakeClock):
        """While it sleeps for its slot, somebody else is refused."""

        def sleep(self, seconds: float) -> None:
            if by == "a refusal":
                second.cool_down(Throttled("too fast", retry_after=120))
            else:
                second.hold(120)
            super().sleep(seconds)

    asked: list[str] = []
    third = Pace(
        aws.table,
        source="acme",
        requests_per_minute=rate,
        lanes=2,
        clock=Refusing(),
        wary=wary,
        on_request=asked.append,
    )
    with pytest.raises(Closed) as caught:
        third.book("media")
    assert asked == []
    assert caught.value.until >= NOON + 2 * MINUTE
