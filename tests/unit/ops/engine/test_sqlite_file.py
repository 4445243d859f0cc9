"""A ledger's file: who may open it, what happens when it cannot be used, and that no version is lost."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from functions.archiver.ledger.conditions import KeyRange
from ops.local.engine import sqlite_file
from ops.local.engine.errors import LedgerDamaged, LedgerInUse, LedgerTooNew, LedgerUnusable
from ops.local.engine.sqlite_file import CONNECTIONS, MIGRATIONS, SqliteFile, set_aside
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.output import ExitCode

ROOT = Path(__file__).parents[4]
ITEM = {"pk": "acme#recording#1", "state": "archived", "day": "acme#2026-03-03"}
NEWER = (*MIGRATIONS, ("ALTER TABLE items ADD COLUMN more TEXT", "UPDATE items SET more = 'yes'"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive" / ".archive" / "ledger.sqlite"


def filled(path: Path, **how: object) -> None:
    with SqliteTable(path, **how) as table:  # type: ignore[arg-type]  # options by name
        table.put_new(ITEM)


def contents(path: Path) -> list[object]:
    with SqliteTable(path) as table:
        return list(table.scan())


def test_the_file_and_its_folder_are_for_the_owner_alone(path: Path) -> None:
    with SqliteTable(path) as table:
        table.put_new(ITEM)
        files = list(path.parent.iterdir())
        assert {file.name for file in files} == {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_closed_ledger_is_one_file(path: Path) -> None:
    filled(path)
    assert [file.name for file in path.parent.iterdir()] == ["ledger.sqlite"]
    assert contents(path) == [ITEM]


def test_what_is_deleted_is_overwritten(path: Path) -> None:
    with SqliteTable(path) as table:
        table.put_new({"pk": "a", "agent": "Somebody Unforgettable"})
        table.put_new({"pk": "b"})
    assert b"Somebody Unforgettable" in path.read_bytes()
    with SqliteTable(path) as table:
        table.update("a", put={"agent": None, "x": 1})
    assert b"Somebody Unforgettable" not in path.read_bytes()


def test_however_many_threads_read_there_are_a_few_connections_and_the_others_wait_their_turn(path: Path) -> None:
    filled(path)
    everybody_is_in = threading.Barrier(CONNECTIONS + 1)
    let_go, counts = threading.Event(), list[int]()
    with closing(SqliteFile(path)) as file:

        def hold() -> None:
            with file.reading():
                everybody_is_in.wait(30)
                let_go.wait(30)

        def count() -> None:
            with file.reading() as connection:
                counts.extend(connection.execute("SELECT count(*) FROM items").fetchone())

        threads = [threading.Thread(target=hold) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        everybody_is_in.wait(30)
        late = threading.Thread(target=count)
        late.start()
        late.join(0.2)
        assert late.is_alive()
        assert counts == []
        let_go.set()
        for thread in (*threads, late):
            thread.join(30)
        assert counts == [1]


# versions


def test_a_ledger_of_a_newer_version_is_not_touched(path: Path) -> None:
    SqliteFile(path, migrations=NEWER).close()
    before = path.read_bytes()
    with pytest.raises(LedgerTooNew) as refused:
        SqliteTable(path)
    assert refused.value.code is ExitCode.MISUSE
    assert refused.value.next == f"recordings rebuild-ledger -a {path.parent.parent}"
    known = len(MIGRATIONS)
    assert f"is of version {known + 1}, and this program knows {known} at most" in refused.value.message
    with pytest.raises(LedgerTooNew):
        SqliteTable(path, read_only=True)
    assert path.read_bytes() == before


def test_an_older_ledger_is_copied_and_then_brought_up_to_date(path: Path) -> None:
    filled(path)
    SqliteFile(path, migrations=NEWER).close()
    with closing(sqlite3.connect(path)) as present:
        assert present.execute("SELECT pk, more FROM items").fetchall() == [(ITEM["pk"], "yes")]
        assert present.execute("PRAGMA user_version").fetchone() == (len(NEWER),)
    copy = path.with_name(f"ledger.sqlite.version-{len(MIGRATIONS)}")
    assert contents(copy) == [ITEM]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(path: Path) -> None:
    filled(path)
    broken = (*MIGRATIONS, ("ALTER TABLE items ADD COLUMN more TEXT", "UPDATE nothing SET more = 1"))
    with pytest.raises(sqlite3.OperationalError):
        SqliteFile(path, migrations=broken)
    assert contents(path) == [ITEM]


def test_a_fresh_ledger_is_made_once_by_whoever_comes_first(path: Path) -> None:
    first, second = SqliteTable(path), SqliteTable(path)
    first.put_new(ITEM)
    assert second.get(ITEM["pk"]) == ITEM
    first.close()
    assert second.put_new({"pk": "b"})
    second.close()
    assert not list(path.parent.glob("*.version-*"))


# damage


def broken_in_the_middle(path: Path) -> None:
    with SqliteTable(path) as table:
        for number in range(200):
            table.put_new({"pk": f"{number}", "day": "d", "raw": "x" * 500})
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\x5a" * 4096
    path.write_bytes(content)


@pytest.mark.parametrize("damage", ["in the middle", "no database", "cut", "another database"])
def test_a_damaged_ledger_is_said_to_be_and_left_alone(path: Path, damage: str) -> None:
    broken_in_the_middle(path)
    if damage == "no database":
        path.write_bytes(b"not a database at all, but long enough" * 200)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:50_000])
    if damage == "another database":
        path.unlink()
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE songs (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(LedgerDamaged) as refused:
        SqliteTable(path)
    assert refused.value.code is ExitCode.UNAVAILABLE
    assert refused.value.next == f"recordings rebuild-ledger -a {path.parent.parent}"
    assert path.read_bytes() == before


def test_damage_that_shows_at_work_is_said_as_well(path: Path) -> None:
    filled(path)
    with SqliteTable(path) as table:
        table.close()
        content = bytearray(path.read_bytes())
        content[4096:] = b"\x5a" * (len(content) - 4096)
        path.write_bytes(content)
        with pytest.raises(LedgerDamaged):
            list(table.scan())


def test_what_cannot_be_used_is_set_aside_and_never_deleted(path: Path) -> None:
    broken_in_the_middle(path)
    before = path.read_bytes()
    aside = set_aside(path)
    assert aside.read_bytes() == before
    assert not path.exists()
    filled(path)
    assert contents(path) == [ITEM]


# the disk


@contextmanager
def full(table: SqliteTable) -> Iterator[None]:
    with table._file.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    yield
    with table._file.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_is_one_sentence_and_nothing_is_half_written(path: Path) -> None:
    with SqliteTable(path) as table:
        table.put_new(ITEM)
        with full(table), pytest.raises(LedgerUnusable, match="the disk is full") as refused:
            table.update(ITEM["pk"], put={"raw": "x" * 100_000})
        assert refused.value.code is ExitCode.UNAVAILABLE
        assert table.get(ITEM["pk"]) == ITEM
        assert table.update(ITEM["pk"], put={"n": 1}) == {**ITEM, "n": 1}


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnusable, match="cannot be made"):
        SqliteTable(tmp_path / "file" / "ledger.sqlite")


# one process alone


def test_a_file_for_one_process_keeps_others_out_and_lets_them_in_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "WAIT_SECONDS", 0.1)
    monkeypatch.setattr(sqlite_file, "READER_WAIT_SECONDS", 0.1)
    with SqliteTable(path, journal="truncate") as table:
        table.put_new(ITEM)
        assert table.journal == "truncate"
        assert not path.with_name("ledger.sqlite-shm").exists()
        with pytest.raises(LedgerInUse) as refused:
            SqliteTable(path)
        assert refused.value.code is ExitCode.REFUSED
        with pytest.raises(LedgerInUse):
            SqliteTable(path, read_only=True)
    with SqliteTable(path) as again:
        assert again.journal == "truncate", "whoever made it knew that its ground bears no log"
        assert again.get(ITEM["pk"]) == ITEM


def test_a_file_may_change_its_way_when_that_is_asked_for(path: Path) -> None:
    filled(path, journal="truncate")
    filled(path, journal="wal")
    with SqliteTable(path) as table:
        assert table.journal == "wal"
    filled(path, journal="truncate")
    assert contents(path) == [ITEM]


def test_where_a_trial_fails_the_file_is_for_one_process_for_good(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_file, "bears_a_log", lambda folder: False)
        filled(path)
    with SqliteTable(path) as table:
        assert table.journal == "truncate"
        assert table.get(ITEM["pk"]) == ITEM


def test_on_a_network_the_file_is_for_one_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    monkeypatch.setattr(sqlite_file, "is_remote", lambda folder: True)
    with SqliteTable(path) as table:
        assert table.journal == "truncate"
        assert table.get(ITEM["pk"]) == ITEM
        assert not path.with_name("ledger.sqlite-shm").exists()


# reading


def test_readers_see_what_a_writer_has_just_written_and_write_nothing(path: Path) -> None:
    with SqliteTable(path) as writer, SqliteTable(path, read_only=True) as reader:
        writer.put_new(ITEM)
        assert reader.get(ITEM["pk"]) == ITEM
        assert reader.query("day", KeyRange(ITEM["day"])) == [{"pk": ITEM["pk"], "day": ITEM["day"]}]
        with pytest.raises(LedgerUnusable, match="may not be written"):
            reader.put_new({"pk": "b"})


def test_a_reader_makes_no_ledger(path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="there is none"):
        SqliteTable(path, read_only=True)
    assert not path.exists()


_READER = """
import os, sys
from pathlib import Path
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.output import Failure
if os.geteuid() == 0:
    os.setuid(65534)  # every folder is open to the superuser
try:
    with SqliteTable(Path(sys.argv[1]), read_only=True, lock_is_free=lambda: sys.argv[2] == "free") as table:
        print(*(item["pk"] for item in table.scan()))
except Failure as failure:
    print(failure.code.name)
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that anybody may read and nobody but its owner may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def read_by_another(path: Path, lock: str) -> str:
    """What somebody reads who may not write the file or its folder."""
    for file in path.parent.iterdir():
        file.chmod(0o444)
    path.parent.chmod(0o555)
    command = [sys.executable, "-c", _READER, str(path), lock]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True)
    path.parent.chmod(0o755)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_folder_that_is_read_only_is_read_as_it_lies_there_if_nobody_writes(public: Path) -> None:
    filled(public / "ledger.sqlite")
    assert read_by_another(public / "ledger.sqlite", "held") == "UNAVAILABLE"
    assert read_by_another(public / "ledger.sqlite", "free") == ITEM["pk"]


def test_what_stands_in_a_log_that_was_left_behind_is_not_passed_over(public: Path) -> None:
    with SqliteTable(public / "writing.sqlite") as table:
        table.put_new(ITEM)
        for ending in ("", "-wal"):
            shutil.copy(public / f"writing.sqlite{ending}", public / f"ledger.sqlite{ending}")
    assert read_by_another(public / "ledger.sqlite", "free") == "UNAVAILABLE"
    for ending in ("", "-wal"):
        (public / f"ledger.sqlite{ending}").chmod(0o600)
    assert contents(public / "ledger.sqlite") == [ITEM]
