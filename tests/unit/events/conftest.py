"""A ledger whose table has a stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.archiver.ledger.ledger import Ledger
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.clock import FakeClock
from tests.harness.streaming import Streamed


@pytest.fixture
def streamed(tmp_path: Path, clock: FakeClock) -> Iterator[Streamed]:
    with SqliteTable(tmp_path / "ledger.sqlite", journal="wal") as table:
        yield Streamed(table, clock)


@pytest.fixture
def ledger(streamed: Streamed) -> Ledger:
    return streamed.ledger
