"""How a search index follows the ledger's file: every change of a recording has a number."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from functions.archiver.ledger.conditions import Exists
from ops.local.engine.errors import LedgerTooOld
from ops.local.engine.sqlite_file import MIGRATIONS, SqliteFile
from ops.local.engine.sqlite_table import SqliteTable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def seen(table: SqliteTable, number: int = 0) -> list[str]:
    return [str(item["pk"]) for _, item in table.changed_since(number)]


def test_a_recording_is_seen_again_after_each_change_and_nothing_else_is(path: Path) -> None:
    with SqliteTable(path) as table:
        for pk in ("a", "b", "c"):
            table.put_new({"pk": pk, "day": "s#2026-01-05"})
        table.put_new({"pk": "pace"})
        assert seen(table) == ["a", "b", "c"]
        before = table.changes().last
        table.update("a", put={"state": "archived"})
        table.update("pace", put={"slot": 1})
        assert seen(table, before + 1) == ["a"]
        assert table.changes().last == before + 1


def test_a_recording_that_goes_is_counted(path: Path) -> None:
    with SqliteTable(path) as table:
        table.put_new({"pk": "a", "day": "s#2026-01-05"})
        table.put_new({"pk": "follow-up"})
        assert table.delete("follow-up", when=Exists("pk"))
        assert not table.delete("absent", when=Exists("pk"))
        assert table.changes().removed == 0
        assert table.delete("a", when=Exists("pk"))
        assert table.changes().removed == 1
        assert table.days() == {}


def test_more_changes_than_are_read_at_once_are_all_seen_once(path: Path) -> None:
    with SqliteTable(path) as table:
        for number in range(1203):
            table.put_new({"pk": f"{number:04d}", "day": f"s#2026-01-{1 + number % 2:02d}"})
        assert seen(table) == [f"{number:04d}" for number in range(1203)]
        assert table.days() == {("s", "2026-01-01"): 602, ("s", "2026-01-02"): 601}


def test_a_ledger_of_before_has_all_its_recordings_seen_once_it_is_brought_up_to_date(path: Path) -> None:
    SqliteFile(path, migrations=MIGRATIONS[:1]).close()
    with closing(sqlite3.connect(path)) as old, old:
        old.executemany(
            "INSERT INTO items (pk, day, body) VALUES (?, 's#2026-01-05', ?)",
            [(f"{number:04d}", f'{{"pk":"{number:04d}","day":"s#2026-01-05"}}') for number in range(700)],
        )
    with SqliteTable(path, read_only=True) as table, pytest.raises(LedgerTooOld, match="of an earlier version"):
        table.changes()
    with SqliteTable(path) as table:
        assert len(seen(table)) == len(set(seen(table))) == 700


def test_every_ledger_has_a_name_of_its_own(tmp_path: Path) -> None:
    with SqliteTable(tmp_path / "1") as one, SqliteTable(tmp_path / "2") as other:
        assert one.changes().ledger != other.changes().ledger
