"""The search index: one SQLite file for each archive, for people and never for proof.

It can be thrown away at any time. Each thread needs a `reader` of its own. Counts per day change with their rows.
"""

from __future__ import annotations

import heapq
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ops.index.numbers import reversed_digits
from ops.index.query import LAST, MIN_PREFIX, Query, Term, ways_in
from ops.index.rows import DIRECTIONS, Row
from ops.index.schema import INDEXES, SCHEMA, VERSION

COUNTED = 1000
"""How far matches are counted exactly."""

_EPOCH = date(1970, 1, 1)
_COLUMNS = (
    "source, recording_id, call_id, at, at_known, day, seconds, direction, from_number, to_number, from_reversed, "
    "to_reversed, agent, state, key, bytes, sha256, codec, held, transcript"
)
_PUT = f"INSERT OR REPLACE INTO recording ({_COLUMNS}) VALUES ({', '.join('?' * 20)})"  # noqa: S608 - no value in it
_SELECT = (
    "SELECT recording.*, source.name, agent.name FROM recording "
    "JOIN source ON source.id = recording.source LEFT JOIN agent ON agent.id = recording.agent"
)
_COUNT = (
    "INSERT INTO day VALUES (?, ?, ?, ?) ON CONFLICT (source, day, state) DO UPDATE SET count = count + excluded.count"
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list of matches: the sorting time and the id of the row that it stands behind (or before)."""

    at_ms: int
    id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """One page of matches, newest first, and the places before and behind it (None where there is nothing more)."""

    rows: Sequence[Row]
    newer: Cursor | None
    older: Cursor | None


class Index:
    """An open index file."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._indexed = self._is_indexed()

    @classmethod
    def open(cls, path: Path) -> Index:
        """Opens the file for writing, and makes it anew where it is missing, damaged or of another version."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and not _is_usable(path):
            drop(path)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        db = _connect(path)
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        return cls(path, db)

    def reader(self) -> Index:
        """The same file for another thread, which sees every finished write."""
        return Index(self.path, _connect(self.path))

    def close(self) -> None:
        """Ends this connection."""
        self._db.close()

    # writing

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def put(self, rows: Iterable[Row], notes: Mapping[str, str | None] | None = None) -> int:
        """Adds rows, or takes the place of those that are there, and keeps `notes`, all or nothing; how many rows."""
        with self._transaction():
            count = 0
            for row in rows:
                self._put(row)
                count += 1
            for name, value in (notes or {}).items():
                self._note(name, value)
        return count

    def _put(self, row: Row) -> None:
        source = self._id_of("source", row.source)
        self._uncount(source, row.recording_id)
        day = (row.day - _EPOCH).days
        self._db.execute(_PUT, self._values(source, day, row))
        self._db.execute(_COUNT, (source, day, row.state, 1))

    def _values(self, source: int, day: int, row: Row) -> tuple[object, ...]:
        return (
            *(source, row.recording_id, row.call_id, row.sort_ms, row.recorded_at is not None, day),
            *(row.duration_seconds, DIRECTIONS.index(row.direction), row.from_number, row.to_number),
            *(reversed_digits(row.from_number), reversed_digits(row.to_number)),
            self._id_of("agent", row.agent) if row.agent else None,
            *(
                row.state,
                _short(row.key, row.source, row.day),
                row.bytes,
                bytes.fromhex(row.sha256) if row.sha256 else None,
                row.codec,
            ),
            *(row.held, row.transcript),
        )

    def forget(self, source: str, recording_ids: Iterable[str]) -> None:
        """Takes rows out: what was erased, or is no longer in the ledger."""
        with self._transaction():
            number = self._id_of("source", source)
            for recording_id in recording_ids:
                self._uncount(number, recording_id)
                self._db.execute("DELETE FROM recording WHERE recording_id = ? AND source = ?", (recording_id, number))

    def _uncount(self, source: int, recording_id: str) -> None:
        known = self._db.execute(
            "SELECT day, state FROM recording WHERE recording_id = ? AND source = ?", (recording_id, source)
        ).fetchone()
        if known:
            self._db.execute(_COUNT, (source, *known, -1))

    def _id_of(self, table: str, name: str) -> int:
        found = self._db.execute(f"SELECT id FROM {table} WHERE name = ?", (name,)).fetchone()  # noqa: S608 - ours
        if found:
            return int(found[0])
        values = (name, name.casefold()) if table == "agent" else (name,)
        marks = ", ".join("?" * len(values))
        columns = "name, folded" if table == "agent" else "name"
        made = self._db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)  # noqa: S608 - ours
        return int(made.lastrowid or 0)

    def finish_build(self) -> None:
        """Makes the indexes once the first rows are in, and lets the planner look at them."""
        self._db.executescript(INDEXES)
        self._db.execute("PRAGMA optimize = 0x10002")
        self._indexed = True

    def _is_indexed(self) -> bool:
        return bool(self._db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'by_time'").fetchone()[0])

    def note(self, name: str, value: str | None) -> None:
        """Keeps a fact about the index itself (how far a build came, as of when); None forgets it."""
        with self._transaction():
            self._note(name, value)

    def _note(self, name: str, value: str | None) -> None:
        if value is None:
            self._db.execute("DELETE FROM meta WHERE name = ?", (name,))
        else:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def noted(self, name: str) -> str | None:
        """The note that `note` kept."""
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else None

    # reading

    def search(
        self, query: Query, *, limit: int = 50, older_than: Cursor | None = None, newer_than: Cursor | None = None
    ) -> Matches:
        """One page of matches, newest first. Raises BadQuery."""
        backwards = newer_than is not None
        place = newer_than or older_than
        found = self._merged(query, limit + 1, place, backwards=backwards)
        more, found = len(found) > limit, found[:limit]
        if backwards:
            found.reverse()
        rows = self._rows([id_ for _, id_ in found])
        first, last = (Cursor(*found[0]), Cursor(*found[-1])) if found else (None, None)
        return Matches(
            rows=rows,
            newer=first if (more if backwards else older_than) else None,
            older=last if (more or backwards) else None,
        )

    def _merged(self, query: Query, limit: int, place: Cursor | None, *, backwards: bool) -> list[tuple[int, int]]:
        ways = ways_in(query, self._agents(query.agent or query.words))
        pages = [self._way(terms, limit, place, backwards=backwards) for terms in ways]
        merged = heapq.merge(*pages, reverse=not backwards)
        return list(dict.fromkeys(merged))[:limit]

    def _way(
        self, terms: Sequence[Term], limit: int, place: Cursor | None, *, backwards: bool
    ) -> list[tuple[int, int]]:
        beyond = ">" if backwards else "<"
        conditions = [term.sql for term in terms]
        values: list[object] = [value for term in terms for value in term.values]
        if place:
            conditions.append(f"(at, id) {beyond} (?, ?)")
            values += [place.at_ms, place.id]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        way = "ASC" if backwards else "DESC"
        sql = f"SELECT at, id FROM recording {self._hint(terms)} {where} ORDER BY at {way}, id {way} LIMIT ?"  # noqa: S608 - ours
        return [(int(at), int(id_)) for at, id_ in self._db.execute(sql, (*values, limit))]

    def _hint(self, terms: Sequence[Term]) -> str:
        """Names the index that serves best; without one, walks by time and reads nothing but the index.

        While a first build goes on there are none yet, and everything is read.
        """
        if not self._indexed:
            return ""
        if indexes := [term.index for term in terms if term.index]:
            return f"INDEXED BY {indexes[0]}"
        scans_numbers = any("LIKE" in term.sql for term in terms)
        return "" if scans_numbers else "INDEXED BY by_time"

    def count(self, query: Query, most: int = COUNTED) -> int:
        """How many match, exactly up to `most`; `most` + 1 stands for more. Raises BadQuery."""
        found: set[int] = set()
        for terms in ways_in(query, self._agents(query.agent or query.words)):
            where = f"WHERE {' AND '.join(term.sql for term in terms)}" if terms else ""
            sql = f"SELECT id FROM recording {self._hint(terms)} {where} LIMIT ?"  # noqa: S608 - conditions are ours
            values = [value for term in terms for value in term.values]
            found.update(id_ for (id_,) in self._db.execute(sql, (*values, most + 1)))
        return min(len(found), most + 1)

    def _agents(self, text: str) -> list[int]:
        """Those whose name holds the text, in any case; at most fifty."""
        folded = text.strip().casefold()
        if not folded:
            return []
        sql = "SELECT id FROM agent WHERE instr(folded, ?) ORDER BY folded <> ?, folded LIMIT 50"
        return [int(id_) for (id_,) in self._db.execute(sql, (folded, folded))]

    def get(self, source: str, recording_id: str) -> Row | None:
        """One recording."""
        found = self._ids("recording_id = ? AND source = (SELECT id FROM source WHERE name = ?)", recording_id, source)
        return self._rows(found)[0] if found else None

    def named(self, text: str) -> list[Row]:
        """The recordings that an id, a call's id, a key or the unique start of an id (six characters) may mean."""
        for column, name in (("recording_id", text), ("call_id", text), ("recording_id", _id_in_key(text))):
            found = self._ids(f"{column} = ?", name)
            if found:
                return self._rows(found)
        if len(text) < MIN_PREFIX:
            return []
        return self._rows(self._ids("recording_id >= ? AND recording_id < ? LIMIT 20", text, text + LAST))

    def names(self) -> Iterator[tuple[str, str]]:
        """Source and id of every recording."""
        sql = "SELECT source.name, recording_id FROM recording JOIN source ON source.id = recording.source"
        yield from self._db.execute(sql)

    def of_call(self, source: str, call_id: str) -> list[Row]:
        """All recordings of one call, oldest first."""
        sql = "call_id = ? AND source = (SELECT id FROM source WHERE name = ?) ORDER BY at, id"
        return self._rows(self._ids(sql, call_id, source))

    def of_day(self, source: str, day: date) -> Iterator[Row]:
        """All recordings that the archive keeps under one day."""
        number = (day - _EPOCH).days
        ids = self._ids("source = (SELECT id FROM source WHERE name = ?) AND day = ? ORDER BY at, id", source, number)
        for start in range(0, len(ids), 500):
            yield from self._rows(ids[start : start + 500])

    def everything(self, query: Query) -> Iterator[Row]:
        """Every match, newest first, a page at a time."""
        place: Cursor | None = None
        while True:
            page = self.search(query, limit=500, older_than=place)
            yield from page.rows
            if page.older is None:
                return
            place = page.older

    def days(self, first: date, last: date) -> dict[tuple[str, date], dict[str, int]]:
        """Counts by state of each source's days from `first` to `last`, both included."""
        found: dict[tuple[str, date], dict[str, int]] = {}
        sql = (
            "SELECT source.name, day, state, count FROM day JOIN source ON source.id = day.source "
            "WHERE day BETWEEN ? AND ? AND count > 0"
        )
        for source, day, state, count in self._db.execute(sql, ((first - _EPOCH).days, (last - _EPOCH).days)):
            found.setdefault((source, _EPOCH + timedelta(days=day)), {})[state] = count
        return found

    def per_day(self) -> dict[tuple[str, date], int]:
        """How many recordings each source has on each day."""
        sql = (
            "SELECT source.name, day, sum(count) FROM day JOIN source ON source.id = day.source "
            "GROUP BY 1, 2 HAVING sum(count) > 0"
        )
        return {(source, _EPOCH + timedelta(days=day)): count for source, day, count in self._db.execute(sql)}

    def totals(self) -> dict[str, dict[str, int]]:
        """Counts by state of each source."""
        found: dict[str, dict[str, int]] = {}
        sql = (
            "SELECT source.name, state, sum(count) FROM day JOIN source ON source.id = day.source "
            "GROUP BY 1, 2 HAVING sum(count) > 0"
        )
        for source, state, count in self._db.execute(sql):
            found.setdefault(source, {})[state] = count
        return found

    def sources(self) -> list[str]:
        """The names of all sources that have rows."""
        return sorted(self.totals())

    def _ids(self, where: str, *values: object) -> list[int]:
        sql = f"SELECT id FROM recording WHERE {where}"  # noqa: S608 - conditions are ours
        return [int(id_) for (id_,) in self._db.execute(sql, values)]

    def _rows(self, ids: Sequence[int]) -> list[Row]:
        sql = f"{_SELECT} WHERE recording.id IN ({', '.join('?' * len(ids))})"
        with closing(self._db.execute(sql, tuple(ids))) as found:
            rows = {int(values[0]): _row(values) for values in found}
        return [rows[id_] for id_ in ids if id_ in rows]


def drop(path: Path) -> None:
    """Removes an index file and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    db.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; PRAGMA cache_size = -32000;"
    )
    return db


def _is_usable(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as db:
            return bool(db.execute("PRAGMA user_version").fetchone()[0] in (0, VERSION))
    except sqlite3.DatabaseError:
        return False


def _short(key: str | None, source: str, day: date) -> str | None:
    """A key without the part that source and day tell anyway: a tenth of the file."""
    return key.replace(_folder(source, day), "~", 1) if key else None


def _long(key: str | None, source: str, day: date) -> str | None:
    return key.replace("~", _folder(source, day), 1) if key and key.startswith("~") else key


def _folder(source: str, day: date) -> str:
    return f"audio/source={source}/date={day.isoformat()}/"


def _id_in_key(key: str) -> str:
    """The recording's id that a key ends in; ids that were too long for a key are not found by it."""
    return unquote(key.rpartition("/")[2].rpartition(".")[0])


def _row(values: Sequence[Any]) -> Row:
    at, at_known, day = values[4], values[5], values[6]
    return Row(
        source=values[21],
        recording_id=values[2],
        call_id=values[3],
        recorded_at=datetime.fromtimestamp(at / 1000, UTC) if at_known else None,
        day=_EPOCH + timedelta(days=day),
        duration_seconds=values[7],
        direction=DIRECTIONS[values[8]],
        from_number=values[9],
        to_number=values[10],
        agent=values[22],
        state=values[14],
        key=_long(values[15], values[21], _EPOCH + timedelta(days=day)),
        bytes=values[16],
        sha256=values[17].hex() if values[17] else None,
        codec=values[18],
        held=bool(values[19]),
        transcript=bool(values[20]),
    )
