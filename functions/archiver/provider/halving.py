"""Where a window begins in a list that knows whole days only, and is therefore much longer than the window."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime

from functions.archiver.recording import Window

Starts = Sequence[datetime | None]
"""The times by which a list is in order, as its rows tell them; None for a row that tells none."""


def has_passed(window: Window, starts: Starts) -> bool:
    """Whether no later page can hold a row of the window, by the order that the rows of this one do have."""
    first, last = (starts[0], starts[-1]) if starts else (None, None)
    if first is None or last is None:
        return False
    return (first > last and last < window.start) or (first < last and last > window.end)


def is_reached(window: Window, starts: Starts) -> bool:
    """Whether one of the rows is in the window."""
    return any(start is not None and window.start <= start <= window.end for start in starts)


def page_before(window: Window, starts: Starts, *, pages: int, last_of: Callable[[int], datetime | None]) -> int:
    """The page before the one that reaches the window, found by halving; 0 where the rows show no order.

    `starts` are those of the first page, whose order is the list's. `last_of` asks for the last one of a page.
    """
    known = [start for start in starts if start]
    if not known or known[0] == known[-1]:
        return 0
    falling = known[0] > known[-1]

    def reaches(page: int) -> bool:
        start = last_of(page)
        return start is None or (start <= window.end if falling else start >= window.start)

    return bisect_left(range(1, pages + 1), True, key=reaches)
