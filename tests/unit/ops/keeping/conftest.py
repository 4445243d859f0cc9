"""Archives that can hold: a folder, and one on AWS whose bucket has Object Lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.archive.archive import Archive
from ops.archive.deployed import DeployedArchive
from ops.shell.program import main
from tests.doubles.aws import BUCKET, aws, s3
from tests.harness.deployed import ARCHIVE, a_source, deploy, session
from tests.harness.reading import a_folder

Run = Callable[..., int]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "call-recording-archiver"


@pytest.fixture(params=["folder", "deployed"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    if request.param == "folder":
        yield a_folder(tmp_path / "archive", "acme", "dialer")
        return
    with aws() as started:
        s3().put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
        deploy(started, a_source("acme"), a_source("dialer"))
        yield DeployedArchive(ARCHIVE, session())


@pytest.fixture
def run(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a verb on the archive; its exit code."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    where = ARCHIVE if isinstance(archive, DeployedArchive) else str(tmp_path / "archive")
    return lambda *words: main([*words, "-a", where, "--region", "eu-central-1"])
