"""Work by hand on an archive's folder, under its lock: the same parts as a run's, without a run."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from functions.archiver.runtime import Runtime
from functions.archiver.sealing.signing import Signer
from functions.archiver.settings.deployment import Deployment, Source
from ops.archive.identity import keep_identity
from ops.local import earlier
from ops.local.archive import LEDGER, LOG, FolderArchive, disk_is_full, in_words, is_of_before, ledger_file, opened
from ops.local.clock import MovedClock
from ops.local.engine.files import INSIDE, is_full, make_folder
from ops.local.engine.local_engine import Gate
from ops.local.events import EventLog
from ops.local.functions import RequestLog, Sandbox
from ops.local.host import FolderHost, Functions
from ops.local.ledger_file import lines_of
from ops.local.progress import LogFile


class Hand:
    """The parts of each source of one deployment, on one folder."""

    def __init__(
        self,
        archive: FolderArchive,
        deployment: Deployment,
        log: LogFile,
        gate: Gate,
        secrets: Mapping[str, str] | None = None,
        signer: Signer | None = None,
    ) -> None:
        self.archive = archive
        host = FolderHost(archive, deployment, secrets or {}, log.note, gate, signer)
        self.books = host.books
        self._functions = Functions(host, deployment, RequestLog(), lambda source: MovedClock())

    def runtime(self, source: Source) -> Runtime:
        """The parts of one source."""
        return self._functions.runtime(source, "hand")

    def function(self, source: Source, name: str) -> Sandbox:
        """One of its functions, to be invoked by hand."""
        return Sandbox(name, self.runtime(source))


@contextmanager
def working_on(
    path: Path,
    verb: str,
    deployment: Deployment,
    *,
    say: Callable[[str], None],
    secrets: Mapping[str, str] | None = None,
    signer: Signer | None = None,
) -> Iterator[Hand]:
    """The folder under its lock; its ledger.jsonl is written at the end. `secrets` by name, where providers are asked.
    `signer` for work that may seal a day.

    Raises Failure.
    """
    gate = Gate()
    with opened(path, verb, say=say) as archive, in_words(archive.path):
        if is_of_before(archive.path):
            earlier.take_over(archive.path, archive.table, say=say, stopped=lambda: False)
        keep_identity(archive.path, deployment)
        archive.accept_layout()
        events = EventLog(archive.path, archive.table, deployment.archive.name)
        events.keep(on=deployment.archive.events)
        log = LogFile(archive.path / LOG, on_error=gate.close)
        hand = Hand(archive, deployment, log, gate, secrets, signer)
        try:
            yield hand
        finally:
            log.close()
            if gate.failure is not None:
                raise _disk_failure(archive.path, gate.failure) from None
        events.deliver()
        archive.write(LEDGER, lines_of(hand.books))


@contextmanager
def looking_at(path: Path, deployment: Deployment) -> Iterator[Hand]:
    """The folder as it is, or as an empty one where there is none; whatever is done with the parts is undone."""
    with tempfile.TemporaryDirectory() as place:
        scratch, there = Path(place), ledger_file(path)
        if there.exists():
            with contextlib.closing(sqlite3.connect(f"{there.absolute().as_uri()}?mode=ro", uri=True)) as source:
                make_folder(scratch / INSIDE)
                with contextlib.closing(sqlite3.connect(scratch / INSIDE / "ledger.sqlite")) as target:
                    source.backup(target)
        gate = Gate()
        with opened(scratch, "import", say=lambda sentence: None) as archive:
            log = LogFile(archive.path / LOG, on_error=gate.close)
            try:
                yield Hand(archive, deployment, log, gate)
            finally:
                log.close()


def _disk_failure(path: Path, failure: Exception) -> Exception:
    return disk_is_full(path, failure) if isinstance(failure, OSError) and is_full(failure) else failure
