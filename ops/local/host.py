"""The engine under the functions of a local run: the folder's own, or an emulator's for tests."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Protocol

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.engine import Engine
from functions.archiver.http.auth import MemoryTokens
from functions.archiver.ledger.table import Table
from functions.archiver.runtime import Runtime
from functions.archiver.sealing.signing import Signer
from functions.archiver.settings.deployment import Deployment, Source
from functions.archiver.settings.environment import Settings, environment_of
from functions.archiver.throttling.intake import TICK_SECONDS
from ops.local.archive import FolderArchive
from ops.local.books import Books, SqliteBooks
from ops.local.clock import MovedClock
from ops.local.engine.lanes import FifoLanes
from ops.local.engine.local_engine import Gate, JsonLog, LocalEngine, Write
from ops.local.functions import RequestLog, Sandbox
from ops.local.poller import Queue

OF_THE_RUN = "run"
"""The name under which the run itself calls the ports; it is no function and not in run.json."""


class Host(Protocol):
    """The engine of all sources of a run."""

    @property
    def table(self) -> Table:
        """The ledger, past the gate: for the run's own end."""

    @property
    def bucket(self) -> Bucket:
        """The archive's objects, past the gate."""

    @property
    def books(self) -> Books:
        """The ledger as the end of a run reads it."""

    @property
    def calls(self) -> Mapping[str, Counter[str]]:
        """Calls of the ports by function."""

    def engine(self, settings: Settings, function: str) -> Engine:
        """The engine of one function of one source."""

    def queue(self, source: str) -> Queue:
        """The other end of a source's lanes."""


class FolderHost:
    """The folder, its ledger, and lanes in memory, which hold as much work as is worked on in two ticks."""

    def __init__(
        self,
        archive: FolderArchive,
        deployment: Deployment,
        secrets: Mapping[str, str],
        write: Write,
        gate: Gate,
        signer: Signer | None = None,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self.table = archive.table
        self.bucket = archive.bucket
        self.books: Books = SqliteBooks(archive.table)
        self.calls: dict[str, Counter[str]] = defaultdict(Counter)
        self._secrets = secrets
        self._write = write
        self._gate = gate
        self._signer = signer
        self._tick_seconds = tick_seconds
        self._tokens = MemoryTokens()
        self._lanes = {source.name: FifoLanes(source.max_parallel_downloads) for source in deployment.sources}

    def engine(self, settings: Settings, function: str) -> LocalEngine:
        """On the archive's own ledger and objects."""
        source = settings.source.name
        return LocalEngine(
            table=self.table,
            bucket=self.bucket,
            lanes=self._lanes[source],
            tokens=self._tokens,
            secrets=self._secrets,
            log=JsonLog(self._write, service=f"{settings.archive.name}/{source}", source=source),
            calls=self.calls[function],
            gate=Gate() if function == OF_THE_RUN else self._gate,
            tick_seconds=self._tick_seconds,
            signer=self._signer,
        )

    def queue(self, source: str) -> FifoLanes:
        """The lanes themselves."""
        return self._lanes[source]


class Functions:
    """Makes the functions of a deployment's sources."""

    def __init__(
        self,
        host: Host,
        deployment: Deployment,
        requests: RequestLog,
        clock_of: Callable[[str], MovedClock],
    ) -> None:
        self._host = host
        self._deployment = deployment
        self._requests = requests
        self._clock_of = clock_of

    def settings(self, source: Source) -> Settings:
        """The settings of a function of the source, by way of the environment that it would have on AWS."""
        archive = self._deployment.archive
        return Settings.from_env(
            environment_of(archive, source, bucket="local", table="local", queue_url=f"local/{source.name}.fifo")
        )

    def runtime(self, source: Source, function: str) -> Runtime:
        """The parts of one function."""
        settings = self.settings(source)
        return Runtime(
            settings,
            self._host.engine(settings, function),
            self._clock_of(source.name),
            on_request=lambda kind: self._requests.note(source.name, kind),
        )

    def sandbox(self, source: Source, function: str) -> Sandbox:
        """One function, in a process of its own as it were."""
        return Sandbox(function, self.runtime(source, function))
