"""A look-up for providers that cannot be asked by id: their list is read, the newest part of it first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from functions.archiver.recording import Window

MAX_PAGES = 20
"""Of each span: what a person asks for by hand is not worth more."""

T = TypeVar("T")

Read = Callable[[Window, str | None], tuple[Sequence[T], str | None]]
"""One page of a list: its rows, and the cursor of the next page."""


def rows_looking_back(read: Read[T], *spans: timedelta) -> Iterator[T]:
    """The rows of the last `spans`, which grow: each is read only from where the one before began."""
    now = datetime.now(UTC)
    for end, start in pairwise((now, *(now - span for span in spans))):
        cursor = None
        for _ in range(MAX_PAGES):
            rows, cursor = read(Window(start=start, end=end), cursor)
            yield from rows
            if not cursor:
                break
