"""What is no file is no object of a folder: it is neither followed nor waited for, and `verify` names it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.archiver.bucket.bucket import NoObject, NotThere, Properties, Taken
from functions.archiver.bucket.digest import digest_of
from ops.archive.folder import FolderArchive
from ops.local.engine.folder import FolderBucket
from ops.shell.program import main
from tests.harness.reading import AUDIO, a_folder, archived

KEY = "audio/source=acme/date=2026-11-27/one.wav"


def link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_bytes(AUDIO)
    path.symlink_to(target)


def broken_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def loop(path: Path) -> None:
    path.symlink_to(path)


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's whole path may have only 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


Make = Callable[[Path], None]
THINGS: list[tuple[Make, str]] = [
    (link, "a symbolic link"),
    (broken_link, "a symbolic link"),
    (loop, "a symbolic link"),
    (Path.mkdir, "a folder"),
    (os.mkfifo, "a named pipe"),
    (listening, "a socket"),
]


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderArchive:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = a_folder(tmp_path / "archive")
    archived(folder, "one")
    return folder


@pytest.mark.parametrize(("make", "words"), THINGS)
def test_it_is_no_object(tmp_path: Path, make: Make, words: str) -> None:
    bucket = FolderBucket(tmp_path)
    path = bucket.names.path(KEY)
    path.parent.mkdir(parents=True)
    make(path)
    assert bucket.head(KEY) is None
    assert KEY not in [*bucket.keys("audio/"), *(each.key for each in bucket.versions("audio/"))]
    with pytest.raises(NoObject, match=f"{words} lies in its place"):
        digest_of(bucket, KEY)
    with pytest.raises(Taken):
        bucket.put_new(KEY, b"", sha256=bytes.fromhex(EMPTY), properties=Properties(content_type="audio/wav"))


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("options", [(), ("--no-download",)])
@pytest.mark.parametrize(("make", "words"), THINGS)
def test_verify_names_it_as_altered(
    archive: FolderArchive, capsys: pytest.CaptureFixture[str], make: Make, words: str, options: tuple[str, ...]
) -> None:
    path = archive.root / KEY
    path.unlink()
    make(path)
    assert main(["verify", "-a", str(archive.root), "--json", *options]) == 6
    altered = json.loads(capsys.readouterr().out)["altered"]
    assert [(each["key"], each["why"]) for each in altered] == [(KEY, f"{words} lies in its place")]


def test_a_linked_sidecar_is_altered(archive: FolderArchive, capsys: pytest.CaptureFixture[str]) -> None:
    path = archive.root / KEY.replace("audio/", "metadata/").replace(".wav", ".json")
    path.rename(path.with_name("kept"))
    path.symlink_to("kept")
    assert main(["verify", "-a", str(archive.root), "--json"]) == 6
    (altered,) = json.loads(capsys.readouterr().out)["altered"]
    assert altered["why"] == "of its sidecar: a symbolic link lies in its place"


def test_a_file_with_a_second_name_stays_an_object(archive: FolderArchive) -> None:
    """As in backups that are made of hard links: its bytes decide."""
    (archive.root / KEY).with_name("backup").hardlink_to(archive.root / KEY)
    assert archive.bucket.head(KEY) is not None


def test_a_document_takes_the_place_of_a_link_and_leaves_its_target_alone(tmp_path: Path) -> None:
    bucket = FolderBucket(tmp_path)
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    path = bucket.names.path("reports/r.json")
    path.parent.mkdir()
    path.symlink_to(other)
    with pytest.raises(NotThere):
        digest_of(bucket, "reports/r.json")
    bucket.put("reports/r.json", b"{}")
    assert (path.is_symlink(), path.read_bytes(), other.read_bytes()) == (False, b"{}", b"mine")
