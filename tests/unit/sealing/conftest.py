"""A source on the engine of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.engine.folder import FolderBucket
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.clock import FakeClock
from tests.harness.sealing import SealBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SealBench]:
    with SqliteTable(tmp_path / "ledger.sqlite") as table:
        yield SealBench(table, FolderBucket(tmp_path / "archive"), FakeClock())
