"""Fixtures that tests of several kinds share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ops.local.engine import sqlite_file
from ops.local.engine.ground import bears_a_log
from tests.doubles.aws import Aws
from tests.doubles.aws import aws as fresh_aws
from tests.doubles.clock import FakeClock

# How quick a busy machine is says nothing of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

OUTSIDE = ("browser", "acceptance")
"""Folders that `make test` leaves out, because they need more than it installs; they have targets of their own."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", metavar="FOLDER", help="where the browser's tests keep their pictures")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    outside = collection_path.name in OUTSIDE and collection_path.parent == Path(__file__).parent
    return True if outside and not any(collection_path.name in word for word in config.args) else None


@pytest.fixture(autouse=True)
def environment_as_it_was() -> Iterator[None]:
    """A local run clears the machine's AWS settings and switches metrics off; no other test is to feel that."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True, scope="session")
def one_trial_for_each_file_system() -> Iterator[None]:
    """Whoever makes a ledger tries with a second process whether a log works there: once for each file system here."""
    found: dict[int, bool] = {}

    def tried(folder: Path) -> bool:
        device = folder.stat().st_dev
        if device not in found:
            found[device] = bears_a_log(folder)
        return found[device]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqlite_file, "bears_a_log", tried)
        yield


@pytest.fixture
def aws() -> Iterator[Aws]:
    with fresh_aws() as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
