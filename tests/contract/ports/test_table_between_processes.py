"""Writes of several processes and threads to one table exclude each other.

Of the engines here only SQLite can be shown to do so; moto's conditional writes are not even atomic between threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from functions.archiver.ledger.conditions import AtMost, KeyRange, Missing
from functions.archiver.ledger.table import Refused
from ops.local.engine.sqlite_file import Journal
from ops.local.engine.sqlite_table import SqliteTable
from tests.contract.ports.processes import claim, count_up_to, put_the_same, together


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def test_processes_that_count_to_a_limit_never_pass_it(path: Path) -> None:
    granted = together(partial(count_up_to, 300), path, processes=3)
    assert sum(granted) == 300
    with SqliteTable(path) as table:
        assert (table.get("counter") or {})["n"] == 300


def test_of_processes_that_claim_what_is_due_each_item_goes_to_one(path: Path) -> None:
    with SqliteTable(path) as table:
        for number in range(150):
            table.put_new({"pk": str(number), "due_group": "g", "due_at": number})
    claimed = together(claim, path, processes=3)
    assert sorted(pk for each in claimed for pk in each) == sorted(map(str, range(150)))
    with SqliteTable(path) as table:
        assert table.count("due", KeyRange("g", at_least=5000)) == 150
        assert {item["pk"]: item["by"] for item in table.scan()} == {
            pk: worker for worker, pks in enumerate(claimed) for pk in pks
        }


def test_processes_that_make_the_file_together_put_each_item_once(path: Path) -> None:
    assert sum(together(put_the_same, path, processes=3)) == 100
    with SqliteTable(path) as table:
        assert len(list(table.scan())) == 100


@pytest.mark.parametrize("journal", ["wal", "truncate"])
def test_threads_that_share_a_table_never_pass_a_limit(path: Path, journal: Journal) -> None:
    limit = 200 if journal == "wal" else 20

    def count() -> int:
        granted = 0
        while True:
            try:
                table.update("counter", put={}, add={"n": 1}, when=Missing("n") | AtMost("n", limit - 1))
            except Refused:
                return granted
            granted += 1

    with SqliteTable(path, journal=journal) as table, ThreadPoolExecutor(8) as threads:
        assert sum(each.result() for each in [threads.submit(count) for _ in range(8)]) == limit
        assert (table.get("counter") or {})["n"] == limit
