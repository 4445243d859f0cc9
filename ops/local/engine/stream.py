"""The changes of a local ledger that make events, kept in its file until somebody has passed them on.

Triggers keep them in the very transaction of the write, whichever process makes it, so that no crash loses one. They
choose as the filter of an archive on AWS does; the rules look once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from functions.archiver.clock import from_ms
from functions.archiver.ledger.table import Item
from functions.archiver.settings.events import TOLD_STATES
from ops.local.engine.items import from_text
from ops.local.engine.sqlite_file import SqliteFile

_STATES = ", ".join(f"'{state}'" for state in TOLD_STATES)
_KEEP = "INSERT INTO stream (at, before, after) VALUES (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


def _of(row: str, name: str) -> str:
    return f"json_extract({row}.body, '$.{name}')"


_ON = (
    "CREATE TABLE stream (number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, before TEXT, after TEXT)",
    f"CREATE TRIGGER stream_new AFTER INSERT ON items WHEN {_of('NEW', 'state')} IN ({_STATES}) "
    f"OR {_of('NEW', 'announced_at')} IS NOT NULL "
    f"BEGIN {_KEEP}, NULL, NEW.body); END",
    f"CREATE TRIGGER stream_changed AFTER UPDATE ON items "
    f"WHEN ({_of('NEW', 'state')} IN ({_STATES}) AND {_of('OLD', 'state')} IS NOT {_of('NEW', 'state')}) "
    f"OR {_of('NEW', 'announced_at')} IS NOT {_of('OLD', 'announced_at')} "
    f"OR ({_of('OLD', 'sealing')} IS NOT NULL AND {_of('NEW', 'sealing')} IS NULL) "
    f"BEGIN {_KEEP}, OLD.body, NEW.body); END",
    f"CREATE TRIGGER stream_gone AFTER DELETE ON items WHEN {_of('OLD', 'kind')} = 'recording' "
    f"BEGIN {_KEEP}, OLD.body, NULL); END",
)
_OFF = (
    *(f"DROP TRIGGER IF EXISTS {name}" for name in ("stream_new", "stream_changed", "stream_gone")),
    "DROP TABLE IF EXISTS stream",
)


class StoredChange(NamedTuple):
    """One change, in the order of their numbers."""

    number: int
    at: datetime
    before: Item | None
    after: Item | None


class Stream:
    """The stream of one file. Raises LedgerError."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @property
    def is_on(self) -> bool:
        """Whether changes are kept."""
        with self._file.reading() as connection:
            return bool(connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'stream'").fetchone())

    def switch(self, *, on: bool) -> None:
        """Keeps changes from now on, or forgets them; nothing happens where that is so."""
        if self.is_on == on:
            return
        with self._file.writing(durable=True) as connection:
            for statement in (*_OFF, *(_ON if on else ())):
                connection.execute(statement)

    def read(self, limit: int) -> Sequence[StoredChange]:
        """The oldest changes that are kept."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT number, at, before, after FROM stream ORDER BY number LIMIT ?", (limit,)
            ).fetchall()
        return [StoredChange(number, from_ms(at), _item(before), _item(after)) for number, at, before, after in rows]

    def forget(self, until: int) -> None:
        """Everything up to this number has been passed on."""
        with self._file.writing(durable=False) as connection:
            connection.execute("DELETE FROM stream WHERE number <= ?", (until,))


def _item(text: str | None) -> Item | None:
    return from_text(text) if text else None
