from __future__ import annotations

import time

import pytest

from benchmarks.allowance import Combination, achieved, arrivals_of, busiest


def test_the_busiest_window_is_found_wherever_it_begins() -> None:
    assert busiest([0.0, 30.0, 59.0, 60.5, 61.0, 200.0], 60.0) == 4
    assert busiest([0.0, 60.0], 60.0) == 1
    assert busiest([], 60.0) == 0


def test_a_rate_is_counted_from_gap_to_gap() -> None:
    assert achieved([10.0, 11.0, 12.0]) == 60
    assert achieved([10.0]) == achieved([]) == 0


@pytest.mark.parametrize(("seconds", "bound"), [(0.05, 60), (1.0, 60), (5.0, 24)])
def test_slow_answers_bound_what_lanes_can_ask(seconds: float, bound: float) -> None:
    assert Combination(rate=60, lanes=2, response_seconds=seconds).bound == bound


def test_a_server_sees_no_more_than_is_allowed() -> None:
    """Two seconds long. How close they come to the allowance is measured by the program itself."""
    asked = [Combination(rate=600, lanes=lanes, response_seconds=0.01) for lanes in (1, 3)]
    begun = time.monotonic()
    seen = arrivals_of(asked, 2.0)
    slots = (time.monotonic() - begun) * 10 + 1  # ten a second, and the one at the start
    for each in asked:
        assert 1 <= len(seen[each.name]) <= slots
