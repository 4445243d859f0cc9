"""Which recordings a verb is to act on: by their ids, or by the filters of `find`. What is selected is so now.

The ledger itself is asked, not this machine's index, which may be behind: an erasure or a hold must miss nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from functions.archiver.object_keys import digest_of
from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive
from ops.find.find import Question, question_to
from ops.index.asking import index_of_days, rows_named
from ops.index.from_ledger import row_of
from ops.index.index import Index
from ops.index.query import BadQuery, Query
from ops.index.refresh import refresh
from ops.index.rows import Row
from ops.shell.command_line import command_line
from ops.shell.output import ExitCode, Failure
from ops.shell.verb import Shared

Say = Callable[[str], None]

_KEPT_IN_WORDS = ("source", "day", "since", "until", "state", "direction", "min_length", "max_length", "held")
"""Filters that name nobody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """`ids` are recordings or calls; `filters` those of `find` by the names of their options, times without a zone."""

    ids: Sequence[str] = ()
    filters: Mapping[str, Any]

    @property
    def given(self) -> dict[str, Any]:
        """The filters that say anything."""
        return {name: value for name, value in self.filters.items() if value not in (None, False, "")}

    def kept(self) -> dict[str, Any]:
        """The part that a record may keep: no erasure should have to reach it, so numbers, names and ids are left out.

        Ids stand as digests, numbers, names and calls as `given`.
        """
        told = {name: str(value) if name in _KEPT_IN_WORDS else "given" for name, value in sorted(self.given.items())}
        return told | ({"ids": len(self.ids)} if self.ids else {})


def selected(archive: Archive, shared: Shared, selection: Selection, say: Say) -> list[Row]:
    """The recordings, newest first. Raises Failure: MISUSE where nothing is asked for, NOT_FOUND for an unknown id."""
    if not selection.ids and not selection.given:
        raise Failure(ExitCode.MISUSE, "which recordings? Give their ids, or filters as of `recordings find`")
    filters = dict(selection.filters)
    times = {name: filters.pop(name) for name in ("day", "since", "until")}
    question = question_to(archive, shared, "", **times, filters=filters)
    try:
        if selection.ids:
            return _by_id(question, selection, say)
        with _whole_index(question, say) as index:
            return list(index.everything(question.query))
    except BadQuery as mistake:
        raise Failure(ExitCode.MISUSE, str(mistake)) from None


def digests(rows: Sequence[Row]) -> list[str]:
    """The recordings as records name them."""
    return sorted(digest_of(row.source, row.recording_id) for row in rows)


def _by_id(question: Question, selection: Selection, say: Say) -> list[Row]:
    if selection.given.keys() - {"source"}:
        raise Failure(ExitCode.MISUSE, "give either ids or filters; beside ids only --source")
    rows = {id_: rows_named(question.archive, id_, question.sources) for id_ in dict.fromkeys(selection.ids)}
    calls = [id_ for id_, found in rows.items() if not found]
    if calls:
        with _whole_index(question, say) as index:
            for call in calls:
                rows[call] = list(index.everything(Query(call=call, source=question.query.source)))
    for id_, found in rows.items():
        if not found:
            raise Failure(
                ExitCode.NOT_FOUND,
                f"{question.archive.name} has no recording or call {id_!r}: nothing was done",
                next_=command_line("find", id_),
                kind="no_recording",
            )
    unique = {(row.source, row.recording_id): row for found in rows.values() for row in found}
    return sorted(unique.values(), key=lambda row: -row.sort_ms)


@contextmanager
def _whole_index(question: Question, say: Say) -> Iterator[Index]:
    """An index that misses nothing that the question may find."""
    archive, query = question.archive, question.query
    if isinstance(archive, FolderArchive):
        with closing(refresh(archive, say)) as index:  # follows every change of the folder's ledger
            yield index
    elif query.since is not None and query.until is not None:
        with index_of_days(archive, query, question.sources) as days:
            yield days
    else:
        with _read_whole(archive, say) as index:
            yield index


@contextmanager
def _read_whole(archive: Archive, say: Say) -> Iterator[Index]:
    """An index of all that the ledger holds, made for the moment: one scan."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="recordings-") as folder:
        index = Index.open(Path(folder) / "all.sqlite")
        try:
            say("reading the whole ledger, so that nothing is missed")
            index.put(row for item in archive.table.scan() if (row := row_of(item, now)))
            index.finish_build()
            yield index
        finally:
            index.close()
