"""A source whose archive is locked, with a provider that deletes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.vault import Vault
from tests.harness.sweeping import SweepBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SweepBench]:
    with SqliteTable(tmp_path / "ledger.sqlite") as table:
        vault = Vault(tmp_path / "archive", until=NOON + timedelta(days=3650))
        yield SweepBench(table, vault, FakeClock())


@pytest.fixture
def ready(bench: SweepBench) -> SweepBench:
    """Two recordings may go, and the rehearsal is over."""
    bench.ripe(date(2026, 3, 4), "a", "b")
    bench.rehearsed()
    return bench
