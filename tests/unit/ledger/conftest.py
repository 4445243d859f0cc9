"""The ledger works alike on AWS and in a folder: its tests run on both tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.aws import Aws
from tests.doubles.aws import aws as fresh_aws


@pytest.fixture(params=["dynamodb", "sqlite"])
def aws(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Aws]:
    with fresh_aws() as made, SqliteTable(tmp_path / "ledger.sqlite", journal="wal") as local:
        yield made if request.param == "dynamodb" else replace(made, table=local)
