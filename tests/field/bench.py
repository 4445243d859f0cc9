"""The real listing and the real archiver over a folder, with the provider of one case, or of many, behind them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from functions.archiver.archiving.archiving import Archiver
from functions.archiver.bucket.store import Store
from functions.archiver.entry import Entry
from functions.archiver.http.client import Http
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.listing.cursors import CursorStore, Walk
from functions.archiver.listing.listing import Listing
from functions.archiver.provider.provider import Account, Provider
from functions.archiver.secret import Secret
from functions.archiver.throttling.intake import Intake
from functions.archiver.throttling.lanes import read
from functions.archiver.throttling.pace import Pace
from functions.providers import load
from tests.doubles.clock import NOON, FakeClock
from tests.field.origin import World
from tests.harness.parts import STANDARD
from tests.property.grounds import LANES, SOURCES, Ground

SPAN = timedelta(hours=2)
START = NOON - timedelta(hours=4)
LANES_OF = SOURCES[0]
"""Whose lanes are used, whatever a bench's own source is called."""

TURNS = 40
"""More than the attempts that a recording has, for each of a case's recordings."""


class Bench:
    """One source, a new one for each bench, and the run from its list to the end of everything that it lists."""

    _numbers = count()

    def __init__(self, ground: Ground, world: World) -> None:
        self.clock = FakeClock()
        self.source = f"field-{next(self._numbers)}"
        self.world = world
        self.kind: type[Provider] = load(world.cases[0].provider)
        self.ledger = Ledger(ground.table, source=self.source, clock=self.clock)
        self.pace = Pace(ground.table, source=self.source, requests_per_minute=6000, lanes=LANES, clock=self.clock)
        self.intake = Intake(ledger=self.ledger, lanes=ground.lanes[LANES_OF], pace=self.pace)
        self.store = Store(ground.bucket, policy=STANDARD)
        self.cursors = CursorStore(ground.table, source=self.source, owner="lister", clock=self.clock)
        self._sent = ground.sent
        self._provider = self._made()

    def _made(self) -> Provider:
        simulator = self.world.simulator
        defaults = {o.name: o.default for o in self.kind.declaration.options if o.default is not None}
        credentials = {name: Secret(value) for name, value in simulator.secret.items()}
        http = Http(
            base_url=self.world.base_url,
            slots=self.pace,
            domains=self.kind.declaration.domains,
            allow_private=True,
            secrets=[value for name, value in credentials.items() if name not in self.kind.declaration.public_fields],
        )
        account = Account(
            source=self.source,
            base_url=self.world.base_url,
            credentials=credentials,
            options={**defaults, **simulator.options},
        )
        return self.kind(http, account)

    def list(self) -> None:
        """One run over the case's window as a single window of the walk."""
        listing = Listing(
            provider=self._provider,
            intake=self.intake,
            pace=self.pace,
            cursors=self.cursors,
            clock=self.clock,
            start=START,
            overlap=timedelta(hours=24),
            discovered_by="schedule",
            seconds_left=lambda: 900.0,
        )
        end = START + SPAN
        assert self.cursors.acquire()
        self.cursors.keep(Walk(name="forward", position=START, end=end, width=end - START))
        listing.run_walk("forward", START, end)
        self.cursors.release()

    def work_off(self) -> None:
        """Every message and every retry, in the order of their times, until nothing waits any more."""
        archiver = Archiver(
            provider=lambda: self._provider,
            ledger=self.ledger,
            store=self.store,
            pace=self.pace,
            intake=self.intake,
            lanes=LANES,
            clock=self.clock,
        )
        for _ in range(TURNS * len(self.world.cases)):
            for received in map(read, self._sent(LANES_OF)):
                if received.ticket.source == self.source:  # a case that failed may have left some behind
                    archiver.work(received)
            due, closed = self.ledger.due.next_at(), self.pace.gate().closed_until
            if due is None:
                return
            self.clock.moment = max(self.clock.moment, due, closed or due)
            self.intake.dispatch()

    def state(self, id_: str) -> str | None:
        entry = self.ledger.find(id_)
        return entry.state.value if entry else None

    def reason(self, id_: str) -> str | None:
        entry = self.ledger.find(id_)
        return entry.reason if entry else "it is not in the ledger"

    def kept(self, id_: str) -> bytes | None:
        """The bytes of a recording that the bucket holds, under `audio/` or in quarantine."""
        entry = self.ledger.find(id_)
        if entry is None or entry.stored is None:
            return None
        with self.store.bucket.read(entry.stored.key) as chunks:
            return b"".join(chunks)

    def sidecar(self, entry: Entry) -> Mapping[str, Any]:
        return self.store.sidecar(entry.place) or {}
