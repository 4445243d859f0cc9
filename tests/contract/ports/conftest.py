"""Every engine that the contract of the table runs on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.archiver.ledger.table import Table
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.aws import aws

ENGINES = ("sqlite", "sqlite for one process", "dynamodb")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def table(engine: str, tmp_path: Path) -> Iterator[Table]:
    if engine == "dynamodb":
        with aws() as made:
            yield made.table
        return
    with SqliteTable(tmp_path / "ledger.sqlite", journal="wal" if engine == "sqlite" else "truncate") as local:
        yield local
