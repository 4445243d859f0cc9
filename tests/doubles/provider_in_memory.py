"""A provider without HTTP: rows in a list, pages by number or by token, and every trouble that a listing can make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from functions.archiver.errors import CursorRefused
from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.provider import Opened, Provider
from functions.archiver.recording import Call, Page, Recording, Window


@dataclass(frozen=True, kw_only=True)
class ListRequest:
    """One request for a page."""

    window: Window
    cursor: str | None


class ProviderInMemory(Provider):
    """Lists `rows` oldest first. `before` is called with the number of each request, before it is answered.

    `by_token` continues after the last row sent, else pages have numbers and resume one page back. `ignores_filters`
    sends every row whatever is asked for, and drops those outside of the window on this side. `endless` never stops
    giving a cursor. `by_day` knows whole days of UTC only, the one of the window's end included. `total_off` is added
    to the server's count, None hides it. `malformed` names pages' problem.
    """

    declaration = Declaration(
        title="in memory",
        secret_fields=(("key",),),
        rate_default=60,
        parallel_default=1,
        page_size=10,
        overlap_minimum=timedelta(hours=1),
    )

    def __init__(self, rows: Iterable[Recording] = (), *, page_size: int = 10, by_token: bool = False) -> None:
        self.rows = list(rows)
        self.page_size = page_size
        self.by_token = by_token
        self.ignores_filters = False
        self.endless = False
        self.by_day = False
        self.total_off: int | None = None
        self.malformed: str | None = None
        self.calls: list[Call] = []
        self.refused: set[str] = set()
        self.before: Callable[[int], None] = lambda number: None
        self.asked: list[ListRequest] = []

    def page(self, window: Window, cursor: str | None) -> Page:
        self.asked.append(ListRequest(window=window, cursor=cursor))
        self.before(len(self.asked))
        if cursor in self.refused:
            raise CursorRefused("the cursor has expired")
        rows = sorted(filter(self._listed(window), self.rows), key=self._order)
        sent = self._of_page(rows, cursor)
        more = self.endless or len(self._rest(rows, cursor)) > self.page_size
        following = self._following(sent, cursor) if more else None
        return Page(
            recordings=list(filter(self._inside(window), sent)),
            calls=[call for call in self.calls if call.recorded_at and window.start <= call.recorded_at <= window.end],
            rows=len(sent),
            next_cursor=following,
            resume_cursor=None if self.by_token else (cursor or "1"),
            total=None if self.total_off is None else len(rows) + self.total_off,
            problem=self.malformed,
        )

    def _order(self, row: Recording) -> tuple[float, str]:
        assert row.recorded_at is not None
        return row.recorded_at.timestamp(), row.id

    def _listed(self, window: Window) -> Callable[[Recording], bool]:
        if self.by_day:
            first, last = window.start.date(), window.end.date()
            return lambda row: row.recorded_at is not None and first <= row.recorded_at.date() <= last
        return (lambda row: True) if self.ignores_filters else self._inside(window)

    def declares(self, **changes: Any) -> None:
        self.declaration = replace(type(self).declaration, **changes)  # type: ignore[misc]  # a class attribute

    def _inside(self, window: Window) -> Callable[[Recording], bool]:
        return lambda row: row.recorded_at is not None and window.start <= row.recorded_at <= window.end

    def _rest(self, rows: list[Recording], cursor: str | None) -> list[Recording]:
        if cursor is None:
            return rows
        if self.by_token:
            return [row for row in rows if "/".join(map(str, self._order(row))) > cursor]
        return rows[(int(cursor) - 1) * self.page_size :]

    def _of_page(self, rows: list[Recording], cursor: str | None) -> list[Recording]:
        return self._rest(rows, cursor)[: self.page_size]

    def _following(self, sent: list[Recording], cursor: str | None) -> str:
        if self.by_token:
            return "/".join(map(str, self._order(sent[-1]))) if sent else str(cursor)
        return str(int(cursor or "1") + 1)

    def open(self, recording: Recording) -> AbstractContextManager[Opened]:
        raise NotImplementedError

    def describe(self, recording_id: str) -> Recording:
        raise NotImplementedError
