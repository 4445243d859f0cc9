"""An archive in a folder, as verbs open it."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from functions.archiver.recording import Recording
from functions.archiver.settings.deployment import Archive, Deployment
from ops.archive.archive import Archive as AnyArchive
from ops.archive.folder import FolderArchive
from ops.archive.identity import identity_of, keep_identity
from ops.archive.layout import LAYOUT
from ops.archive.opening import open_archive
from ops.local.archive import in_words
from ops.local.engine.errors import LedgerUnusable
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.output import ExitCode, Failure
from ops.shell.verb import Shared
from tests.harness.deployed import a_source


def a_deployment(*sources: str, name: str = "phones", timezone: str = "Europe/Berlin") -> Deployment:
    return Deployment(archive=Archive(name=name, timezone=timezone), sources=tuple(map(a_source, sources)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    root.mkdir()
    keep_identity(root, a_deployment("acme"))
    SqliteTable(root / ".archive" / "ledger.sqlite").close()
    return root


def opened(root: Path, *, writes: bool = False) -> AnyArchive:
    return open_archive(Shared(path="x", archive=str(root)), writes=writes)


def test_a_folder_knows_its_name_its_zone_and_its_sources(root: Path) -> None:
    archive = opened(root)
    assert (archive.name, archive.zone, archive.sources) == ("phones", ZoneInfo("Europe/Berlin"), ("acme",))


def test_sources_of_earlier_runs_stay(root: Path) -> None:
    keep_identity(root, a_deployment("dialer", name="other", timezone="UTC"))
    assert identity_of(root).sources == ("acme", "dialer")
    assert (identity_of(root).name, identity_of(root).zone) == ("other", "UTC")


def test_a_folder_that_no_run_filled_has_the_sources_whose_files_it_holds(tmp_path: Path) -> None:
    root = tmp_path / "copied"
    (root / "metadata" / "source=acme-uk" / "date=2026-01-05").mkdir(parents=True)
    archive = opened(root)
    assert (archive.name, archive.zone, archive.sources) == ("copied", ZoneInfo("UTC"), ("acme-uk",))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "x", "sources": 1}', '{"surprise": 1, "sources": []}'])
def test_a_damaged_identity_keeps_nobody_from_the_archive(root: Path, text: str) -> None:
    (root / ".archive" / "archive.json").write_text(text)
    assert opened(root).name == "archive"


def test_the_identity_is_its_owner_s_alone(root: Path) -> None:
    assert (root / ".archive" / "archive.json").stat().st_mode & 0o777 == 0o600


def test_a_reading_verb_sees_what_a_writing_one_wrote(root: Path) -> None:
    recording = Recording(id="1", recorded_at=datetime(2026, 1, 5, tzinfo=UTC))
    assert opened(root, writes=True).ledger("acme").insert(recording, "schedule")
    reading = opened(root)
    assert reading.ledger("acme").find("1") is not None
    with pytest.raises(Failure):
        reading.ledger("acme").insert(Recording(id="2"), "schedule")


def test_a_ledger_that_lies_elsewhere_is_found(root: Path, tmp_path: Path) -> None:
    (root / ".archive" / "ledger.sqlite").rename(tmp_path / "elsewhere.sqlite")
    (root / ".archive" / "ledger").write_text(f"{tmp_path / 'elsewhere.sqlite'}\n")
    assert opened(root).ledger("acme").find("1") is None


def test_objects_are_read_from_the_folder(root: Path) -> None:
    (root / "reports").mkdir()
    (root / "reports" / "a.json").write_text("{}")
    assert list(opened(root).bucket.keys("reports/")) == ["reports/a.json"]


def test_a_source_that_is_not_there_is_not_found(root: Path) -> None:
    with pytest.raises(Failure, match="Did you mean 'acme'") as caught:
        opened(root).ledger("acne")
    assert caught.value.code is ExitCode.NOT_FOUND


def test_a_folder_without_an_archive_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(Failure, match="there is no archive in") as caught:
        opened(tmp_path)
    assert caught.value.code is ExitCode.NOT_FOUND


def test_an_archive_without_a_ledger_says_how_to_make_one(root: Path) -> None:
    (root / ".archive" / "ledger.sqlite").unlink()
    with pytest.raises(Failure) as caught:
        _ = opened(root).table
    assert (caught.value.code, caught.value.next) == (ExitCode.NOT_FOUND, f"recordings rebuild-ledger -a {root}")


@pytest.mark.parametrize(
    ("layout", "told"), [(None, "run `recordings local` on it, or make"), ("1\n", r"\): make one")]
)
def test_a_run_is_only_advised_where_it_would_take_the_folder_over(root: Path, layout: str | None, told: str) -> None:
    (root / ".archive" / "ledger.sqlite").unlink()
    if layout:
        (root / ".archive" / "format").write_text(layout)
    with pytest.raises(Failure, match=told):
        _ = opened(root).table


@pytest.mark.parametrize("writes", [False, True])
def test_a_folder_of_a_newer_layout_is_not_touched(root: Path, writes: bool) -> None:
    (root / ".archive" / "format").write_text(f"{LAYOUT + 1}\n")
    with pytest.raises(Failure, match="newer version") as caught:
        opened(root, writes=writes)
    assert caught.value.code is ExitCode.MISUSE


def test_a_ledger_beside_which_nothing_may_be_written_is_called_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    monkeypatch.setattr(sqlite3, "connect", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as a read-only file system answers root too
    with pytest.raises(LedgerUnusable, match="it may not be written"):
        _ = opened(root, writes=True).table
    with pytest.raises(LedgerUnusable, match="it cannot be opened"):
        _ = opened(root).table


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_unavailable(root: Path) -> None:
    root.chmod(0)
    try:
        with pytest.raises(Failure, match="permission denied") as caught:
            FolderArchive(root)
    finally:
        root.chmod(0o700)
    assert caught.value.code is ExitCode.UNAVAILABLE


def test_a_folder_that_cannot_be_read_is_unavailable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(Failure, match="permission denied") as caught:
        FolderArchive(root)
    assert caught.value.code is ExitCode.UNAVAILABLE


def test_a_reader_of_the_output_that_goes_away_is_no_trouble_of_the_disk(root: Path) -> None:
    with pytest.raises(BrokenPipeError), in_words(root):
        raise BrokenPipeError(32, "Broken pipe")


def test_opening_a_folder_needs_no_aws(root: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys; from ops.archive.opening import open_archive; from ops.shell.verb import Shared; "
        f"a = open_archive(Shared(path='x', archive={str(root)!r})); a.ledger('acme').find('1'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"boto3", "botocore", "moto", "aws_cdk"}
