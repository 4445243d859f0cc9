"""Changes of a source that are events: trouble, days that lack something, seals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

from functions.archiver.alerting.notes import MAY_BE_INCOMPLETE, Notebook
from functions.archiver.alerting.telling import Address, Teller
from functions.archiver.alerting.trouble import BEHIND, BLOCKED, Trouble
from functions.archiver.clock import to_ms
from functions.archiver.engine import Engine
from functions.archiver.errors import ArchiveTrouble, Service
from functions.archiver.events.event import Type
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.sealing.statement import Listed
from ops.local.engine.folder import FolderBucket
from tests.doubles.clock import NOON, FakeClock
from tests.harness.sealing import SealBench
from tests.harness.streaming import SOURCE, Streamed

FIVE_MINUTES = timedelta(minutes=5)


class Telling:
    """An engine whose topic takes messages, or does not."""

    def __init__(self) -> None:
        self.fails = False
        self.log = self

    def tell(self, message: object) -> None:
        if self.fails:
            raise ArchiveTrouble(Service.SNS, "Throttled")

    def error(self, message: str, /, **fields: object) -> None:
        pass


class Ticks:
    def __init__(self, table: Table, clock: FakeClock) -> None:
        self.engine = Telling()
        self.clock = clock
        self.notes = Notebook(table, source=SOURCE, clock=clock)
        address = Address(archive="recordings", source=SOURCE, runbook="x")
        self.teller = Teller(table, cast("Engine", self.engine), address, clock)

    def tick(self, trouble: Trouble | None, *, times: int = 1) -> None:
        for _ in range(times):
            notes = self.notes.read()
            self.teller.tell(trouble, notes.announcements)
            self.teller.note_late(notes.incomplete, notes.announcements)
            self.clock.advance(timedelta(minutes=1))


REFUSED = Trouble(kind=BLOCKED, reason="the provider refuses the credentials.")


def test_a_source_that_is_blocked_and_recovers_is_told_once_each(
    ledger: Ledger, streamed: Streamed, clock: FakeClock
) -> None:
    ticks = Ticks(streamed.table, clock)
    ticks.tick(Trouble(kind=BEHIND, reason="x"), times=3)
    ticks.tick(REFUSED, times=30)
    ticks.tick(None, times=30)
    blocked, recovered = streamed.events()
    assert (blocked.type, blocked.detail.reason) == (Type.BLOCKED, "the provider refuses the credentials")
    assert (blocked.at, recovered.at) == (NOON + timedelta(minutes=3), NOON + timedelta(minutes=33))
    assert recovered.type is Type.RECOVERED
    ticks.tick(REFUSED, times=30)
    assert streamed.events()[-1].detail.id not in {blocked.detail.id, recovered.detail.id}


def test_a_mail_that_could_not_be_sent_makes_no_second_event_of_the_same_trouble(
    ledger: Ledger, streamed: Streamed, clock: FakeClock
) -> None:
    ticks = Ticks(streamed.table, clock)
    ticks.engine.fails = True
    ticks.tick(REFUSED, times=17)
    ticks.engine.fails = False
    ticks.tick(REFUSED, times=3)
    assert len({event.detail.id for event in streamed.events()}) == 1


def test_ticks_of_a_source_that_stays_as_it_is_do_not_reach_the_function(
    ledger: Ledger, streamed: Streamed, clock: FakeClock
) -> None:
    ticks = Ticks(streamed.table, clock)
    ticks.tick(REFUSED, times=30)
    before = len(streamed.filtered())
    ticks.tick(REFUSED, times=30)
    streamed.table.update("acme#health", put={"ticked_at": to_ms(clock.now())})
    streamed.table.update("acme#pace", put={"tat": 1})
    assert len(streamed.filtered()) == before


def test_a_day_that_lacks_something_for_a_day_is_told_once_and_again_after_it_was_complete(
    ledger: Ledger, streamed: Streamed, clock: FakeClock
) -> None:
    ticks, day = Ticks(streamed.table, clock), NOON.date() - timedelta(days=1)
    for _ in range(2):
        ticks.notes.days({day: False})
        ticks.tick(None, times=2)
        clock.advance(MAY_BE_INCOMPLETE)
        ticks.tick(None, times=3)
        ticks.notes.days({day: True})
        ticks.tick(None, times=2)
    found = streamed.events()
    assert [(event.type, event.detail.day) for event in found] == [(Type.INCOMPLETE, day.isoformat())] * 2


def test_a_sealed_day_is_told_with_the_head_of_the_chain(tmp_path: Path, streamed: Streamed, clock: FakeClock) -> None:
    bench = SealBench(streamed.table, FolderBucket(tmp_path / "archive"), clock)
    days = [date(2026, 2, 1), date(2026, 2, 2)]
    for day in days:
        bench.keep(f"of-{day}", day)
    seals = bench.seal(dict.fromkeys(days, Listed(number=1, clean=True)))
    found = [event for event in streamed.events() if event.type is Type.SEALED]
    assert [(event.detail.day, event.detail.sha256, event.detail.sequence, event.detail.key) for event in found] == [
        (seal.statement.day.isoformat(), seal.sha256, seal.standing.sequence, seal.key) for seal in seals
    ]
    assert [event.at for event in found] == [
        datetime.fromisoformat(seal.standing.as_of).astimezone(UTC) for seal in seals
    ]


def test_a_chain_that_is_taken_over_from_the_bucket_is_no_news(
    tmp_path: Path, streamed: Streamed, clock: FakeClock
) -> None:
    bench = SealBench(streamed.table, FolderBucket(tmp_path / "archive"), clock)
    first, second = date(2026, 2, 1), date(2026, 2, 2)
    bench.seal({first: Listed(number=0, clean=True)})
    streamed.table.delete("acme#reconciler", when=Exists("pk"))
    bench.seal({second: Listed(number=0, clean=True)})
    assert [event.detail.day for event in streamed.events()] == [first.isoformat(), second.isoformat()]
