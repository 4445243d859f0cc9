"""The rules of terms: from when one counts, when it ends, and which recordings of a day get one written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from functions.archiver.clock import Clock
from functions.archiver.entry import State
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.holds import Holds
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.terms import AHEAD, Terms, end_of_term, ended_at, may_come_back
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.clock import NOON, FakeClock
from tests.harness.ledger import PK, STORED, TRANSITIONS, present, queued, recording

DAY = timedelta(days=1)
RECORDED = date(2026, 3, 3)
END_OF_TEN = datetime(2026, 3, 15, tzinfo=UTC)
"""Ten days after noon on 4 March, and then the next midnight."""


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    with SqliteTable(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def ledger(table: SqliteTable, clock: FakeClock) -> Ledger:
    return Ledger(table, source="acme", clock=clock)


def terms(table: SqliteTable, clock: Clock, days: int | None, retention: timedelta | None = None) -> Terms:
    return Terms(table, source="acme", clock=clock, days=days, retention=lambda: retention)


def expires_at(table: SqliteTable) -> object:
    return present(table.get(PK)).get("expires_at")


def test_a_term_counts_whole_days_and_ends_at_midnight_as_s3_counts() -> None:
    assert end_of_term(datetime(2014, 1, 15, 10, 30, tzinfo=UTC), 3) == datetime(2014, 1, 19, tzinfo=UTC)


@given(some.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)), some.integers(1, 36500))
def test_a_term_is_never_shorter_than_its_days_and_longer_by_a_day_at_most(since: datetime, days: int) -> None:
    since = since.replace(tzinfo=UTC)
    assert timedelta(days=days) < end_of_term(since, days) - since <= timedelta(days=days + 1)


@pytest.mark.parametrize("name", ["archived", "quarantined", "failed", "gone"])
def test_whatever_has_ended_gets_the_term_that_counts_from_its_end(
    table: SqliteTable, clock: FakeClock, ledger: Ledger, name: str
) -> None:
    ticket = queued(ledger)
    story = ledger.entry(ticket).story
    clock.advance(DAY)
    ends = {"gone": lambda: ledger.mark_gone(ticket, "410", story=story)}
    ends.get(name, lambda: TRANSITIONS[name](ledger, ticket))()
    assert ended_at(present(table.get(PK))) == NOON + DAY
    terms(table, clock, 10).look(RECORDED)
    assert expires_at(table) == int((END_OF_TEN + DAY).timestamp())


@pytest.mark.parametrize("name", ["rejected", "not ready", "missing", "release", "death"])
def test_what_still_waits_has_no_term_and_is_looked_at_again_in_a_week(
    table: SqliteTable, clock: FakeClock, ledger: Ledger, name: str
) -> None:
    TRANSITIONS[name](ledger, queued(ledger))
    assert terms(table, clock, 1).look(RECORDED) == (NOON + 7 * DAY).date()
    assert expires_at(table) is None
    assert not ledger.tombstones.of(["rec-1"])


def test_an_end_that_is_far_away_is_written_thirty_days_ahead(
    table: SqliteTable, clock: FakeClock, ledger: Ledger
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    looked = terms(table, clock, 100).look(RECORDED)
    assert looked == (end_of_term(NOON, 100) - AHEAD).date()
    assert expires_at(table) is None
    clock.moment = end_of_term(NOON, 100) - AHEAD
    assert terms(table, clock, 100).look(RECORDED) == (end_of_term(NOON, 100) + DAY).date()
    assert expires_at(table) == int(end_of_term(NOON, 100).timestamp())


def test_a_term_that_grows_is_renewed_and_one_that_is_dropped_goes(
    table: SqliteTable, clock: FakeClock, ledger: Ledger
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    for days, told in ((10, 10), (20, 20), (200, None), (9, 9), (None, None)):
        terms(table, clock, days).look(RECORDED)
        assert expires_at(table) == (int(end_of_term(NOON, told).timestamp()) if told else None)


def test_a_hold_takes_the_term_away_and_a_release_gives_it_back_at_the_next_look(
    table: SqliteTable, clock: FakeClock, ledger: Ledger
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    holds = Holds(table, source="acme", clock=clock)
    terms(table, clock, 10).look(RECORDED)
    holds.hold("rec-1", "case")
    assert terms(table, clock, 10).look(RECORDED) == (NOON + 7 * DAY).date()
    assert expires_at(table) is None
    holds.release("rec-1", "case")
    terms(table, clock, 10).look(RECORDED)
    assert expires_at(table) == int(END_OF_TEN.timestamp())


def test_a_hold_that_comes_between_reading_and_writing_wins(
    table: SqliteTable, clock: FakeClock, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    real = table.update
    holds = Holds(table, source="acme", clock=clock)

    def update(pk: str, **change: object) -> object:
        if "expires_at" in change["put"]:  # type: ignore[operator]  # it is a mapping
            monkeypatch.undo()
            holds.hold("rec-1", "case")
        return real(pk, **change)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(table, "update", update)
    assert terms(table, clock, 10).look(RECORDED) == (NOON + DAY).date()
    assert expires_at(table) is None


@pytest.mark.parametrize(
    ("retention", "comes_back"), [(None, True), (180 * DAY, True), (5 * DAY, True), (4 * DAY, False), (DAY, False)]
)
def test_only_what_the_provider_may_list_after_its_term_gets_a_tombstone(
    table: SqliteTable, clock: FakeClock, ledger: Ledger, retention: timedelta | None, comes_back: bool
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    assert may_come_back(RECORDED, END_OF_TEN, retention) is comes_back
    terms(table, clock, 10, retention).look(RECORDED)
    assert bool(ledger.tombstones.of(["rec-1"])) is comes_back


def test_what_has_expired_is_known_when_it_is_listed_again_and_never_fetched(
    table: SqliteTable, clock: FakeClock, ledger: Ledger
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    terms(table, clock, 10).look(RECORDED)
    table.delete(PK, when=Exists("pk"))  # as the table does by itself
    assert ledger.known(["rec-1"])["rec-1"].state is State.ERASED
    assert ledger.known(["rec-2"]) == {}


def test_of_what_is_gone_at_the_provider_nothing_is_buried(
    table: SqliteTable, clock: FakeClock, ledger: Ledger
) -> None:
    ledger.mark_gone(queued(ledger), "410")
    terms(table, clock, 10).look(RECORDED)
    assert not ledger.tombstones.of(["rec-1"])


def test_a_second_look_writes_nothing(table: SqliteTable, clock: FakeClock, ledger: Ledger) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    first = terms(table, clock, 10).look(RECORDED)
    before = list(table.scan())
    assert terms(table, clock, 10).look(RECORDED) == first
    assert list(table.scan()) == before


def test_a_term_of_an_earlier_version_that_agrees_is_left_as_it_is(
    table: SqliteTable, clock: FakeClock, ledger: Ledger
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    exact = int((NOON + 100 * DAY).timestamp())
    table.update(PK, put={"expires_at": exact})
    terms(table, clock, 100).look(RECORDED)
    assert expires_at(table) == exact


def test_what_is_over_is_no_longer_of_its_day(table: SqliteTable, clock: FakeClock, ledger: Ledger) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    ledger.insert(recording("rec-2"), "schedule")
    terms(table, clock, 10).look(RECORDED)
    clock.moment = END_OF_TEN
    terms(table, clock, 10).look(RECORDED)
    assert [entry.recording.id for entry in ledger.day(RECORDED)] == ["rec-2"]
