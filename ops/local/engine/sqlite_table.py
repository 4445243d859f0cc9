"""The ledger's table in a file of SQLite.

An item is a row: the item itself as JSON, and beside it the keys that the indexes need. Every write reads the item,
holds the condition against it and writes it back within one transaction.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from functions.archiver.ledger.conditions import Condition, KeyRange
from functions.archiver.ledger.table import AT_ONCE, Index, Item, Refused
from ops.local.engine.errors import LedgerTooOld
from ops.local.engine.holding import holds
from ops.local.engine.items import acceptable, changed, check_key, from_text, to_text
from ops.local.engine.sqlite_file import Journal, SqliteFile
from ops.local.engine.stream import Stream

_INTO = "items (changed, due_group, due_at, day, body, pk) VALUES (?, ?, ?, ?, ?, ?)"
_NUMBERED = 2
"""The version of the file from which on every change of a recording has a number."""

_SORT_KEY = {"due": "due_at", "day": "pk"}
_PARTITION_KEY = {"due": "due_group", "day": "day"}


class Changes(NamedTuple):
    """`ledger` names this very file: another one counts from the beginning. `removed` counts recordings that went."""

    ledger: str
    last: int
    removed: int


class SqliteTable:
    """A Table in one file, which is made if it is not there. Several processes and threads may use it at once.

    `journal` None decides by the file and its file system. With `read_only` nothing is written, and nobody is kept
    waiting; `lock_is_free` says whether a file that cannot be shared may be read as it lies there, because nobody is
    writing. Raises LedgerError, from any method.
    """

    def __init__(
        self,
        path: Path,
        *,
        journal: Journal | None = None,
        read_only: bool = False,
        lock_is_free: Callable[[], bool] = lambda: False,
    ) -> None:
        self._file = SqliteFile(path, journal=journal, read_only=read_only, lock_is_free=lock_is_free)

    @property
    def journal(self) -> Journal:
        """How the file is kept: `truncate` means that no other process can use it meanwhile."""
        return self._file.journal

    @property
    def stream(self) -> Stream:
        """The changes that make events."""
        return Stream(self._file)

    def close(self) -> None:
        """Ends the use of the file; what was written last is moved out of the log."""
        self._file.close()

    def truncate_log(self) -> bool:
        """Moves everything out of the file's log and empties it; False while another process reads from it."""
        with self._file.reading() as connection:
            return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, pk: str) -> Item | None:
        check_key(pk, "pk")
        with self._file.reading() as connection:
            return _read(connection, pk)

    def get_many(self, pks: Sequence[str], attributes: Sequence[str]) -> dict[str, Item]:
        wanted = {"pk", *attributes}
        unique = list(dict.fromkeys(pks))
        found: dict[str, Item] = {}
        with self._file.reading() as connection:
            for start in range(0, len(unique), AT_ONCE):
                some = unique[start : start + AT_ONCE]
                marks = ",".join("?" * len(some))
                statement = f"SELECT pk, body FROM items WHERE pk IN ({marks})"  # noqa: S608 - question marks alone
                for pk, body in connection.execute(statement, some):
                    found[pk] = {name: value for name, value in from_text(body).items() if name in wanted}
        return found

    def put_new(self, item: Mapping[str, object]) -> bool:
        kept = acceptable(item)
        with self._file.writing(durable=_is_durable(item)) as connection:
            row = (_next_change(connection, kept), *_row(kept))
            cursor = connection.execute(f"INSERT OR IGNORE INTO {_INTO}", row)
            return cursor.rowcount == 1

    def update(
        self,
        pk: str,
        *,
        put: Mapping[str, object],
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: Condition | None = None,
    ) -> Item:
        check_key(pk, "pk")
        with self._file.writing(durable=_is_durable(put)) as connection:
            before = _read(connection, pk)
            if when is not None and not holds(when, before or {}):
                raise Refused(before)
            after = acceptable(changed(before or {"pk": pk}, put=put, remove=remove, add=add or {}))
            _write(connection, before, after)
        return after

    def delete(self, pk: str, *, when: Condition) -> bool:
        check_key(pk, "pk")
        with self._file.writing(durable=False) as connection:
            item = _read(connection, pk) or {}
            if not holds(when, item):
                return False
            connection.execute("DELETE FROM items WHERE pk = ?", (pk,))
            if "day" in item:
                connection.execute("UPDATE changes SET removed = removed + 1")
        return True

    def query(self, index: Index, key: KeyRange, *, limit: int | None = None, newest_first: bool = False) -> list[Item]:
        where, values = _where(index, key)
        names = list(dict.fromkeys(("pk", _PARTITION_KEY[index], _SORT_KEY[index])))
        way = "DESC" if newest_first else "ASC"
        statement = (
            f"SELECT {', '.join(names)} FROM items INDEXED BY {index} WHERE {where} "  # noqa: S608 - names are ours
            f"ORDER BY {_SORT_KEY[index]} {way}, pk {way} LIMIT ?"
        )
        with self._file.reading() as connection:
            rows = connection.execute(statement, (*values, -1 if limit is None else limit)).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def count(self, index: Index, key: KeyRange, *, prefix: str = "") -> int:
        where, values = _where(index, key)
        if prefix:
            where, values = f"{where} AND substr(pk, 1, ?) = ?", [*values, len(prefix), prefix]
        with self._file.reading() as connection:
            statement = f"SELECT count(*) FROM items INDEXED BY {index} WHERE {where}"  # noqa: S608 - names are ours
            (number,) = connection.execute(statement, values).fetchone()
        return int(number)

    def scan(self) -> Iterator[Item]:
        statement = "SELECT pk, body FROM items WHERE pk > ?1 ORDER BY pk LIMIT ?2"
        return (from_text(body) for _, body in self._paged(statement, ("",)))

    def _paged(self, statement: str, after: tuple[object, ...], *more: object) -> Iterator[tuple[Any, ...]]:
        """All rows that come after one, a few hundred in memory at a time; between two pages anybody may write.

        The statement gets the row to begin after, `more`, and how many; its first columns are what tells a row's place.
        """
        while True:
            with self._file.reading() as connection:
                rows = connection.execute(statement, (*after, *more, AT_ONCE)).fetchall()
            yield from rows
            if len(rows) < AT_ONCE:
                return
            after = rows[-1][: len(after)]

    # how a search index follows the ledger

    def changes(self) -> Changes:
        """How far the changes of recordings have come. Raises LedgerTooOld for a file that does not number them."""
        if self._file.version < _NUMBERED:
            raise LedgerTooOld(self._file.path)
        with self._file.reading() as connection:
            return Changes(*connection.execute("SELECT ledger, last, removed FROM changes").fetchone())

    def changed_since(self, number: int) -> Iterator[tuple[int, Item]]:
        """Every recording that was put or updated after change `number`, once, with its newest change's number."""
        statement = (
            "SELECT changed, rowid, body FROM items INDEXED BY changed WHERE day IS NOT NULL "
            "AND changed >= ?1 AND (changed, rowid) > (?1, ?2) ORDER BY changed, rowid LIMIT ?3"
        )
        return ((newest, from_text(body)) for newest, _, body in self._paged(statement, (number, -1)))

    def days(self) -> dict[tuple[str, str], int]:
        """How many recordings there are of each source and day (as in keys of the archive)."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT day, count(*) FROM items INDEXED BY day WHERE day IS NOT NULL GROUP BY day"
            ).fetchall()
        return {(day.partition("#")[0], day.partition("#")[2]): number for day, number in rows}

    # what a run reads at its end, which no function on AWS does

    def by_day(self, source: str) -> Iterator[Item]:
        """The recordings of a source by day and pk, a few hundred in memory at a time."""
        first, beyond = _days_of(source)
        statement = (
            "SELECT day, pk, body FROM items INDEXED BY day WHERE day IS NOT NULL AND (day, pk) > (?1, ?2) "
            "AND day < ?3 ORDER BY day, pk LIMIT ?4"
        )
        return (from_text(body) for _, _, body in self._paged(statement, (first, ""), beyond))

    def by_time(self, source: str) -> Iterator[Item]:
        """The recordings of a source by day, moment and id, a few hundred of them in memory, and a day's numbers."""
        statement = (
            "SELECT DISTINCT day FROM items INDEXED BY day WHERE day IS NOT NULL AND day >= ? AND day < ? ORDER BY day"
        )
        with self._file.reading() as connection:
            days = connection.execute(statement, _days_of(source)).fetchall()
        for (day,) in days:
            numbers = self._numbers_of(day)
            for start in range(0, len(numbers), AT_ONCE):
                yield from self._numbered(numbers[start : start + AT_ONCE], day)

    def _numbers_of(self, day: str) -> array[int]:
        """The numbers of a day's rows, in order; eight bytes each, where the rows themselves may be a gigabyte."""
        statement = (
            "SELECT rowid FROM items INDEXED BY day WHERE day = ? ORDER BY coalesce(nullif(json_extract(body, "
            "'$.recorded_at'), ''), json_extract(body, '$.found_at'), ''), json_extract(body, '$.recording_id')"
        )
        with self._file.reading() as connection:
            return array("q", (number for (number,) in connection.execute(statement, (day,))))

    def _numbered(self, numbers: Sequence[int], day: str) -> Iterator[Item]:
        marks = ",".join("?" * len(numbers))
        statement = f"SELECT rowid, body FROM items WHERE rowid IN ({marks}) AND day = ?"  # noqa: S608 - question marks
        with self._file.reading() as connection:
            bodies = dict(connection.execute(statement, (*numbers, day)).fetchall())
        return (from_text(bodies[number]) for number in numbers if number in bodies)

    def tally(self, source: str) -> dict[tuple[str, bool], int]:
        """How many recordings of a source there are by state and whether a person has accepted them."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT state, accepted, count(*) FROM items INDEXED BY tallied "
                "WHERE day IS NOT NULL AND day >= ? AND day < ? GROUP BY 1, 2",
                _days_of(source),
            ).fetchall()
        return {(state, bool(accepted)): number for state, accepted, number in rows}

    def erased(self, source: str) -> int:
        """How many recordings of a source were erased: its tombstones say so."""
        with self._file.reading() as connection:
            (number,) = connection.execute(
                "SELECT count(*) FROM items INDEXED BY tallied WHERE day IS NOT NULL AND day >= ? AND day < ?",
                (f"{source}#erased#", f"{source}#erased$"),
            ).fetchone()
        return int(number)

    def sources(self) -> list[str]:
        """Whose recordings there are, sorted."""
        with self._file.reading() as connection:
            # One step of the index for each source, not for each day.
            rows = connection.execute(
                "WITH RECURSIVE found (day) AS (SELECT min(day) FROM items WHERE day IS NOT NULL UNION ALL "
                "SELECT (SELECT min(day) FROM items "
                "WHERE day >= substr(found.day, 1, instr(found.day, '#') - 1) || '$') FROM found "
                "WHERE found.day IS NOT NULL) SELECT day FROM found WHERE day IS NOT NULL"
            ).fetchall()
        return sorted(day.partition("#")[0] for (day,) in rows)

    def of_state(self, source: str, state: str) -> Iterator[Item]:
        """The recordings of a source in one state by day, without those that a person has accepted.

        A few hundred are in memory at a time, and they may change their state between two.
        """
        first, beyond = _days_of(source)
        statement = (
            "SELECT day, rowid, body FROM items INDEXED BY tallied WHERE day IS NOT NULL "
            "AND day >= ?1 AND (day, rowid) > (?1, ?2) AND day < ?3 AND state = ?4 AND accepted = 0 "
            "ORDER BY day, rowid LIMIT ?5"
        )
        return (from_text(body) for *_, body in self._paged(statement, (first, -1), beyond, state))

    def bytes(self, source: str) -> int:
        """The bytes of all audio of a source."""
        with self._file.reading() as connection:
            (number,) = connection.execute(
                "SELECT coalesce(sum(json_extract(body, '$.bytes')), 0) FROM items WHERE day >= ? AND day < ?",
                _days_of(source),
            ).fetchone()
        return int(number)


def _days_of(source: str) -> tuple[str, str]:
    """The bounds of a source's partitions of the index `day`: `acme#2026-01-01` and so on.

    Those of its tombstones, such as `acme#erased#2026-01-01`, come after all dates.
    """
    return f"{source}#0", f"{source}#:"


def _is_durable(put: Mapping[str, object]) -> bool:
    """Whether a write must survive a power cut: it says which bytes were stored. Any other would only be repeated."""
    return any(name in ("noted", "sha256") for name in put)


def _read(connection: sqlite3.Connection, pk: str) -> Item | None:
    row = connection.execute("SELECT body FROM items WHERE pk = ?", (pk,)).fetchone()
    return from_text(row[0]) if row else None


def _write(connection: sqlite3.Connection, before: Item | None, after: Item) -> None:
    row = (_next_change(connection, after), *_row(after))
    if before is None:
        connection.execute(f"INSERT INTO {_INTO}", row)
    elif _row_keys(before) == _row_keys(after):
        body = (row[0], *row[4:])  # leaves the indexes of keys alone
        connection.execute("UPDATE items SET changed = ?, body = ? WHERE pk = ?", body)
    else:
        columns = "changed = ?, due_group = ?, due_at = ?, day = ?, body = ?"
        connection.execute(f"UPDATE items SET {columns} WHERE pk = ?", row)  # noqa: S608 - no value in it


def _next_change(connection: sqlite3.Connection, item: Item) -> int:
    """The number of a recording's change; other items are in no search index, and need none."""
    if "day" not in item:
        return 0
    connection.execute("UPDATE changes SET last = last + 1")
    (number,) = connection.execute("SELECT last FROM changes").fetchone()
    return int(number)


def _row(item: Item) -> tuple[object, ...]:
    return (*_row_keys(item), to_text(item), item["pk"])


def _row_keys(item: Item) -> tuple[object, ...]:
    return item.get("due_group"), item.get("due_at"), item.get("day")


def _where(index: Index, key: KeyRange) -> tuple[str, list[object]]:
    check_key(key.partition, _PARTITION_KEY[index])
    sort = _SORT_KEY[index]
    parts = [f"{_PARTITION_KEY[index]} = ?", f"{sort} IS NOT NULL"]
    values: list[object] = [key.partition]
    for sign, end in ((">=", key.at_least), ("<=", key.at_most)):
        if end is not None:
            parts.append(f"{sort} {sign} ?")
            values.append(end)
    return " AND ".join(parts), values
