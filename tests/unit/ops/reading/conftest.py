"""An archive in a folder, and one on AWS, for everything that reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from functions.archiver.settings.deployment import Source
from ops.archive.archive import Archive
from ops.archive.deployed import DeployedArchive
from ops.shell.program import main
from tests.doubles.aws import aws
from tests.harness.deployed import ARCHIVE, a_source, deploy, session
from tests.harness.reading import a_folder

SOURCES: tuple[Source, ...] = (a_source("acme"), a_source("dialer"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "call-recording-archiver"


@pytest.fixture
def folder(tmp_path: Path) -> Archive:
    return a_folder(tmp_path / "archive", "acme", "dialer")


@pytest.fixture(params=["folder", "deployed"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    if request.param == "folder":
        yield a_folder(tmp_path / "archive", "acme", "dialer")
        return
    with aws() as started:
        deploy(started, *SOURCES, zone="Europe/Berlin")
        yield DeployedArchive(ARCHIVE, session())


Run = Callable[..., int]


@pytest.fixture
def run(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a verb on the archive; its exit code."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    where = ARCHIVE if isinstance(archive, DeployedArchive) else str(tmp_path / "archive")
    return lambda *words: main([*words, "-a", where, "--region", "eu-central-1"])
