"""Providers that never stand still, everything that archives them, somebody at work, and whatever can go wrong there.

`World.chaos` takes random steps: rows appear, late or twice, become ready and vanish; functions start, run a step,
and die before and after any call of a port; calls of ports fail, succeed without an answer or are repeated; messages
come late, twice or never; the clock jumps. `World.settle` then lets every function run to its end until nothing is
left to do, and `World.days_pass` lets the day of the recordings be reported and sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random

from functions.archiver.errors import ArchiveTrouble, Service
from functions.archiver.ledger.holds import Busy
from functions.archiver.ledger.table import Table
from functions.archiver.listing.cursors import LeaseLost
from tests.doubles.aws_calls import Died
from tests.doubles.clock import FakeClock
from tests.doubles.late_index import LateIndex
from tests.property.account import LATEST, Account
from tests.property.faults import Faults
from tests.property.fifo import Message
from tests.property.grounds import SOURCES, Ground
from tests.property.interleaving import Actor, point
from tests.property.person import Person

FUNCTION_TIMEOUT = timedelta(seconds=900)
CALM_ROUNDS = 5
"""So many rounds of twenty minutes without anything to do: the overlap is read once more within them."""

MAX_ROUNDS = 60
SWEPT_IN_TROUBLE = 6
SWEPT_IN_PEACE = 4
MAX_DEATHS = 4


class WorldClock(FakeClock):
    """Whoever sleeps lets others go on."""

    def sleep(self, seconds: float) -> None:
        point()
        super().sleep(seconds)


class World:
    """Two sources that share a table and a bucket, the functions that run, and a person."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self.random = Random(seed)
        self.ground = ground
        self.clock = WorldClock()
        self.faults = Faults(seed, self.clock)
        self.index = LateIndex(ground.table, Random(seed))
        self.table: Table = self.index
        # The second one is small: it is there to be left alone.
        self.accounts = [
            Account(name, ground, self.table, self.faults, self.random, recordings=self.random.randint(*numbers))
            for name, numbers in zip(SOURCES, ((2, 7), (1, 2)), strict=True)
        ]
        self.person = Person(ground, self.table, self.faults, Random(f"person {seed}"), SOURCES)
        self.deaths = 0
        self.rounds = 0
        self.running: dict[Actor, datetime] = {}
        self._delivered: dict[Actor, Message] = {}
        self.history: list[str] = []

    # what runs

    def _someone(self) -> Account:
        """The first source mostly."""
        return self.accounts[self.random.random() < 0.25]

    def _start(self, name: str, work: Callable[[], object]) -> Actor:
        actor = Actor(name, work)
        self.running[actor] = self.clock.now()
        self.history.append(f"{name} starts")
        return actor

    def _start_one(self, name: str) -> None:
        account = self._someone()
        self._start(f"{name} of {account.name}", getattr(account, name))

    def _deliver(self, account: Account, message: Message) -> None:
        queue = account.queue
        if queue.receive(message):
            record = message.record()

            def work() -> None:
                account.download(record)
                queue.delete(message)
                if account.provider.troubled and self.random.random() < 0.1:
                    self.history.append("and comes again")
                    queue.put_back(message)

            self._delivered[self._start(f"download of {message.body}", work)] = message

    # chaos

    def chaos(self, steps: int) -> None:
        """So many random things happen, most of them a step of somebody who runs."""
        events: list[tuple[float, Callable[[], None]]] = [
            (60, self._someone_goes_on),
            (4, lambda: self._start_one("list")),
            (4, lambda: self._start_one("dispatch")),
            (1, lambda: self._start_one("hint")),
            (14, self._a_message_is_delivered),
            (1, self._a_message_is_lost),
            (2, self._someone_dies),
            (2, lambda: self._someone().provider.appears(self.clock.now())),
            (1, lambda: self._someone().provider.appears(self.clock.now() - self.random.random() * LATEST)),
            (1, lambda: self._someone().provider.vanishes()),
            (1, lambda: self._someone().provider.becomes_ready()),
            (1, lambda: self._start_one("reconcile")),
            (1, self._a_person_acts),
            (1, self._a_message_is_late),
            (0.3, lambda: self._someone().queue.purge()),
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
        message = self._delivered.pop(actor, None)
        if message and isinstance(actor.error, Died):
            message.undone += 1
        self.history.append(f"{actor.name} ends: {actor.error!r}")
        if actor.error is not None and not isinstance(actor.error, _EXPECTED):
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
        heads = self._heads()
        if heads:
            self._deliver(*self.random.choice(heads))

    def _heads(self) -> list[tuple[Account, Message]]:
        return [(account, message) for account in self.accounts for message in account.queue.next_of_each_group()]

    def _a_message_is_lost(self) -> None:
        heads = self._heads()
        if heads and self.random.random() < 0.5:
            account, message = self.random.choice(heads)
            account.queue.delete(message)

    def _a_person_acts(self) -> None:
        person = self.person
        works = (person.hold, person.release, person.erase, person.erase_deferred)
        work = self.random.choices(works, (3, 1, 2, 1))[0]
        self._start(f"{work.__name__} by a person", work)

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
        heads = self._heads()
        if heads:
            self.random.choice(heads)[1].visible_at += timedelta(hours=self.random.randint(1, 4))

    def _a_service_fails(self) -> None:
        self.faults.failing = self.random.choice((Service.S3, Service.DYNAMODB, Service.SQS))
        self.history.append(f"{self.faults.failing} fails")

    def _services_recover(self) -> None:
        self.faults.failing = None

    def _collect(self) -> None:
        for account in self.accounts:
            account.collect()

    # the schedules amid trouble

    def work_in_trouble(self, rounds: int) -> None:
        """The schedules fire every twenty minutes and all that is sent is worked on, while single calls still fail."""
        self._services_recover()
        for _ in range(rounds):
            self.faults.weather_changes()
            for account in self.accounts:
                self._start("list", account.list)
                self._start("dispatch", account.dispatch)
            if self.random.random() < 0.5:
                self._a_person_acts()
            for _ in range(3):
                for account, message in self._heads():
                    self._deliver(account, message)
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
        self._trouble(on=False)
        self.index.prompt = True
        for account in self.accounts:
            account.provider.becomes_ready()
        self._finish()
        self._run("erase_deferred by a person", self.person.erase_deferred)  # what was cut short is half erased
        # Days from before the first window are sealed only when asked for.
        self._run_each("reconcile")
        calm = 0
        while calm < CALM_ROUNDS:
            self._run_each("list")
            self._work_off()
            waiting = [at for account in self.accounts if (at := account.ledger.due.next_at())]
            due = min(waiting, default=None)
            calm = calm + 1 if due is None and not any(account.queue for account in self.accounts) else 0
            self.rounds += 1
            assert self.rounds < MAX_ROUNDS, f"it never comes to rest: {list(self.table.scan())}"
            self.clock.moment = max(due or self.clock.now(), self.clock.now() + timedelta(minutes=20))

    def _work_off(self) -> None:
        self._run_each("dispatch")
        while heads := self._heads():
            for account, message in heads:
                self._deliver(account, message)
            self._finish()

    def _trouble(self, *, on: bool) -> None:
        self.faults.on = on
        for account in self.accounts:
            account.provider.troubled = on

    def _run_each(self, *names: str) -> None:
        """These functions of each source, one after the other."""
        for account in self.accounts:
            for name in names:
                self._run(f"{name} of {account.name}", getattr(account, name))

    def _run(self, name: str, work: Callable[[], object]) -> None:
        self._start(name, work)
        self._finish()

    def _finish(self) -> None:
        """Everybody who runs comes to an end, in random order.

        In turns, two that wait for slots of one pace would wait for ever: with the world's one clock each sleeps past
        the other's slot.
        """
        while self.running:
            self._step(self.random.choice(list(self.running)))
        self._collect()

    def days_pass(self) -> None:
        """The day of the recordings leaves the reconcilers' windows, and what erasures had to leave is erased."""
        for _ in range(5):
            self.clock.advance(timedelta(hours=24))
            self._run("erase_deferred by a person", self.person.erase_deferred)
            self._run_each("list", "reconcile")
            self._work_off()

    def sweep_days(self) -> None:
        """Days on which recordings are deleted at the provider: first amid trouble, then until nothing more goes."""
        self._trouble(on=True)
        for _ in range(SWEPT_IN_TROUBLE):
            self.clock.advance(timedelta(hours=21))
            for account in self.accounts:
                self._start(f"sweep of {account.name}", account.sweep)
            self._a_person_acts()
            for _ in range(self.random.randint(0, 400)):
                self._someone_goes_on()
            if self.running and self.random.random() < 0.5:
                self._dies(self.random.choice(list(self.running)))
            self._all_go_on()
        self._trouble(on=False)
        self._run("erase_deferred by a person", self.person.erase_deferred)  # nothing goes while one is half erased
        for _ in range(SWEPT_IN_PEACE):
            self.clock.advance(timedelta(hours=21))
            self._run_each("sweep")

    def report_from(self, account: Account, day: date) -> str:
        """Has a span that begins with the day listed and reported again: the key of that report."""
        keys: list[str] = []
        self._run("report", lambda: keys.append(account.report_from(day)))
        return keys[0]


_EXPECTED = (Died, LeaseLost, ArchiveTrouble, Busy)
"""How whoever runs may end."""
