"""A pause closes a source until a person or its end opens it again, and leaves the provider's cool-down alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.archiver.errors import Closed, Throttled
from functions.archiver.throttling.pace import Pace
from functions.archiver.throttling.pause import Pause, pause, resume
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock

HOUR = timedelta(hours=1)
BY_JO = Pause(by="jo@desk", reason="the provider asked", since=NOON, until=None)
FOR_AN_HOUR = Pause(by="jo@desk", reason=None, since=NOON, until=NOON + HOUR)


@pytest.fixture
def pace(aws: Aws, clock: FakeClock) -> Pace:
    return Pace(aws.table, source="acme", requests_per_minute=6000, lanes=1, clock=clock)


def test_a_paused_source_gives_no_slot_and_says_who_paused_it_and_why(aws: Aws, pace: Pace) -> None:
    pause(aws.table, "acme", BY_JO)
    with pytest.raises(Closed, match=r"paused by jo@desk: the provider asked"):
        pace.book("list")
    assert pace.gate().pause == BY_JO


def test_a_pause_without_an_end_lets_nobody_wait_for_ever(aws: Aws, pace: Pace) -> None:
    pause(aws.table, "acme", BY_JO)
    until = pace.gate().closed_until
    assert until is not None
    assert NOON < until <= NOON + HOUR


def test_a_resumed_source_is_asked_again_at_once(aws: Aws, pace: Pace) -> None:
    pause(aws.table, "acme", BY_JO)
    assert resume(aws.table, "acme")
    pace.book("list")
    assert not resume(aws.table, "acme")


def test_a_pause_ends_by_itself_at_its_end(aws: Aws, pace: Pace, clock: FakeClock) -> None:
    pause(aws.table, "acme", FOR_AN_HOUR)
    assert pace.gate().closed_until == NOON + HOUR
    clock.moment = NOON + HOUR
    assert pace.gate().pause is None
    pace.book("list")


def test_a_second_pause_replaces_the_first(aws: Aws, pace: Pace) -> None:
    pause(aws.table, "acme", FOR_AN_HOUR)
    pause(aws.table, "acme", BY_JO)
    assert pace.gate().pause == BY_JO


def test_resuming_never_lifts_a_cool_down(aws: Aws, pace: Pace) -> None:
    until = pace.cool_down(Throttled("429", retry_after=600.0))
    pause(aws.table, "acme", FOR_AN_HOUR)
    resume(aws.table, "acme")
    assert pace.gate().closed_until == until
    with pytest.raises(Closed, match="429"):
        pace.book("list")


def test_the_end_of_a_cool_down_never_lifts_a_pause(aws: Aws, pace: Pace, clock: FakeClock) -> None:
    pause(aws.table, "acme", BY_JO)
    clock.moment = pace.cool_down(Throttled("429", retry_after=1.0)) + HOUR
    pace.answered()
    with pytest.raises(Closed, match="paused by"):
        pace.book("list")


def test_one_source_s_pause_is_not_another_s(aws: Aws, pace: Pace) -> None:
    pause(aws.table, "other", BY_JO)
    pace.book("list")
