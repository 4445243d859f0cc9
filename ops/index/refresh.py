"""Brings this machine's search index up to date with the ledger, wherever that is.

What is noted in the index itself: `built` once a first build has come to its end, and `as_of`, when the ledger was
last read. A build that is stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from ops.archive.archive import Archive
from ops.index.file import path_of
from ops.index.index import Index

BUILT, AS_OF = "built", "as_of"

Say = Callable[[str], None]


def refresh(archive: Archive, say: Say = lambda text: None) -> Index:
    """The index as of now, open for writing. Raises Failure, OSError, and AWS's errors."""
    from ops.local.engine.sqlite_table import SqliteTable

    index = Index.open(path_of(archive))
    try:
        now = datetime.now(UTC)
        if isinstance(archive.table, SqliteTable):
            from ops.index.from_folder import follow

            index = follow(archive.table, index, now, say)
        else:
            from functions.archiver.ledger.dynamodb import DynamoTable
            from ops.index.from_stack import follow as follow_stack

            assert isinstance(archive.table, DynamoTable)
            follow_stack(archive, archive.table, index, now, say)
        if index.noted(BUILT) is None:
            index.finish_build()
            index.note(BUILT, "yes")
        index.note(AS_OF, now.isoformat())
    except BaseException:
        index.close()
        raise
    return index


def as_of(index: Index) -> datetime | None:
    """When the ledger was last read; None before a first build is done."""
    text = index.noted(AS_OF) if index.noted(BUILT) else None
    return datetime.fromisoformat(text) if text else None
