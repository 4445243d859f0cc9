"""Takes recordings out of this machine's index so that no name of them stays in its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing

from ops.archive.archive import Archive
from ops.index.file import path_of
from ops.index.index import Index


def erase_from_index(archive: Archive, recordings: Iterable[tuple[str, str]]) -> bool:
    """`recordings` are sources and ids. False while another process keeps the file's log, which it empties later."""
    path = path_of(archive)
    if not path.exists():
        return True
    with closing(Index.open(path)) as index:
        for source, recording_id in recordings:
            index.forget(source, [recording_id])
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("DELETE FROM agent WHERE id NOT IN (SELECT agent FROM recording WHERE agent IS NOT NULL)")
        (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
