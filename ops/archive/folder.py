"""An archive in a folder of this machine."""

from __future__ import annotations

import functools
import getpass
import os
import socket
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from functions.archiver.clock import Clock
from functions.archiver.health import RUNS_EVERY
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.totals import Counts
from ops.archive.archive import Person, no_such_source
from ops.archive.identity import Identity, identity_of, is_archive
from ops.archive.layout import layout_of
from ops.local.books import counts_of
from ops.local.engine.files import INSIDE
from ops.local.engine.folder import FolderBucket
from ops.local.engine.lock import holder_of
from ops.local.engine.sqlite_table import SqliteTable
from ops.local.events import EventLog
from ops.shell.command_line import quoted
from ops.shell.output import ExitCode, Failure


class FolderArchive:
    """The archive in `root`. Without `writes` its files are only read, beside whoever works on it.

    Raises Failure: NOT_FOUND where the folder holds no archive, UNAVAILABLE where it cannot be read.
    """

    def __init__(self, root: Path, *, writes: bool = False) -> None:
        self.root = root
        self._writes = writes
        try:
            found = is_archive(root)
        except OSError as error:
            raise Failure(ExitCode.UNAVAILABLE, f"{root}: {(error.strerror or 'cannot be read').lower()}") from None
        if not found:
            raise Failure(
                ExitCode.NOT_FOUND,
                f"there is no archive in {root}",
                next_=f"recordings local --out {quoted(root)} …",
                kind="no_archive",
            )
        self._layout = layout_of(root)

    @functools.cached_property
    def _identity(self) -> Identity:
        return identity_of(self.root)

    @property
    def name(self) -> str:
        """As the deployment file of the last run says; else the folder's."""
        return self._identity.name

    @property
    def unique_name(self) -> str:
        """Where the folder is."""
        return f"folder {self.root.resolve()}"

    @property
    def zone(self) -> ZoneInfo:
        """As the deployment file of the last run says."""
        return ZoneInfo(self._identity.zone)

    @property
    def person(self) -> Person:
        """The user of this machine."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a container's user may have no name
            user = str(os.getuid())
        return Person(f"{user}@{socket.gethostname()}", user)

    @property
    def sources(self) -> Sequence[str]:
        """Those of every run so far."""
        return self._identity.sources

    @functools.cached_property
    def table(self) -> SqliteTable:
        """The ledger's file. Raises Failure where it is not there or cannot be used."""
        path = _ledger_file(self.root)
        if not path.exists():
            run = "" if self._layout else "run `recordings local` on it, or "  # which takes over what has no layout yet
            raise Failure(
                ExitCode.NOT_FOUND,
                f"{self.root} has no ledger ({path}): {run}make one from its files",
                next_=f"recordings rebuild-ledger -a {quoted(self.root)}",
                kind="no_ledger",
            )
        return SqliteTable(path, read_only=not self._writes, lock_is_free=lambda: holder_of(self.root) is None)

    @property
    def may_be_written(self) -> bool:
        """Whether its ledger takes notes: not where it lies on a snapshot, or is somebody else's."""
        path = _ledger_file(self.root)
        return not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))

    @functools.cached_property
    def bucket(self) -> FolderBucket:
        """The folder itself."""
        return FolderBucket(self.root)

    def erasing(self, *, break_glass: bool) -> FolderBucket:
        """The folder again: its owner may."""
        return self.bucket

    def deliver_events(self) -> None:
        """Writes the events of what has changed into `events.jsonl`, where they are wanted. Raises OSError."""
        self.event_log.deliver()

    @property
    def event_log(self) -> EventLog:
        """`events.jsonl`."""
        return EventLog(self.root, self.table, self.name)

    @property
    def export_signer(self) -> None:
        """A folder has none; a person's key in a file signs."""

    @property
    def tick_interval(self) -> timedelta:
        """By a run a day at least."""
        return RUNS_EVERY

    def counts(self, source: str) -> Counts:
        """By SQLite itself."""
        return Counts(
            numbers=counts_of(self.table.tally(source), erased=self.table.erased(source)), as_of=Clock().now()
        )

    def ringing(self) -> Mapping[str, Sequence[str]]:
        """A folder has no alarms."""
        return {}

    def ledger(self, source: str) -> Ledger:
        """Its term is the run's business: nothing that a person does by hand begins one."""
        if source not in self.sources:
            raise no_such_source(str(self.root), source, self.sources)
        return Ledger(self.table, source=source, clock=Clock())


def _ledger_file(root: Path) -> Path:
    """Where the ledger is: in the folder, or where the run that put it elsewhere says."""
    elsewhere = root / INSIDE / "ledger"
    return (
        Path(elsewhere.read_text(encoding="utf-8").strip()) if elsewhere.is_file() else root / INSIDE / "ledger.sqlite"
    )
