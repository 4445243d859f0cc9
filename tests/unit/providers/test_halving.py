"""Where a window begins in a list of whole days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.provider.halving import has_passed, is_reached, page_before
from functions.archiver.recording import Window

DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIZE = 3


@given(
    hours=st.lists(st.floats(min_value=0, max_value=24, allow_nan=False), min_size=1, max_size=60),
    begin=st.floats(min_value=0, max_value=24),
    width=st.floats(min_value=0, max_value=3),
    falling=st.booleans(),
)
def test_no_row_of_the_window_comes_before_the_page_that_is_found(
    hours: list[float], begin: float, width: float, falling: bool
) -> None:
    starts = [DAY + hour * HOUR for hour in sorted(hours, reverse=falling)]
    window = Window(start=DAY + begin * HOUR, end=DAY + (begin + width) * HOUR)
    asked: list[int] = []

    def last_of(page: int) -> datetime:
        asked.append(page)
        return starts[page * SIZE - 1]

    page = page_before(window, starts[:SIZE], pages=len(starts) // SIZE, last_of=last_of)
    inside = [number for number, start in enumerate(starts) if window.start <= start <= window.end]
    assert not inside or inside[0] >= page * SIZE
    assert len(asked) <= 6


def test_a_row_without_a_time_is_taken_for_one_of_the_window() -> None:
    window = Window(start=DAY + HOUR, end=DAY + HOUR)
    first = [DAY, None, DAY + timedelta(minutes=1)]
    assert page_before(window, first, pages=8, last_of=lambda page: None) == 0


@pytest.mark.parametrize(
    ("hours", "passed", "reached"),
    [
        ([], False, False),
        ([2, 4], False, False),
        ([8, 9], True, False),
        ([9, 8], False, False),
        ([4, 2], True, False),
        ([4, 6, 8], True, True),
        ([7, 6, 5], False, True),
        ([None, 9], False, False),
        ([6, None], False, True),
    ],
)
def test_the_order_of_the_rows_says_whether_more_can_follow(
    hours: list[int | None], passed: bool, reached: bool
) -> None:
    window = Window(start=DAY + 5 * HOUR, end=DAY + 7 * HOUR)
    starts = [None if hour is None else DAY + hour * HOUR for hour in hours]
    assert (has_passed(window, starts), is_reached(window, starts)) == (passed, reached)
