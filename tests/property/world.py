"""A provider that never stands still, everything that archives it, and whatever can go wrong between the two.

`World.chaos` takes random steps: rows appear, late or twice, become ready and vanish; functions start, run a step,
and die between any two AWS calls; messages come late, twice or never. `World.settle` then lets every function run to
its end until nothing is left to do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from functions.archiver.archiving.archiving import Archiver
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.errors import ArchiveTrouble, NotFound, NotReady, Rejected, Unavailable
from functions.archiver.http.client import Body
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.listing.cursors import CursorStore, LeaseLost
from functions.archiver.listing.listing import Listing
from functions.archiver.provider.provider import Opened
from functions.archiver.recording import Page, Readiness, Recording, Window
from functions.archiver.settings.storage_classes import StoragePolicy
from functions.archiver.throttling.intake import Intake
from functions.archiver.throttling.lanes import lane_of, read
from functions.archiver.throttling.pace import Pace
from functions.archiver.throttling.sqs import SqsLanes
from tests.doubles.aws import Aws, s3, sqs
from tests.doubles.aws_calls import Died, Sent
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.late_index import LateIndex
from tests.doubles.provider_in_memory import ProviderInMemory
from tests.harness.audio import wav
from tests.property.fifo import Fifo, Message
from tests.property.interleaving import Actor, point, running

LANES = 2
SLOWLY = 4
"""Steps that each piece of a body takes, so that downloads last longer than listings."""

RATE = 120
FUNCTION_TIMEOUT = timedelta(seconds=900)
START = NOON - timedelta(hours=6)
LATEST = timedelta(hours=5)
"""How late a row may appear; less than the overlap that is read again every hour, and after `START`."""

CALM_ROUNDS = 5
"""So many rounds of twenty minutes without anything to do: the overlap is read once more within them."""

MOST_ROUNDS = 60
MOST_DEATHS = 4
MOST_REJECTIONS = 2
"""Together fewer than the attempts of one recording, so that none fails for good."""


class WorldClock(FakeClock):
    """Whoever sleeps lets others go on."""

    def sleep(self, seconds: float) -> None:
        point()
        super().sleep(seconds)


class _Sending:
    """A body of which pieces come one at a time."""

    framed = False
    content_type = undone = None

    def __init__(self, body: bytes, *, proven: bool) -> None:
        self._body = body
        self.length = len(body) if proven else None

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), 16_384):
            for _ in range(SLOWLY):
                point()
            yield self._body[start : start + 16_384]


class MovingProvider(ProviderInMemory):
    """Its rows change while they are listed. `busy` tells who downloads in which lane, `crowded` that two did."""

    def __init__(self, random: Random, clock: FakeClock) -> None:
        super().__init__(page_size=3, by_token=random.random() < 0.5)
        self.random = random
        self.clock = clock
        self.troubled = True
        self.book: Callable[[str], None] = lambda kind: None
        self.rejections: dict[str, int] = defaultdict(int)
        self.busy: dict[int, set[Actor | None]] = defaultdict(set)
        self.crowded = False
        self.ever: dict[str, bytes] = {}
        for number in range(random.randint(2, 7)):
            self.appears(NOON - timedelta(minutes=47 * number))

    def appears(self, recorded_at: datetime) -> None:
        id_ = f"rec-{len(self.ever)}" if self.random.random() < 0.8 else f"rec.{len(self.ever)}"
        self.ever[id_] = wav(self.random.choice((400, 45_000)), fill=bytes((len(self.ever) + 1, 7)))
        ready = Readiness.NOT_READY if self.random.random() < 0.25 else Readiness.READY
        row = Recording(id=id_, recorded_at=recorded_at, readiness=ready, raw={"id": id_})
        self.rows += [row] * (2 if self.random.random() < 0.2 else 1)

    def vanishes(self) -> None:
        if self.rows:
            gone = self.random.choice(self.rows).id
            self.rows = [row for row in self.rows if row.id != gone]

    def becomes_ready(self) -> None:
        self.rows = [replace(row, readiness=Readiness.READY) for row in self.rows]

    def ids(self) -> set[str]:
        return {row.id for row in self.rows}

    def page(self, window: Window, cursor: str | None) -> Page:
        self._asked("list")
        return super().page(window, cursor)

    def describe(self, recording_id: str) -> Recording:
        self._asked("lookup")
        return self._row(recording_id)

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        self._asked("media")
        row = self._row(recording.id)
        if row.readiness is Readiness.NOT_READY:
            raise NotReady("still being written")
        if self.troubled and self.rejections[row.id] < MOST_REJECTIONS and self.random.random() < 0.1:
            self.rejections[row.id] += 1
            raise Rejected("a sign-in page")
        lane = self.busy[lane_of(row.id, LANES)]
        lane.add(running())
        self.crowded |= len(lane) > 1
        try:
            proven = row.id.startswith("rec-")
            yield Opened(body=cast(Body, _Sending(self.ever[row.id], proven=proven)))
        finally:
            lane.discard(running())

    def _row(self, id_: str) -> Recording:
        found = next((row for row in self.rows if row.id == id_), None)
        if found is None:
            raise NotFound("404")
        return found

    def _asked(self, kind: str) -> None:
        self.book(kind)
        point()
        if self.troubled and self.random.random() < 0.05:
            raise Unavailable("503")


class World:
    """One source at `provider`, and the functions that run."""

    def __init__(self, aws: Aws, seed: int) -> None:
        self.random = Random(seed)
        self.index = LateIndex(aws.table, Random(seed))
        self.aws = replace(aws, table=self.index)
        self.clock = WorldClock()
        self.provider = MovingProvider(self.random, self.clock)
        self.queue = Fifo(self.clock)
        self.deaths = 0
        self.rounds = 0
        self.failing = ""
        self.running: dict[Actor, datetime] = {}
        self.history: list[str] = []

    # what runs

    def _parts(self) -> tuple[Ledger, Pace, Intake]:
        """Everything anew, as in a fresh process."""
        ledger = Ledger(self.aws.table, source="acme", clock=self.clock, expire_after=None)
        pace = Pace(self.aws.table, source="acme", requests_per_minute=RATE, lanes=LANES, clock=self.clock)
        self.provider.book = pace.book
        lanes = SqsLanes(sqs(), queue_url=self.aws.queue_url, lanes=LANES)
        return (
            ledger,
            pace,
            Intake(
                ledger=ledger,
                lanes=lanes,
                pace=pace,
            ),
        )

    def _list(self) -> None:
        cursors = CursorStore(self.aws.table, source="acme", owner="lister", clock=self.clock)
        if not cursors.acquire():
            return
        _, pace, intake = self._parts()
        try:
            Listing(
                provider=self.provider,
                intake=intake,
                pace=pace,
                cursors=cursors,
                clock=self.clock,
                start=START,
                overlap=timedelta(hours=24),
                discovered_by="schedule",
                seconds_left=lambda: 900.0,
            ).run()
        finally:
            cursors.release()

    def _dispatch(self) -> None:
        self._parts()[2].dispatch()

    def _hint(self) -> None:
        """A webhook names a recording, and tells nothing else of it."""
        if self.provider.ids():
            named = Recording(id=self.random.choice(sorted(self.provider.ids())))
            self._parts()[2].take([named], "webhook")

    def _download(self, record: dict[str, Any]) -> None:
        ledger, pace, intake = self._parts()
        policy = StoragePolicy(storage="STANDARD", expire_after_days=None)
        Archiver(
            provider=lambda: self.provider,
            ledger=ledger,
            store=Store(S3Bucket(s3(), self.aws.bucket), policy=policy),
            pace=pace,
            intake=intake,
            lanes=LANES,
            clock=self.clock,
        ).work(read(record))

    def _start(self, name: str, work: Callable[[], object]) -> None:
        self.running[Actor(name, work)] = self.clock.now()
        self.history.append(f"{name} starts")

    def _deliver(self, message: Message) -> None:
        if self.queue.receive(message):
            record = message.record()

            def work() -> None:
                self._download(record)
                self.queue.delete(message)
                if self.provider.troubled and self.random.random() < 0.1:
                    self._comes_again(message)

            self._start(f"download of {message.body}", work)

    def _comes_again(self, message: Message) -> None:
        self.history.append("and comes again")
        self.queue.put_back(message)

    # chaos

    def chaos(self, steps: int) -> None:
        """So many random things happen, most of them a step of somebody who runs."""
        events: list[tuple[int, Callable[[], None]]] = [
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
            (4, self._time_passes),
            (1, self._a_service_fails),
            (3, self._services_recover),
        ]
        weights = [weight for weight, _ in events]
        for _ in range(steps):
            self.random.choices(events, weights)[0][1]()
            self._time_is_up()
            self._collect()

    def _someone_goes_on(self) -> None:
        if self.running:
            self._step(self.random.choice(list(self.running)))

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
        if self.running and self.deaths < MOST_DEATHS:
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

    def _a_service_fails(self) -> None:
        self.failing = self.random.choice(("s3", "dynamodb", "sqs"))
        self.history.append(f"{self.failing} fails")

    def _services_recover(self) -> None:
        self.failing = ""

    def hears(self, sent: Sent) -> object:
        """Stands at every call to AWS, and answers in its place while its service fails."""
        point()
        if running() is None or not self.failing or not sent.operation.startswith(f"{self.failing}."):
            return None
        error = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        return SimpleNamespace(status_code=403), error

    def _collect(self) -> None:
        for record in self.aws.messages():
            self.queue.send(record)

    # the end

    def settle(self) -> None:
        """No trouble any more: everybody comes to an end, and the schedules fire until nothing is due."""
        self.provider.troubled = False
        self.index.prompt = True
        self.failing = ""
        self.provider.becomes_ready()
        self._finish()
        ledger = self._parts()[0]
        calm = 0
        while calm < CALM_ROUNDS:
            self._run("list", self._list)
            self._work_off()
            due = ledger.due.next_at()
            calm = calm + 1 if due is None and not self.queue else 0
            self.rounds += 1
            assert self.rounds < MOST_ROUNDS, f"it never comes to rest: {self.aws.items()}"
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
