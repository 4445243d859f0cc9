"""One source of a world: its provider, its queue, and its functions, each of which runs in a fresh process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

from functions import downloader, lister, reconciler
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.object_keys import reconciliation_report, requested_report
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Recording
from functions.archiver.runtime import Runtime
from functions.archiver.runtime import running as runs_in
from functions.archiver.settings.archive import Archive
from functions.archiver.settings.environment import Settings
from functions.archiver.sweeping.wiring import sweeper_of
from tests.doubles.clock import NOON, FakeClock
from tests.harness.deployed import a_source
from tests.property.faults import Faults, bucket_with, lanes_with, signer_with, table_with
from tests.property.fence import fenced_bucket, fenced_table
from tests.property.fifo import Fifo
from tests.property.grounds import LANES, Ground, PortsEngine
from tests.property.moving_provider import MovingProvider

RATES = (6, 20, 120)
START = NOON - timedelta(hours=6)
LATEST = timedelta(hours=5)
"""How late a row may appear; less than the overlap that is read again every hour, and after `START`."""

DELETED_AFTER = timedelta(days=3)
WINDOW = timedelta(days=2)
"""Of the reconciler: a day that leaves it is sealed."""


def settings(source: str, rate: int) -> Settings:
    """Those of a source that may be asked so many times a minute."""
    made = a_source(
        source,
        requests_per_minute=rate,
        max_parallel_downloads=LANES,
        start=START,
        reconcile=WINDOW,
        delete_after_days=DELETED_AFTER.days,
        delete_secret=f"{source}-delete",
    )
    archive = Archive(name="chaos", object_lock="governance", sign=True)
    return Settings(bucket="", table="", archive=archive, source=made)


class WorldRuntime(Runtime):
    """A function in a fresh process, of which the provider is the world's."""

    def __init__(self, of: Settings, engine: PortsEngine, clock: FakeClock, provider: MovingProvider) -> None:
        super().__init__(of, engine, clock)
        self._moving = provider

    def provider(self) -> Provider:
        return self._moving


class Invocation:
    """What Lambda says of one: the world's clock ends it, the machine's must not."""

    def get_remaining_time_in_millis(self) -> int:
        return 100_000_000


class Account:
    """The source `name`, with `recordings` at its provider to begin with. Its functions meet `faults`."""

    def __init__(
        self, name: str, ground: Ground, table: Table, faults: Faults, random: Random, *, recordings: int
    ) -> None:
        self.name = name
        self.random = random
        self.clock = faults.clock
        self.provider = MovingProvider(random, self.clock, recordings=recordings)
        self.queue = Fifo(self.clock)
        self.rate = random.choice(RATES)
        self._ground = ground
        self._table = table
        self._faults = faults

    @property
    def ledger(self) -> Ledger:
        """What stands in the ledger, read without faults."""
        return Ledger(self._table, source=self.name, clock=self.clock)

    def runtime(self) -> Runtime:
        """Everything anew, as in a fresh process."""
        engine = PortsEngine(
            table=table_with(self._faults, fenced_table(self._table, self.name)),
            bucket=bucket_with(self._faults, fenced_bucket(self._ground.bucket, self.name)),
            lanes=lanes_with(self._faults, self._ground.lanes[self.name]),
            signer=signer_with(self._faults, self._ground.signer),
        )
        return WorldRuntime(settings(self.name, self.rate), engine, self.clock, self.provider)

    def collect(self) -> None:
        """What was sent arrives in the queue."""
        for record in self._ground.sent(self.name):
            self.queue.send(record)

    # its functions

    def list(self) -> None:
        self._invoke(lister.handler, {"action": "list"})

    def dispatch(self) -> None:
        self._invoke(lister.handler, {"action": "dispatch"})

    def reconcile(self) -> None:
        self._invoke(reconciler.handler, {"force": True})

    def download(self, record: dict[str, Any]) -> None:
        self._invoke(downloader.handler, {"Records": [record]})

    def hint(self) -> None:
        """A webhook names a recording, and tells nothing else of it."""
        if self.provider.ids():
            named = Recording(id=self.random.choice(sorted(self.provider.ids())))
            self.runtime().intake.take([named], "webhook")

    def sweep(self) -> None:
        """As its handler does, but that the provider is the world's."""
        run = self.runtime().begin(Invocation())
        with runs_in(run):
            sweeper = sweeper_of(run)
            made = sweeper.witnesses
            sweeper.witnesses = lambda head: replace(made(head), provider=lambda: self.provider)
            sweeper.run()

    def report_from(self, day: date) -> str:
        """Has a span that begins with the day listed and reported again: the key of that report."""
        end = self.clock.now() - timedelta(hours=1)
        self._invoke(reconciler.handler, {"force": True, "from": f"{day}T00:00:00Z", "to": end.isoformat()})
        last = (end - timedelta(microseconds=1)).date()
        return requested_report(self.name, self.clock.now().date(), day, last)

    @property
    def daily_report(self) -> str:
        """The key of the last daily report, of today or, right after midnight, of yesterday."""
        days = (self.clock.now().date() - timedelta(days=ago) for ago in (0, 1))
        keys = [reconciliation_report(self.name, day) for day in days]
        return keys[0] if self._ground.bucket.head(keys[0]) else keys[1]

    def _invoke(self, handler: Callable[[Any, Any], object], event: dict[str, Any]) -> None:
        with runs_in(self.runtime()):
            handler(event, Invocation())
