"""All pages of what a provider lists between two moments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Page, Window

MAX_PAGES = 10_000
"""Of one window: a list that never ends is given up."""


def every_page(provider: Provider, start: datetime, end: datetime) -> Iterator[Page]:
    """Window by window, none longer than the provider takes. Raises what `page` raises."""
    for window in _windows(provider.declaration, start, end):
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = provider.page(window, cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                break


def _windows(declaration: Declaration, start: datetime, end: datetime) -> Iterator[Window]:
    while start < end:
        until = min(start + declaration.max_window, end) if declaration.max_window else end
        yield Window(start=start, end=until)
        start = until
