"""Which days get their terms, and when: none too late, and none read more often than it has to be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from functions.archiver.clock import from_iso
from functions.archiver.entry import Stored
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Item
from functions.archiver.ledger.terms import Terms, end_of_term, look_again_from
from functions.archiver.ledger.totals import Totals
from functions.archiver.reconciling.expiring import Expiring
from functions.archiver.recording import Recording
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.clock import NOON, FakeClock

DAY = timedelta(days=1)
START = NOON - 400 * DAY
STORED = Stored(key="audio/x.wav", version_id="v1", size_bytes=9, sha256="ab" * 32, content_type="audio/wav")


@dataclass
class Bench:
    """A source whose reconciler does nothing but this, once a day."""

    table: SqliteTable
    clock: FakeClock = field(default_factory=FakeClock)
    days: int | None = 100
    looked_at: list[date] = field(default_factory=list)
    number: int = 0
    start: datetime = START

    def archive(self, recorded: date) -> str:
        ledger = Ledger(self.table, source="acme", clock=self.clock)
        self.number += 1
        at = datetime(recorded.year, recorded.month, recorded.day, tzinfo=UTC)
        ticket = ledger.insert_queued(Recording(id=f"rec-{self.number}", recorded_at=at), "schedule")
        assert ticket is not None
        ledger.mark_archived(ticket, STORED)
        return f"acme#recording#rec-{self.number}"

    def run(self, *, seconds: float = 900.0) -> int:
        expiring = Expiring(
            self.table,
            source="acme",
            clock=self.clock,
            days=self.days,
            retention=lambda: 30 * DAY,
            totals=Totals(self.table, source="acme"),
            settled=7 * DAY,
        )
        left = iter(range(int(seconds)))
        with pytest.MonkeyPatch.context() as patch:
            real = Terms.look

            def look(terms: Terms, day: date) -> object:
                self.looked_at.append(day)
                return real(terms, day)

            patch.setattr(Terms, "look", look)
            return expiring.run(self.start.date(), self.clock.now(), lambda: next(left, None) is not None)

    def settle(self) -> None:
        """Until a run finds nothing to do, as in the first days of a source."""
        while self.run() == 400:
            pass

    def expire(self) -> None:
        """What the table does by itself."""
        for item in self.recordings():
            if "expires_at" in item and item["expires_at"] <= self.clock.now().timestamp():
                self.table.delete(str(item["pk"]), when=Exists("pk"))

    def recordings(self) -> list[Item]:
        return [item for item in self.table.scan() if item.get("kind") == "recording"]


@contextmanager
def a_bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder, SqliteTable(Path(folder) / "ledger.sqlite") as table:
        yield Bench(table)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with a_bench() as made:
        yield made


def expires_at(bench: Bench, pk: str) -> object:
    return (bench.table.get(pk) or {}).get("expires_at")


def test_a_day_is_looked_at_when_its_term_comes_near_and_then_left_alone(bench: Bench) -> None:
    pk = bench.archive(NOON.date())
    bench.settle()
    for _ in range(60):
        bench.clock.advance(DAY)
        bench.run()
    assert expires_at(bench, pk) is None
    bench.looked_at.clear()
    for _ in range(35):
        bench.clock.advance(DAY)
        bench.run()
    assert expires_at(bench, pk) == int(end_of_term(NOON, 100).timestamp())
    for _ in range(35):
        bench.clock.advance(DAY)
        bench.expire()
        bench.run()
    assert bench.table.get(pk) is None
    assert bench.looked_at.count(NOON.date()) == 2


def test_a_source_that_keeps_for_ever_is_looked_through_once(bench: Bench) -> None:
    bench.days = None
    pk = bench.archive(NOON.date() - DAY)
    bench.table.update(pk, put={"expires_at": 2_000_000_000})  # by an earlier version, whose term is no more
    bench.settle()
    assert expires_at(bench, pk) is None
    bench.looked_at.clear()
    bench.clock.advance(DAY)
    assert bench.run() == 0


def test_when_the_term_grows_no_item_keeps_the_shorter_one(bench: Bench) -> None:
    pks = [bench.archive(NOON.date() - number * DAY) for number in (80, 10, 0)]
    bench.days = 20
    bench.settle()
    assert all(expires_at(bench, pk) for pk in pks)
    bench.days = 1000
    bench.settle()
    assert not any(expires_at(bench, pk) for pk in pks)


def test_a_run_that_has_no_time_left_is_gone_on_with(bench: Bench) -> None:
    pk = bench.archive((NOON - 300 * DAY).date())
    bench.clock.advance(95 * DAY)
    for _ in range(100):
        bench.run(seconds=30)
    assert expires_at(bench, pk) == int(end_of_term(NOON, 100).timestamp())


def test_days_into_which_something_is_put_later_are_looked_at_again(bench: Bench) -> None:
    bench.settle()
    long_ago = (NOON - 300 * DAY).date()
    pk = bench.archive(long_ago)
    look_again_from(bench.table, "acme", long_ago)
    bench.settle()
    bench.clock.advance(90 * DAY)
    bench.settle()
    assert expires_at(bench, pk) == int(end_of_term(NOON, 100).timestamp())


def test_what_is_asked_for_during_a_run_is_not_forgotten_by_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.settle()
    bench.clock.advance(DAY)
    long_ago = (NOON - 300 * DAY).date()
    save = Expiring._save

    def late(expiring: Expiring, *args: object) -> bool:
        monkeypatch.undo()
        look_again_from(bench.table, "acme", long_ago)
        return save(expiring, *args)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(Expiring, "_save", late)
    bench.run()
    bench.looked_at.clear()
    bench.settle()
    assert long_ago in bench.looked_at


def test_the_totals_of_a_day_no_longer_count_what_has_expired(bench: Bench) -> None:
    bench.days = 10
    bench.archive(NOON.date())
    totals = Totals(bench.table, source="acme")
    totals.keep({NOON.date(): totals.look(NOON.date())})
    due = Ledger(bench.table, source="acme", clock=bench.clock).due
    for _ in range(14):
        bench.run()
        bench.clock.advance(DAY)
        bench.expire()
    totals.keep({}, as_of=bench.clock.now())
    bench.table.update("acme#totals", put={"as_of": bench.clock.now().isoformat()})
    assert totals.count(due, bench.clock.now().date()).numbers["archived"] == 0


@settings(max_examples=12)
@given(
    some.lists(
        some.tuples(
            some.integers(0, 20),  # days that pass
            some.integers(0, 6),  # how long ago it was recorded what is archived then
            some.sampled_from([None, 9, 40, 90, 200]),  # the term from then on
        ),
        min_size=1,
        max_size=4,
    )
)
def test_nothing_goes_before_its_present_term_and_nothing_stays_long_after_it(
    steps: list[tuple[int, int, int | None]],
) -> None:
    with a_bench() as bench:
        bench.start = NOON - 20 * DAY
        bench.settle()
        for passed, ago, term in steps:
            for _ in range(passed):
                bench.clock.advance(DAY)
                bench.expire()
                bench.run()
            bench.days = term
            bench.archive((bench.clock.now() - ago * DAY).date())
            bench.clock.advance(DAY)  # what is put into a day that was looked at already is seen tomorrow
            bench.expire()
            bench.settle()
            for item in bench.recordings():
                if term is None:
                    assert "expires_at" not in item
                    continue
                end = end_of_term(from_iso(str(item["archived_at"])), term)
                if "expires_at" in item:
                    assert item["expires_at"] == int(end.timestamp())
                else:
                    assert end > bench.clock.now() + 29 * DAY
