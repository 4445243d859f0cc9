"""A look-up in a list, as providers do it that cannot be asked by id."""

from __future__ import annotations

from datetime import timedelta

from functions.archiver.provider.looking_back import MAX_PAGES, rows_looking_back
from functions.archiver.recording import Window

HOUR = timedelta(hours=1)


def test_the_newest_span_is_read_first_and_no_moment_twice() -> None:
    asked: list[Window] = []

    def read(window: Window, cursor: str | None) -> tuple[list[str], str | None]:
        asked.append(window)
        return ["row"], None

    assert list(rows_looking_back(read, HOUR, 24 * HOUR)) == ["row", "row"]
    newest, older = asked
    assert newest.start == older.end
    assert (newest.end - newest.start, newest.end - older.start) == (HOUR, 24 * HOUR)


def test_nothing_more_is_asked_for_once_it_was_found() -> None:
    asked: list[str | None] = []

    def read(window: Window, cursor: str | None) -> tuple[list[str], str | None]:
        asked.append(cursor)
        return [f"row {len(asked)}"], f"page {len(asked) + 1}"

    assert next(each for each in rows_looking_back(read, HOUR) if each == "row 2")
    assert asked == [None, "page 2"]


def test_a_list_without_an_end_is_given_up() -> None:
    asked: list[str | None] = []

    def read(window: Window, cursor: str | None) -> tuple[list[str], str | None]:
        asked.append(cursor)
        return [], "again"

    assert list(rows_looking_back(read, HOUR)) == []
    assert len(asked) == MAX_PAGES
