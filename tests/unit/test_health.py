"""The state of a source is the most urgent one that holds, and it says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.health import BEHIND, LOSING, TICKS_EVERY, Signs, SourceState, health_of, in_words
from functions.archiver.listing.cursors import Unclean
from functions.archiver.throttling.pause import Pause
from tests.doubles.clock import NOON

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
PAUSE = Pause(by="jo@desk", reason="the provider asked", since=NOON, until=NOON + DAY)
UNCLEAN = Unclean(start=NOON - 2 * DAY, end=NOON - DAY, reason="its cursor never ends")
WELL = Signs(now=NOON, ticked_at=NOON, listed_until=NOON, deletion_margin=30 * DAY)

ILL: dict[SourceState, dict[str, Any]] = {
    SourceState.STOPPED: {"ticked_at": NOON - TICKS_EVERY - SECOND},
    SourceState.BLOCKED: {"refused": True, "closed_reason": "401", "closed_until": NOON + SECOND},
    SourceState.PAUSED: {"pause": PAUSE},
    SourceState.LOSING: {"deletion_margin": LOSING - SECOND},
    SourceState.BEHIND: {"oldest_due": NOON - BEHIND - SECOND},
    SourceState.FAILING: {"failed_lately": 2},
    SourceState.UNSURE: {"unclean": (UNCLEAN,)},
}


def state_of(**signs: Any) -> SourceState:
    return health_of(replace(WELL, **signs)).state


def test_a_source_with_nothing_wrong_is_healthy_and_needs_no_command() -> None:
    health = health_of(WELL)
    assert (health.state, health.reason, health.until) == (SourceState.HEALTHY, None, None)
    assert health.state.first_command("acme") is None


@pytest.mark.parametrize("state", ILL)
def test_each_trouble_by_itself_is_named_with_a_reason_and_a_command(state: SourceState) -> None:
    health = health_of(replace(WELL, **ILL[state]))
    assert health.state is state
    assert health.reason
    assert "acme" in (state.first_command("acme") or "")


@given(st.sets(st.sampled_from(list(ILL)), min_size=1))
def test_of_several_troubles_the_most_urgent_is_the_state(states: set[SourceState]) -> None:
    signs = {name: value for state in states for name, value in ILL[state].items()}
    assert state_of(**signs) is next(state for state in ILL if state in states)


@pytest.mark.parametrize(
    ("signs", "state"),
    [
        ({"ticked_at": NOON - TICKS_EVERY}, SourceState.HEALTHY),
        ({"ticked_at": None}, SourceState.STOPPED),
        ({"deletion_margin": LOSING}, SourceState.HEALTHY),
        ({"deletion_margin": -DAY}, SourceState.LOSING),
        ({"deletion_margin": None, "oldest_due": NOON - BEHIND}, SourceState.HEALTHY),
        ({"closed_until": NOON + DAY, "closed_reason": "503"}, SourceState.HEALTHY),
        ({"listed_until": None}, SourceState.UNSURE),
        ({"listed_until": NOON - 3 * DAY}, SourceState.UNSURE),
    ],
)
def test_the_limits_of_the_states(signs: dict[str, Any], state: SourceState) -> None:
    assert state_of(**signs) is state


def test_a_local_archive_may_rest_for_a_day_between_two_runs() -> None:
    rested = replace(WELL, ticked_at=NOON - DAY, listed_until=NOON - DAY)
    assert health_of(rested).state is SourceState.STOPPED
    assert health_of(rested, ticks_every=timedelta(hours=26)).state is SourceState.HEALTHY


def test_what_is_known_of_the_end_of_a_state_is_told() -> None:
    ends = {state: health_of(replace(WELL, **ILL[state])).until for state in ILL}
    assert {state: end for state, end in ends.items() if end} == {
        SourceState.BLOCKED: NOON + SECOND,
        SourceState.PAUSED: NOON + DAY,
        SourceState.LOSING: NOON + LOSING - SECOND,
    }


@pytest.mark.parametrize(
    ("span", "words"),
    [(3 * DAY, "3 days"), (DAY, "1 day"), (DAY - SECOND, "23 hours"), (SECOND, "less than a minute")],
)
def test_a_span_is_said_in_the_largest_unit_that_it_fills(span: timedelta, words: str) -> None:
    assert in_words(span) == words


def test_only_healthy_and_paused_sources_need_nobody() -> None:
    assert {state for state in SourceState if state.is_well} == {SourceState.HEALTHY, SourceState.PAUSED}
