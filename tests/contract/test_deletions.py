"""Deletion at the source, with each provider that has it: its own client against its simulator, judged by the sweeper.

A source of the simulator's recordings is archived, locked and sealed; then its round of deletions comes.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.entry import Entry
from functions.archiver.provider.paging import every_page
from functions.archiver.provider.provider import Account, Provider
from functions.archiver.recording import Readiness
from functions.archiver.secret import Secret
from functions.archiver.sweeping.book import Round
from functions.providers import load, names
from ops.local.engine.sqlite_table import SqliteTable
from simulators.faults import Fault
from simulators.server import Simulator
from tests.doubles.clock import FakeClock
from tests.doubles.http_client import Slots, http_to
from tests.doubles.vault import Vault
from tests.harness.sealing import SOURCE
from tests.harness.sweeping import AFTER, SweepBench

PROVIDERS = [name for name in names() if load(name).declaration.deletes]
MANY = [name for name in PROVIDERS if load(name).declaration.deletes_many]
CALLS = [name for name in PROVIDERS if load(name).declaration.deletes == "call"]
EARLIER = timedelta(days=40)
COUNTS_FOR_NOTHING = [
    Fault("status", where="delete", value=403, times=None),
    Fault("html", where="delete", times=None),
]


def simulator_of(name: str) -> Simulator:
    module = importlib.import_module(f"simulators.providers.{name}")
    kinds = (kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__)
    kind: Any = next(kind for kind in kinds if issubclass(kind, Simulator))
    found: Simulator = kind(recordings=4)
    return found


def client_of(name: str, simulator: Simulator) -> Provider:
    kind = load(name)
    declared = kind.declaration
    options = {option.name: option.default for option in declared.options if option.default is not None}
    options = {**options, **simulator.options}
    credentials = {field: Secret(value) for field, value in simulator.secret.items()}
    account = Account(source=SOURCE, base_url=simulator.base_url, credentials=credentials, options=options)
    http = http_to(simulator.base_url, Slots(), origins=declared.origins(options), limit_headers=declared.limit_headers)
    return kind(http, account)


class Source:
    """Every recording that the client lists, archived and sealed on its day, long enough ago."""

    def __init__(self, name: str, simulator: Simulator, folder: Path, table: SqliteTable) -> None:
        self.simulator = simulator
        self.provider = client_of(name, simulator)
        self.clock = FakeClock(datetime.now(UTC).replace(microsecond=0))
        vault = Vault(folder / "archive", until=self.clock.now() + timedelta(days=3650))
        bench: Any = SweepBench(table, vault, self.clock)
        bench.provider = self.provider
        self.bench: SweepBench = bench
        self.ids = self._archive()
        self.clock.advance(AFTER + timedelta(days=3))
        self.bench.rehearsed()

    def _archive(self) -> list[str]:
        end = self.clock.now()
        listed = [each for page in every_page(self.provider, end - EARLIER, end) for each in page.recordings]
        assert listed
        days: dict[date, int] = {}
        for recording in listed:
            assert recording.recorded_at
            day = recording.recorded_at.date()
            self.bench.keep(recording.id, day)
            put = {"recorded_at": recording.recorded_at.isoformat()}
            put |= {"call_id": recording.call_id} if recording.call_id else {}
            self.bench.table.update(f"{SOURCE}#recording#{recording.id}", put=put)
            days[day] = days.get(day, 0) + 1
        self.clock.advance(timedelta(days=2))
        self.bench.sealed_as(days)
        return [recording.id for recording in listed]

    def round(self) -> Round:
        return self.bench.round()

    def entries(self) -> list[Entry]:
        return [self.bench.entry(id_) for id_ in self.ids]

    def deleted(self) -> int:
        """As the source has it."""
        there = [each for each in self.simulator.recordings.values() if each.state == "ready"]
        return len(self.ids) - len(there)


@pytest.fixture
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    with simulator_of(request.param) as simulator, SqliteTable(tmp_path / "ledger.sqlite") as table:
        yield Source(request.param, simulator, tmp_path, table)


every_provider = pytest.mark.parametrize("source", PROVIDERS, indirect=True)


@every_provider
def test_everything_that_may_go_is_deleted_and_the_next_round_finds_it_so(source: Source) -> None:
    done = source.round()
    assert (done.deleted, done.stopped, done.left) == (len(source.ids), None, {})
    assert source.deleted() == len(source.ids)
    assert all(entry.deleted_at_source for entry in source.entries())
    assert source.round().stopped is None


@every_provider
def test_what_is_gone_already_is_noted_so_and_stops_nothing(source: Source) -> None:
    for recording in list(source.simulator.recordings.values()):
        source.provider.delete(next(each for each in _listed(source) if each.id == recording.id))
        break
    done = source.round()
    assert done.stopped is None
    assert done.deleted + done.gone == len(source.ids)
    assert source.deleted() == len(source.ids)


@every_provider
@pytest.mark.parametrize("fault", COUNTS_FOR_NOTHING, ids=["403", "a page"])
def test_a_refusal_or_a_page_in_place_of_an_answer_counts_for_nothing(source: Source, fault: Fault) -> None:
    source.simulator.faults.add(fault)
    done = source.round()
    assert (done.deleted, done.gone) == (0, 0)
    assert not any(entry.deleted_at_source or entry.gone_at_source for entry in source.entries())
    source.simulator.faults.clear()
    assert source.round().deleted == len(source.ids)


@every_provider
@pytest.mark.parametrize("fault", ["reset", "early_end"])
def test_a_deletion_whose_answer_is_lost_is_known_to_be_ours_afterwards(source: Source, fault: str) -> None:
    source.simulator.faults.add(Fault(fault, where="delete"))
    source.round()
    source.clock.advance(timedelta(hours=2))
    done = source.round()
    assert done.stopped is None
    assert source.deleted() == len(source.ids)
    assert all(entry.deleted_at_source for entry in source.entries()), "whichever of the two requests did it"


@every_provider
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_source_in_trouble_is_left_alone_until_later(source: Source, status: int) -> None:
    source.simulator.faults.add(Fault("status", where="delete", value=status))
    done = source.round()
    assert (done.ended_at, done.stopped, done.deleted) == (None, None, 0)
    source.clock.advance(timedelta(hours=2))
    assert source.round().stopped is None
    assert source.deleted() == len(source.ids)


@pytest.mark.parametrize("source", MANY, indirect=True)
def test_what_is_missing_among_several_keeps_the_others_from_nothing(source: Source) -> None:
    source.simulator.recordings.pop(source.ids[1])
    assert source.round().stopped is None
    assert source.deleted() == len(source.ids)


@pytest.mark.parametrize("source", CALLS, indirect=True)
def test_a_call_stays_whole_while_one_of_its_files_is_held(source: Source) -> None:
    source.bench.holds.hold(source.ids[0], "Meyer")
    held = source.bench.entry(source.ids[0])
    done = source.round()
    assert done.stopped is None
    for entry in source.entries():
        ours = entry.recording.call_id == held.recording.call_id
        assert (entry.deleted_at_source is None) is ours


@pytest.mark.parametrize("source", CALLS, indirect=True)
def test_a_call_stays_whole_where_the_ledger_does_not_know_the_call_of_its_files(source: Source) -> None:
    for id_ in source.ids:
        source.bench.table.update(f"{SOURCE}#recording#{id_}", put={"call_id": None})
    held = source.bench.entry(source.ids[0])
    call = next(each.call_id for each in _listed(source) if each.id == source.ids[0])
    source.bench.holds.hold(source.ids[0], "Meyer")
    source.round()
    kept = {each.id for each in source.simulator.recordings.values() if each.state == "ready"}
    assert {each.id for each in source.simulator.recordings.values() if each.call_id == call} <= kept
    assert held.recording.call_id is None


@pytest.mark.parametrize("source", CALLS, indirect=True)
def test_a_call_of_which_a_file_could_not_be_deleted_stops_the_round(source: Source) -> None:
    simulator: Any = source.simulator
    simulator.undeletable = {source.ids[0]}
    done = source.round()
    assert done.stopped
    assert source.bench.entry(source.ids[0]).deleted_at_source is None


def _listed(source: Source) -> list[Any]:
    end = datetime.now(UTC)
    pages = every_page(source.provider, end - EARLIER, end)
    return [each for page in pages for each in page.recordings if each.readiness is Readiness.READY]
