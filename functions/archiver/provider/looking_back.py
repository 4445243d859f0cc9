"""A look-up for providers that cannot be asked by id: their list is read, the newest part of it first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from functions.archiver.recording import Window

MAX_PAGES = 20
"""Of each span: what a person asks for by hand is not worth more."""

_AROUND = timedelta(minutes=5)

T = TypeVar("T")

Read = Callable[[Window, str | None], tuple[Sequence[T], str | None]]
"""One page of a list: its rows, and the cursor of the next page."""


def rows_looking_back(read: Read[T], *spans: timedelta) -> Iterator[T]:
    """The rows of the last `spans`, which grow: each is read only from where the one before began."""
    now = datetime.now(UTC)
    for end, start in pairwise((now, *(now - span for span in spans))):
        yield from _rows(read, Window(start=start, end=end))


def rows_around(read: Read[T], start: datetime, end: datetime) -> Iterator[T]:
    """The rows between two moments and a little beyond, by whichever of the two a list goes."""
    yield from _rows(read, Window(start=min(start, end) - _AROUND, end=max(start, end) + _AROUND))


def _rows(read: Read[T], window: Window) -> Iterator[T]:
    cursor = None
    for _ in range(MAX_PAGES):
        rows, cursor = read(window, cursor)
        yield from rows
        if not cursor:
            break
