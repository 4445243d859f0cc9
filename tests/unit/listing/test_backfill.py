"""A backfill lists a period again under the lister's lease: after today's work, over many runs, until it is ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.archiver.aws.engine import AwsEngine
from functions.archiver.entry import State
from functions.archiver.listing.backfill import Backfill, Backfills, continue_backfill
from functions.archiver.listing.listing import Findings
from functions.archiver.recording import Recording
from functions.archiver.runtime import Runtime
from functions.archiver.settings.deployment import Archive
from functions.archiver.settings.environment import Settings
from tests.doubles.aws import BUCKET, TABLE, Aws
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.provider_in_memory import ProviderInMemory
from tests.harness.deployed import a_source, session

DAY = timedelta(days=1)
WANTED = Backfill(start=NOON - 60 * DAY, end=NOON - 30 * DAY, by="jo", asked_at=NOON)


class Bench:
    """A lister whose runtime has a provider in memory and all the time that `seconds` say."""

    def __init__(self, aws: Aws, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
        source = a_source("acme", start=NOON - 50 * DAY)
        settings = Settings(
            bucket=BUCKET, table=TABLE, queue_url=aws.queue_url, archive=Archive(name="recordings"), source=source
        )
        self.provider = ProviderInMemory()
        self.runtime = Runtime(settings, AwsEngine(settings, session()), clock)
        self.seconds = 900.0
        monkeypatch.setattr(self.runtime, "provider", lambda: self.provider)
        monkeypatch.setattr(self.runtime, "seconds_left", lambda: self.seconds)
        self.wishes = Backfills(aws.table, source="acme")

    def run(self) -> Findings | None:
        cursors = self.runtime.cursors("lister")
        assert cursors.acquire()
        found = continue_backfill(self.runtime, cursors)
        cursors.release()
        return found

    def walks(self) -> int:
        return len(self.runtime.cursors("lister").progress().walks)


@pytest.fixture
def bench(aws: Aws, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(aws, clock, monkeypatch)
    made.provider.rows = [Recording(id=f"rec-{n}", recorded_at=NOON - n * DAY) for n in (20, 40, 45, 55)]
    return made


def test_without_a_wish_nothing_is_asked(bench: Bench) -> None:
    assert bench.run() is None


def test_a_period_is_listed_again_but_nothing_before_the_source_s_start(bench: Bench) -> None:
    assert bench.wishes.ask(WANTED)
    bench.run()
    found = {n: bench.runtime.ledger.find(f"rec-{n}") for n in (20, 40, 45, 55)}
    assert {n for n, entry in found.items() if entry} == {40, 45}
    assert {entry.discovered_by for entry in found.values() if entry} == {"backfill"}
    assert found[40] is not None
    assert found[40].state in (State.PENDING, State.QUEUED)
    assert bench.wishes.open() is None
    assert bench.run() is None


def test_a_run_without_time_leaves_the_rest_to_the_next(bench: Bench) -> None:
    bench.wishes.ask(WANTED)
    bench.seconds = 0.0
    stopped = bench.run()
    assert stopped is not None
    assert stopped.stopped == "out of time"
    assert bench.wishes.open() == WANTED
    bench.seconds = 900.0
    bench.run()
    assert bench.runtime.ledger.find("rec-40") is not None


def test_a_cancelled_backfill_asks_nothing_more_and_leaves_no_walk(bench: Bench) -> None:
    bench.wishes.ask(WANTED)
    bench.seconds = 0.0
    bench.run()
    assert bench.wishes.end(WANTED)
    assert not bench.wishes.end(WANTED)
    bench.seconds = 900.0
    assert bench.run() is None
    assert bench.walks() == 0


def test_there_is_one_at_a_time_and_another_after_it(bench: Bench) -> None:
    assert bench.wishes.ask(WANTED)
    later = Backfill(start=NOON - 30 * DAY, end=NOON - 10 * DAY, by="jo", asked_at=NOON + DAY)
    assert not bench.wishes.ask(later)
    bench.run()
    assert bench.wishes.ask(later)
    bench.run()
    assert bench.runtime.ledger.find("rec-20") is not None


def test_days_that_were_listed_again_are_counted_anew(bench: Bench) -> None:
    day = (NOON - 40 * DAY).date()
    bench.runtime.totals.keep({day: {"archived": 0}})
    bench.wishes.ask(WANTED)
    bench.run()
    assert (day, True) in bench.runtime.totals.uncounted(day, day)
