"""A provider that never stands still, everything that archives it, and whatever can go wrong between the two.

`World.chaos` takes random steps: rows appear, late or twice, become ready and vanish; functions start, run a step,
and die before and after any call of a port; calls of ports fail, succeed without an answer or are repeated; messages
come late, twice or never; the clock jumps. `World.settle` then lets every function run to its end until nothing is
left to do, and `World.days_pass` lets the day of the recordings be reported and sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from functions import downloader, lister, reconciler
from functions.archiver.errors import ArchiveTrouble, Service
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.listing.cursors import LeaseLost
from functions.archiver.object_keys import reconciliation_report, requested_report
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Recording
from functions.archiver.runtime import Runtime
from functions.archiver.runtime import running as runs_in
from functions.archiver.settings.archive import Archive
from functions.archiver.settings.environment import Settings
from functions.archiver.sweeping.wiring import sweeper_of
from tests.doubles.aws_calls import Died
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.late_index import LateIndex
from tests.harness.deployed import a_source
from tests.property.faults import Faults, bucket_with, lanes_with, table_with
from tests.property.fifo import Fifo, Message
from tests.property.grounds import LANES, Ground, PortsEngine
from tests.property.interleaving import Actor, point
from tests.property.moving_provider import MovingProvider

RATES = (6, 20, 120)
FUNCTION_TIMEOUT = timedelta(seconds=900)
START = NOON - timedelta(hours=6)
LATEST = timedelta(hours=5)
"""How late a row may appear; less than the overlap that is read again every hour, and after `START`."""

CALM_ROUNDS = 5
"""So many rounds of twenty minutes without anything to do: the overlap is read once more within them."""

MAX_ROUNDS = 60
SWEPT_IN_TROUBLE = 6
SWEPT_IN_PEACE = 4
MAX_DEATHS = 4
DELETED_AFTER = timedelta(days=3)
WINDOW = timedelta(days=2)
"""Of the reconciler: a day that leaves it is sealed."""


def settings(rate: int) -> Settings:
    """Those of a source that may be asked so many times a minute."""
    source = a_source(
        "acme",
        requests_per_minute=rate,
        max_parallel_downloads=LANES,
        start=START,
        reconcile=WINDOW,
        delete_after_days=DELETED_AFTER.days,
        delete_secret="acme-delete",
    )
    return Settings(bucket="", table="", archive=Archive(name="chaos"), source=source)


class WorldClock(FakeClock):
    """Whoever sleeps lets others go on."""

    def sleep(self, seconds: float) -> None:
        point()
        super().sleep(seconds)


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


class World:
    """One source at `provider`, and the functions that run."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self.random = Random(seed)
        self.ground = ground
        self.clock = WorldClock()
        self.faults = Faults(seed, self.clock)
        self.index = LateIndex(ground.table, Random(seed))
        self.table: Table = self.index
        self.provider = MovingProvider(self.random, self.clock)
        self.queue = Fifo(self.clock)
        self.rate = self.random.choice(RATES)
        self.deaths = 0
        self.rounds = 0
        self.running: dict[Actor, datetime] = {}
        self.history: list[str] = []

    # what runs

    @property
    def ledger(self) -> Ledger:
        """What stands in the ledger, read without faults."""
        return Ledger(self.table, source="acme", clock=self.clock)

    def _runtime(self) -> Runtime:
        """Everything anew, as in a fresh process."""
        engine = PortsEngine(
            table=table_with(self.faults, self.table),
            bucket=bucket_with(self.faults, self.ground.bucket),
            lanes=lanes_with(self.faults, self.ground.lanes),
        )
        return WorldRuntime(settings(self.rate), engine, self.clock, self.provider)

    def _invoke(self, handler: Callable[[Any, Any], object], event: dict[str, Any]) -> object:
        with runs_in(self._runtime()):
            return handler(event, Invocation())

    def _list(self) -> None:
        self._invoke(lister.handler, {"action": "list"})

    def _dispatch(self) -> None:
        self._invoke(lister.handler, {"action": "dispatch"})

    def _reconcile(self) -> None:
        self._invoke(reconciler.handler, {"force": True})

    def _hint(self) -> None:
        """A webhook names a recording, and tells nothing else of it."""
        if self.provider.ids():
            named = Recording(id=self.random.choice(sorted(self.provider.ids())))
            self._runtime().intake.take([named], "webhook")

    def _start(self, name: str, work: Callable[[], object]) -> None:
        self.running[Actor(name, work)] = self.clock.now()
        self.history.append(f"{name} starts")

    def _deliver(self, message: Message) -> None:
        if self.queue.receive(message):
            record = message.record()

            def work() -> None:
                self._invoke(downloader.handler, {"Records": [record]})
                self.queue.delete(message)
                if self.provider.troubled and self.random.random() < 0.1 and message.received == 1:
                    self._comes_again(message)  # a third time SQS buries it, and rightly

            self._start(f"download of {message.body}", work)

    def _comes_again(self, message: Message) -> None:
        self.history.append("and comes again")
        self.queue.put_back(message)

    # chaos

    def chaos(self, steps: int) -> None:
        """So many random things happen, most of them a step of somebody who runs."""
        events: list[tuple[float, Callable[[], None]]] = [
            (60, self._someone_goes_on),
            (4, lambda: self._start("list", self._list)),
            (4, lambda: self._start("dispatch", self._dispatch)),
            (1, lambda: self._start("hint", self._hint)),
            (14, self._a_message_is_delivered),
            (1, self._a_message_is_lost),
            (2, self._someone_dies),
            (2, lambda: self.provider.appears(self.clock.now())),
            (1, lambda: self.provider.appears(self.clock.now() - self.random.random() * LATEST)),
            (1, self.provider.vanishes),
            (1, self.provider.becomes_ready),
            (1, lambda: self._start("reconcile", self._reconcile)),
            (1, self._a_message_is_late),
            (0.3, self.queue.purge),
            (4, self._time_passes),
            (0.5, self._the_clock_jumps),
            (2, self.faults.weather_changes),
            (0.5, self._a_service_fails),
            (3, self._services_recover),
        ]
        weights = [weight for weight, _ in events]
        for _ in range(steps):
            self.random.choices(events, weights)[0][1]()
            self._time_is_up()
            self._collect()

    def _someone_goes_on(self) -> None:
        if self.running:
            actor = self.random.choice(list(self.running))
            for _ in range(self.random.randint(1, 8)):
                if not actor.over:
                    self._step(actor)

    def _step(self, actor: Actor) -> None:
        actor.step()
        if actor.over:
            self._ended(actor)

    def _ended(self, actor: Actor) -> None:
        del self.running[actor]
        self.history.append(f"{actor.name} ends: {actor.error!r}")
        if actor.error is not None and not isinstance(actor.error, (Died, LeaseLost, ArchiveTrouble)):
            raise actor.error

    def _someone_dies(self) -> None:
        if self.running and self.deaths < MAX_DEATHS:
            self._dies(self.random.choice(list(self.running)))

    def _dies(self, actor: Actor) -> None:
        self.deaths += 1
        actor.die()
        self._ended(actor)

    def _time_is_up(self) -> None:
        """Lambda ends whoever runs for too long; sleeping takes time as well."""
        for actor, since in list(self.running.items()):
            if self.clock.now() - since >= FUNCTION_TIMEOUT:
                self._dies(actor)

    def _a_message_is_delivered(self) -> None:
        heads = self.queue.next_of_each_group()
        if heads:
            self._deliver(self.random.choice(heads))

    def _a_message_is_lost(self) -> None:
        heads = self.queue.next_of_each_group()
        if heads and self.random.random() < 0.5:
            self.queue.delete(self.random.choice(heads))

    def _time_passes(self) -> None:
        """Some minutes, or up to an hour and a half where nobody runs who could not run for so long."""
        span = timedelta(minutes=self.random.choice((1, 1, 5, 17, 90)))
        longest = max((self.clock.now() - since for since in self.running.values()), default=timedelta())
        if not self.running or longest + span < FUNCTION_TIMEOUT:
            self.clock.advance(span)

    def _the_clock_jumps(self) -> None:
        """Hours ahead, as when a laptop slept, or a little back, as two machines differ."""
        ahead = self.random.random() < 0.5 and self.deaths + len(self.running) <= MAX_DEATHS
        span = timedelta(hours=self.random.randint(2, 9)) if ahead else timedelta(seconds=-self.random.randint(1, 45))
        self.history.append(f"the clock jumps by {span}")
        self.clock.advance(span)

    def _a_message_is_late(self) -> None:
        heads = self.queue.next_of_each_group()
        if heads:
            self.random.choice(heads).visible_at += timedelta(hours=self.random.randint(1, 4))

    def _a_service_fails(self) -> None:
        self.faults.failing = self.random.choice((Service.S3, Service.DYNAMODB, Service.SQS))
        self.history.append(f"{self.faults.failing} fails")

    def _services_recover(self) -> None:
        self.faults.failing = None

    def _collect(self) -> None:
        for record in self.ground.sent():
            self.queue.send(record)

    # the schedules amid trouble

    def work_in_trouble(self, rounds: int) -> None:
        """The schedules fire every twenty minutes and all that is sent is worked on, while single calls still fail."""
        self._services_recover()
        for _ in range(rounds):
            self.faults.weather_changes()
            self._start("list", self._list)
            self._start("dispatch", self._dispatch)
            for _ in range(3):
                for message in self.queue.next_of_each_group():
                    self._deliver(message)
                self._all_go_on()
            self.clock.advance(timedelta(minutes=20))

    def _all_go_on(self) -> None:
        while self.running:
            self._step(self.random.choice(list(self.running)))
            self._time_is_up()
        self._collect()

    # the end

    def settle(self) -> None:
        """No trouble any more: everybody comes to an end, and the schedules fire until nothing is due."""
        self.provider.troubled = self.faults.on = False
        self.index.prompt = True
        self.provider.becomes_ready()
        self._finish()
        self._run("reconcile", self._reconcile)  # days from before the first window are sealed only when asked for
        ledger = self.ledger
        calm = 0
        while calm < CALM_ROUNDS:
            self._run("list", self._list)
            self._work_off()
            due = ledger.due.next_at()
            calm = calm + 1 if due is None and not self.queue else 0
            self.rounds += 1
            assert self.rounds < MAX_ROUNDS, f"it never comes to rest: {list(self.table.scan())}"
            self.clock.moment = max(due or self.clock.now(), self.clock.now() + timedelta(minutes=20))

    def _work_off(self) -> None:
        self._run("dispatch", self._dispatch)
        while heads := self.queue.next_of_each_group():
            for message in heads:
                self._deliver(message)
            self._finish()

    def _run(self, name: str, work: Callable[[], object]) -> None:
        self._start(name, work)
        self._finish()

    def _finish(self) -> None:
        while self.running:
            for actor in list(self.running):
                self._step(actor)
        self._collect()

    def days_pass(self) -> str:
        """The day of the recordings leaves the reconciler's window: the key of its last report."""
        for _ in range(5):
            self.clock.advance(timedelta(hours=24))
            self._run("list", self._list)
            self._run("reconcile", self._reconcile)
            self._work_off()
        return reconciliation_report("acme", self.clock.now().date())

    def sweep_days(self) -> None:
        """Days on which recordings are deleted at the provider: first amid trouble, then until nothing more goes."""
        self.provider.troubled = self.faults.on = True
        for _ in range(SWEPT_IN_TROUBLE):
            self.clock.advance(timedelta(hours=21))
            self._start("sweep", self._sweep)
            for _ in range(self.random.randint(0, 400)):
                self._someone_goes_on()
            if self.running and self.random.random() < 0.5:
                self._dies(self.random.choice(list(self.running)))
            self._all_go_on()
        self.provider.troubled = self.faults.on = False
        for _ in range(SWEPT_IN_PEACE):
            self.clock.advance(timedelta(hours=21))
            self._run("sweep", self._sweep)

    def _sweep(self) -> None:
        """As its handler does, but that the provider is the world's."""
        run = self._runtime().begin(Invocation())
        with runs_in(run):
            sweeper = sweeper_of(run)
            made = sweeper.witnesses
            sweeper.witnesses = lambda head: replace(made(head), provider=lambda: self.provider)
            sweeper.run()

    def report_on(self, day: date) -> str:
        """Has a span that begins with the day listed and reported again: the key of that report."""
        end = self.clock.now() - timedelta(hours=1)
        event = {"force": True, "from": f"{day}T00:00:00Z", "to": end.isoformat()}
        self._run("reconcile", lambda: self._invoke(reconciler.handler, event))
        last = (end - timedelta(microseconds=1)).date()
        return requested_report("acme", self.clock.now().date(), day, last)
