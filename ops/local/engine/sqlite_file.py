"""The file of a local ledger: how it is opened, which version it has, and who may write at a time.

Any number of processes and threads may use one file: SQLite lets one write at a time and the others wait. Readers never
wait. Where the file system cannot do that (no shared memory or no locks over a network), the file is kept in the older
mode, for one process alone.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Literal

from ops.local.engine.errors import LedgerDamaged, LedgerError, LedgerFull, LedgerInUse, LedgerTooNew, LedgerUnusable
from ops.local.engine.ground import bears_a_log, is_remote

Journal = Literal["wal", "truncate"]
"""`wal` is for many processes. `truncate` holds the file for this process as long as it is open."""

WAIT_SECONDS = 60.0
"""How long one waits for another's write, which takes milliseconds."""

READER_WAIT_SECONDS = 5.0
"""A reader waits only for a file that is one process's alone, and that may last for days."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE items (pk TEXT PRIMARY KEY NOT NULL, due_group TEXT, due_at INTEGER, day TEXT, body TEXT)",
        "CREATE INDEX due ON items (due_group, due_at, pk) WHERE due_group IS NOT NULL AND due_at IS NOT NULL",
        "CREATE INDEX day ON items (day, pk) WHERE day IS NOT NULL",
    ),
    (
        "ALTER TABLE items ADD COLUMN changed INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX changed ON items (changed) WHERE day IS NOT NULL",
        # An index over computed columns, so that counting a million recordings reads none of them.
        "ALTER TABLE items ADD COLUMN state TEXT AS (json_extract(body, '$.state')) VIRTUAL",
        "ALTER TABLE items ADD COLUMN accepted INTEGER AS (json_extract(body, '$.accepted') IS NOT NULL) VIRTUAL",
        "CREATE INDEX tallied ON items (day, state, accepted) WHERE day IS NOT NULL",
        "CREATE TABLE changes (ledger TEXT NOT NULL, last INTEGER NOT NULL, removed INTEGER NOT NULL)",
        "INSERT INTO changes VALUES (lower(hex(randomblob(16))), 0, 0)",
    ),
)
"""What makes version 1 of nothing, version 2 of version 1, and so on. Once released, a migration is never changed."""

_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_IN_THE_WAY = {
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_PROTOCOL: "locks do not work there",
}


CACHE_KIB = 256
"""Of each connection: what SQLite takes by itself would grow with the ledger."""

CONNECTIONS = 8
"""At once, however many threads there are: one writes at a time, and the others wait for that in any case."""


class _Connection(sqlite3.Connection):
    """`full`: whether a commit waits until the disk has it."""

    full = False


class SqliteFile:
    """One file with a few connections to it, of which a thread has one for as long as a statement or a transaction of
    its takes. Raises LedgerError.
    """

    def __init__(
        self,
        path: Path,
        *,
        journal: Journal | None = None,
        read_only: bool = False,
        lock_is_free: Callable[[], bool] = lambda: False,
        migrations: tuple[tuple[str, ...], ...] = MIGRATIONS,
    ) -> None:
        self.path = path
        self._migrations = migrations
        self._read_only = read_only
        self._free: queue.LifoQueue[_Connection] = queue.LifoQueue()
        self._closed = False
        self._uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
        self.version = 0
        self.journal: Journal = "truncate" if journal == "truncate" or is_remote(path.parent) else "wal"
        with self._in_words():
            first = self._open_to_read(lock_is_free) if read_only else self._open_to_write(asked_for=journal)
        self._free.put(first)
        # In the older mode a second connection would find the file locked by the first.
        self._turns = threading.Semaphore(1 if self.journal == "truncate" else CONNECTIONS)

    # at work

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for single statements."""
        with self._in_words(), self._connection() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else's write comes between; undone if the block raises.

        When a durable one has ended, the disk has it, and everything that was written before it.
        """
        with self._in_words(), self._connection() as connection:
            # The older mode can be torn by a power cut unless every commit waits for the disk.
            _make_durable(connection, durable or self.journal == "truncate")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes what nobody is using; connections at work close when they are done."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._free.get_nowait().close()

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        with self._turns:
            connection = self._take()
            try:
                yield connection
            finally:
                self._free.put(connection)
                if self._closed:
                    self.close()

    def _take(self) -> _Connection:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            return self._connect()

    def _connect(self) -> _Connection:
        connection = sqlite3.connect(
            self._uri,
            uri=True,
            timeout=READER_WAIT_SECONDS if self._read_only else WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
        )
        if self.journal == "truncate":
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        return connection

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._problem(error) or error from error

    def _problem(self, error: sqlite3.Error) -> LedgerError | None:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _CORRUPT:
            return LedgerDamaged(self.path, str(error))
        if code in _BUSY:
            return LedgerInUse(self.path)
        if code == sqlite3.SQLITE_FULL:
            return LedgerFull(self.path)
        if code == sqlite3.SQLITE_CANTOPEN and not self._read_only and not os.access(self.path.parent, os.W_OK):
            code = sqlite3.SQLITE_READONLY  # SQLite wants its log beside the file, and says no more than that
        if code in _IN_THE_WAY:
            return LedgerUnusable(self.path, f"{_IN_THE_WAY[code]} ({error})", next_=self._way_out())
        return None

    def _way_out(self) -> str | None:
        return "recordings local --ledger FILE, with a FILE on a local disk" if self.journal == "truncate" else None

    # opening

    def _open_to_write(self, *, asked_for: Journal | None) -> _Connection:
        _create(self.path)
        connection = self._connect()
        version = self._version(connection)
        if version:
            self._check(connection)
        self._choose_journal(connection, asked_for, is_new=version == 0)
        if version < len(self._migrations):
            self._migrate(connection)
        return connection

    def _open_to_read(self, lock_is_free: Callable[[], bool]) -> _Connection:
        if not self.path.exists():
            raise LedgerUnusable(self.path, "there is none")
        self.journal = "wal"  # readers lock nobody out
        try:
            connection = self._connect()
            self._version(connection)
        except sqlite3.OperationalError:
            log = self.path.with_name(self.path.name + "-wal")
            if not lock_is_free() or (log.exists() and log.stat().st_size):
                raise
            self._uri += "&immutable=1"
            connection = self._connect()
            self._version(connection)
        return connection

    def _version(self, connection: _Connection) -> int:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(self._migrations):
            connection.close()
            raise LedgerTooNew(self.path, version, len(self._migrations))
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and not version:
            connection.close()
            raise LedgerDamaged(self.path, "it is a database of something else")
        self.version = int(version)
        return self.version

    def _check(self, connection: _Connection) -> None:
        (complaint,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if complaint != "ok":
            connection.close()
            raise LedgerDamaged(self.path, " ".join(complaint.split()))

    def _choose_journal(self, connection: _Connection, asked_for: Journal | None, *, is_new: bool) -> None:
        (present,) = connection.execute("PRAGMA journal_mode").fetchone()
        if self.journal == "wal" and not asked_for and not self._bears_a_log(present, is_new=is_new):
            self.journal = "truncate"
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _patiently(lambda: connection.execute(f"PRAGMA journal_mode = {self.journal}").fetchone())
        connection.execute("PRAGMA journal_size_limit = 67108864")

    def _bears_a_log(self, present: str, *, is_new: bool) -> bool:
        """Tried when the file is made; later the file itself tells what came of that."""
        return bears_a_log(self.path.parent) if is_new else present == "wal"

    def _migrate(self, connection: _Connection) -> None:
        version = self._version(connection)
        if 0 < version < len(self._migrations):
            self._copy(connection, version)
        _make_durable(connection, True)
        connection.execute("BEGIN IMMEDIATE")
        # Somebody else may have come first.
        version = self._version(connection)
        for statements in self._migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(self._migrations)}")
        connection.execute("COMMIT")
        self.version = len(self._migrations)

    def _copy(self, connection: _Connection, version: int) -> None:
        """Beside the file, under its version, before a migration touches it.

        Another process may be migrating at this very moment: each copies under a name of its own, and a copy that
        came too late, of a file already migrated, is thrown away.
        """
        copy = self.path.with_name(f"{self.path.name}.version-{version}")
        unfinished = copy.with_name(f"{copy.name}.unfinished-{os.getpid()}")
        unfinished.unlink(missing_ok=True)
        _create(unfinished)
        with contextlib.closing(sqlite3.connect(unfinished)) as target:
            connection.backup(target)
            (copied,) = target.execute("PRAGMA user_version").fetchone()
        if copied == version:
            unfinished.replace(copy)
        else:
            unfinished.unlink()


def set_aside(path: Path) -> Path:
    """Renames a ledger that cannot be used, with what belongs to it; where it is now. Nothing is deleted."""
    aside = path.with_name(f"{path.name}.unusable-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(2)}")
    for ending in ("", "-wal", "-shm", "-journal"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside


def _create(path: Path) -> None:
    """An empty file for its owner alone, if there is none.

    One that is there is not even opened: closing it would let go of the locks that SQLite holds in this process.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            with contextlib.suppress(FileExistsError):  # another process has just made it
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise LedgerUnusable(path, f"it cannot be made ({error.strerror})") from None


def _make_durable(connection: _Connection, full: bool) -> None:
    if connection.full != full:
        connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
        connection.full = full


def _patiently(switch: Callable[[], object]) -> None:
    """SQLite does not wait when it is to change the journal and another process is just opening the file."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            switch()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
