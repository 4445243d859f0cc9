"""Puts the parts together for one function: the only place that reads the environment.

Built once in each process. What only one of the functions works with is imported where it is made: a cold start pays
for every import. A run on a laptop gives each invocation a runtime of its own instead.
"""

from __future__ import annotations

import functools
import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from functions.archiver.bucket.locking import lock_of
from functions.archiver.bucket.store import Store
from functions.archiver.clock import Clock
from functions.archiver.engine import Engine, Log
from functions.archiver.entry import DiscoveredBy
from functions.archiver.errors import ArchiveTrouble, Misconfigured, Service
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.ledger.totals import Totals
from functions.archiver.provider.provider import Provider
from functions.archiver.settings.environment import ArchiveSettings, Settings
from functions.archiver.settings.metrics import Metric
from functions.archiver.settings.storage_classes import StoragePolicy
from functions.archiver.source_client import SourceClient
from functions.archiver.throttling.intake import Intake
from functions.archiver.throttling.pace import Pace
from functions.archiver.vitals import Origin, VitalsReader
from functions.providers import load

if TYPE_CHECKING:
    from functions.archiver.alerting.notes import Notebook
    from functions.archiver.alerting.telling import Teller
    from functions.archiver.archiving.archiving import Archiver
    from functions.archiver.aws.engine import AwsEngine
    from functions.archiver.checking import Check
    from functions.archiver.events.sending import Announcer
    from functions.archiver.listing.cursors import CursorStore, Owner
    from functions.archiver.listing.listing import Listing
    from functions.archiver.webhooks import Receiver

RESERVE_SECONDS = 60.0
"""Kept back of each invocation's time, for marking and cleaning up."""


class Context(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended."""


class Runtime:
    """Everything one function needs, made from its settings."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        clock: Clock,
        *,
        on_request: Callable[[str], None] = lambda kind: None,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.clock = clock
        self._on_request = on_request
        self._ends = time.monotonic()

    @property
    def logger(self) -> Log:
        """The engine's log."""
        return self.engine.log

    def begin(self, context: Context) -> Runtime:
        """Starts an invocation: notes when it has to be over."""
        self._ends = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
        return self

    def end_soon(self) -> None:
        """Has the invocation that is running come to its end in order: it finishes a request, and begins no page."""
        self._ends = min(self._ends, time.monotonic() + RESERVE_SECONDS / 2)

    def seconds_left(self) -> float:
        """Until this invocation has to come to its end in order."""
        return self._ends - time.monotonic()

    @property
    def table(self) -> Table:
        """The ledger's table."""
        return self.engine.table

    @functools.cached_property
    def ledger(self) -> Ledger:
        """The source's part of the ledger."""
        return Ledger(self.table, source=self.settings.source.name, clock=self.clock)

    @functools.cached_property
    def pace(self) -> Pace:
        """The source's request clock."""
        source = self.settings.source
        declaration = load(source.provider).declaration
        return Pace(
            self.table,
            source=source.name,
            requests_per_minute=source.requests_per_minute,
            lanes=source.max_parallel_downloads,
            clock=self.clock,
            limits=declaration.limits,
            wary=declaration.limit_headers.restarts,
            on_request=self._on_request,
        )

    @functools.cached_property
    def vitals(self) -> VitalsReader:
        """How the source fares."""
        return VitalsReader(self.table, source=self.settings.source.name, clock=self.clock)

    @functools.cached_property
    def notes(self) -> Notebook:
        """Notes of the functions for the tick."""
        from functions.archiver.alerting.notes import Notebook

        return Notebook(self.table, source=self.settings.source.name, clock=self.clock)

    @functools.cached_property
    def teller(self) -> Teller:
        """Tells people of trouble."""
        from functions.archiver.alerting.telling import Address, Teller

        archive = self.settings.archive
        address = Address(archive=archive.name, source=self.settings.source.name, runbook=archive.runbook)
        return Teller(self.table, self.engine, address, self.clock)

    def check(self, *, anyway: bool) -> list[Check]:
        """Tries the secret and the provider; `anyway` although the source is closed."""
        from functions.archiver.checking import check_source

        found = check_source(
            self.settings.source,
            secret=self.client.secret,
            pace=self.pace,
            clock=self.clock,
            anyway=anyway,
            seconds_left=self.seconds_left,
        )
        return list(found)

    @functools.cached_property
    def totals(self) -> Totals:
        """The totals of the source's days."""
        return Totals(self.table, source=self.settings.source.name)

    def mark_tick(self) -> None:
        """Leaves the mark by which a source that nothing looks after is told from one that is well."""
        source = self.settings.source
        origin = Origin(provider=source.provider, host=urlsplit(source.base_url).hostname)
        lanes = source.max_parallel_downloads
        self.vitals.mark(requests_per_minute=source.requests_per_minute, lanes=lanes, origin=origin)

    @functools.cached_property
    def store(self) -> Store:
        """The bucket."""
        archive = self.settings.archive
        policy = StoragePolicy(
            storage=archive.storage,
            expire_after_days=self.settings.expire_after_days,
            tiers=bool(archive.tiers),
        )
        return Store(self.engine.bucket, policy=policy, lock=lambda: lock_of(self.settings, self.clock.now()))

    @functools.cached_property
    def intake(self) -> Intake:
        """The way into ledger and lanes."""
        engine = self.engine
        return Intake(ledger=self.ledger, lanes=engine.lanes, pace=self.pace, tick_seconds=engine.tick_seconds)

    @functools.cached_property
    def archiver(self) -> Archiver:
        """Works on messages."""
        from functions.archiver.archiving.archiving import Archiver

        return Archiver(
            provider=self.provider,
            ledger=self.ledger,
            store=self.store,
            pace=self.pace,
            intake=self.intake,
            lanes=self.settings.source.max_parallel_downloads,
            clock=self.clock,
        )

    def cursors(self, owner: Owner) -> CursorStore:
        """The cursors and the lease of one function."""
        from functions.archiver.listing.cursors import CursorStore

        return CursorStore(self.table, source=self.settings.source.name, owner=owner, clock=self.clock)

    def listing(self, cursors: CursorStore, discovered_by: DiscoveredBy = "schedule") -> Listing:
        """A listing under the lease of `cursors`."""
        from functions.archiver.listing.listing import Listing

        return Listing(
            provider=self.provider(),
            intake=self.intake,
            pace=self.pace,
            cursors=cursors,
            clock=self.clock,
            start=self.settings.source.start,
            overlap=self.settings.source.overlap,
            discovered_by=discovered_by,
            seconds_left=self.seconds_left,
        )

    def rebuild(self) -> bool:
        """Fills a new ledger from the bucket, as far as this invocation's time allows; whether all is in it."""
        from functions.archiver.rebuilding import Rebuilding

        rebuilding = Rebuilding(
            source=self.settings.source.name, bucket=self.engine.bucket, table=self.table, clock=self.clock
        )
        counts = rebuilding.go_on(until=lambda: self.seconds_left() <= 0)
        if counts:
            self.logger.info("rebuilt", counts=dict(counts), whole=rebuilding.whole)
        return rebuilding.whole

    @functools.cached_property
    def client(self) -> SourceClient:
        """The source's client, made from its secret."""
        source = self.settings.source
        return SourceClient(
            source,
            read_secret=lambda: self.engine.secret(source.secret, fresh=self.pace.refused),
            slots=self.pace,
            tokens=self.engine.tokens,
            seconds_left=self.seconds_left,
        )

    def provider(self) -> Provider:
        """The source's provider with its credentials. Raises Misconfigured when the secret does not fit."""
        return self.client.provider()

    @functools.cached_property
    def receiver(self) -> Receiver:
        """Takes webhook requests."""
        from functions.archiver.webhooks import Receiver

        return Receiver(
            provider=self.provider,
            given_secrets=self.client.webhook_secrets,
            takes_unverified=self.settings.source.webhook_unverified,
            source=self.settings.source.name,
            webhook_url=self.settings.source.webhook_url,
            intake=self.intake,
            clock=self.clock,
        )

    @contextmanager
    def trouble_counted(self) -> Iterator[None]:
        """Counts trouble of the archive's own side, which then ends the invocation as a failure."""
        try:
            yield
        except ArchiveTrouble as trouble:
            self.count_trouble(trouble)
            raise

    def count_trouble(self, trouble: ArchiveTrouble) -> None:
        """Emits the metric that names the service."""
        metric = _TROUBLES.get(trouble.service)
        if metric:
            self.count({metric: 1})

    def count(self, metrics: Mapping[Metric, float]) -> None:
        """Emits metrics of this source: those that are not zero, and the one that comes every minute."""
        sent = {name: value for name, value in metrics.items() if value or name is Metric.TROUBLE}
        if sent:
            self.engine.count(sent)


_TROUBLES = {
    Service.S3: Metric.S3_ERRORS,
    Service.KMS: Metric.KMS_ERRORS,
    Service.DYNAMODB: Metric.DYNAMODB_ERRORS,
    Service.SQS: Metric.SQS_ERRORS,
    Service.SNS: Metric.SNS_ERRORS,
}

_given: ContextVar[Runtime | None] = ContextVar("_given", default=None)


def runtime() -> Runtime:
    """The runtime of this process, or the one given by `running`."""
    return _given.get() or _of_process()


@functools.cache
def _of_process() -> Runtime:
    engine = _engine_of_process()
    return Runtime(engine.settings, engine, Clock())


@functools.cache
def _engine_of_process() -> AwsEngine:
    from functions.archiver.aws.engine import AwsEngine  # here, so that a run without AWS never loads botocore

    return AwsEngine(Settings.from_env(os.environ))


@functools.cache
def announcer() -> Announcer:
    """The announcer of the events function, which belongs to the archive and to none of its sources."""
    from functions.archiver.aws.engine import announcer_of

    return announcer_of(ArchiveSettings.from_env(os.environ))


@contextmanager
def running(given: Runtime) -> Iterator[None]:
    """Lets handlers called in this block use `given`; for runs without Lambda."""
    token = _given.set(given)
    try:
        yield
    finally:
        _given.reset(token)


def prepare(*, bucket: bool = False) -> None:
    """For the module of a source's handler, once its imports are there: makes what its first invocation would make."""
    _prepare(lambda: _engine_of_process().make_clients(bucket=bucket))


def prepare_announcer() -> None:
    """The same for the events function."""
    _prepare(announcer)


def _prepare(make: Callable[[], object]) -> None:
    """While Lambda starts a process it has many times the CPU that an invocation gets. Elsewhere nothing happens."""
    if "AWS_LAMBDA_RUNTIME_API" not in os.environ:
        return
    gc.disable()  # there is no waste yet, and a look for it takes as long as a client
    with suppress(Misconfigured):  # each invocation says it, in its own way
        make()
    gc.freeze()  # all that is there stays: no later look needs to go through it
    gc.enable()
