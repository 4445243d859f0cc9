"""Which recordings a person means: by an id, a call's id, a key in the archive, or the start of an id."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from datetime import date
from urllib.parse import unquote

from ops.archive.archive import Archive
from ops.archive.identity import FOLDERS
from ops.index.asking import rows_named, rows_of_day
from ops.index.refresh import refresh
from ops.index.rows import Row
from ops.shell.command_line import command_line
from ops.shell.output import ExitCode, Failure

MAX_NAMED = 10


def rows_meant(archive: Archive, what: str, say: Callable[[str], None]) -> list[Row]:
    """One recording, or all of a call. The ledger is asked first, and the search index only for what it cannot tell.

    Raises Failure (NOT_FOUND) where nothing is meant, or more than one start of an id.
    """
    what = what.removesuffix("…")  # as a narrow table shows a long id
    by_key = _by_key(archive, what)
    rows = by_key or rows_named(archive, what, archive.sources)
    if rows:
        return rows
    with closing(refresh(archive, say)) as index:
        rows = index.named(what)
    if not rows:
        raise Failure(
            ExitCode.NOT_FOUND,
            f"{archive.name} has no recording or call {what!r}",
            next_=command_line("find", what),
            kind="no_recording",
        )
    if len({row.recording_id for row in rows}) > 1 and any(row.call_id != what for row in rows):
        ids = [row.recording_id for row in rows[:MAX_NAMED]]
        raise Failure(
            ExitCode.NOT_FOUND,
            f"{what!r} is the beginning of several ids ({', '.join(ids)}): give more of it",
            kind="ambiguous",
        )
    return rows


def row_meant(archive: Archive, what: str, say: Callable[[str], None]) -> Row:
    """Exactly one recording. Raises Failure (NOT_FOUND) also for a call that has several."""
    rows = rows_meant(archive, what, say)
    if len(rows) > 1:
        ids = ", ".join(f"{row.recording_id} ({row.source})" for row in rows[:MAX_NAMED])
        raise Failure(
            ExitCode.NOT_FOUND,
            f"{what!r} means {len(rows)} recordings: {ids}: name one of them",
            next_=command_line("show", what),
            kind="ambiguous",
        )
    return rows[0]


def _by_key(archive: Archive, what: str) -> list[Row]:
    """Rows by a key, such as `audio/source=…/date=…/<name>.<extension>`."""
    folder, *parts = what.split("/")
    if folder not in FOLDERS or len(parts) != 3 or not parts[0].startswith("source="):
        return []
    source = parts[0].removeprefix("source=")
    name = unquote(parts[2].removesuffix(".enc").rpartition(".")[0])
    found = rows_named(archive, name, [source])
    if not found and "~" in parts[2]:  # an id that was too long for a key
        with suppress(ValueError):
            day = date.fromisoformat(parts[1].removeprefix("date="))
            found = [row for row in rows_of_day(archive.table, source, day) if row.key == what]
    return found
