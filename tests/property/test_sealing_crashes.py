"""A run that dies between any two of its steps leaves a chain that the next run continues as if it had not died."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.archiver.listing.cursors import CursorStore
from functions.archiver.sealing.book import head_in
from functions.archiver.sealing.statement import Listed
from ops.local.engine.folder import FolderBucket
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.memory_folder import memory_folder
from tests.harness.sealing import SOURCE, SealBench
from tests.property.mortal import Died, Life, Mortal

DAYS = [date(2026, 2, 20) + timedelta(days=number) for number in range(2)]


class Ink:
    """Signs each time with other bytes, as ECDSA does."""

    def __init__(self) -> None:
        self.number = 0

    def public_key(self) -> bytes:
        return b"a key"

    def sign(self, body: bytes) -> bytes:
        self.number += 1
        return f"signature {self.number}".encode()


deaths = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=4)


@settings(max_examples=15)
@given(deaths=deaths)
def test_the_chain_is_whole_however_often_its_writer_dies(deaths: list[tuple[int, bool]]) -> None:
    with memory_folder() as folder, SqliteTable(Path(folder) / "ledger.sqlite") as table:
        life, clock = Life(), FakeClock()
        bucket = FolderBucket(Path(folder) / "archive")
        bench: Any = SealBench(Mortal(table, life), Mortal(bucket, life), clock)
        bench.signer = Mortal(Ink(), life)
        for number, day in enumerate(DAYS):
            for each in range(number):
                bench.keep(f"{number}-{each}", day)
        listed = {day: Listed(number=number, clean=True) for number, day in enumerate(DAYS)}
        for left, after in deaths:
            life.left, life.dies_after = left, after
            try:
                bench.seal(listed)
            except Died:
                table.update(f"{SOURCE}#reconciler", put={"lease_until": 0})  # its lease lapses
            life.left = None
            clock.advance(timedelta(hours=1))
        bench.seal(listed)
        _assert_whole(bench, CursorStore(table, source=SOURCE, owner="reconciler", clock=clock), table)


def _assert_whole(bench: SealBench, cursors: CursorStore, table: SqliteTable) -> None:
    seals = bench.seals()
    assert sorted((seal.statement.day, seal.standing.number) for seal in seals) == [(day, 1) for day in DAYS]
    assert [seal.standing.sequence for seal in seals] == [1, 2]
    assert [seal.standing.previous for seal in seals] == [None, seals[0].sha256]
    assert all(bench.body(f"{seal.key}.sig").startswith(b"signature") for seal in seals)
    item = table.get(f"{SOURCE}#reconciler") or {}
    head = head_in(item)
    assert head is not None
    assert (head.sequence, head.sha256, "sealing" in item) == (2, seals[-1].sha256, False)
    assert bench.clock.now() >= NOON
