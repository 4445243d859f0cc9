"""A folder that a run fills from one simulated source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.providers.babelforce import Babelforce
from tests.harness.local import SMALL, LocalBench


@pytest.fixture
def acme() -> Iterator[Babelforce]:
    with Babelforce(recordings=12, **SMALL) as simulator:
        yield simulator


@pytest.fixture
def bench(tmp_path: Path, acme: Babelforce) -> LocalBench:
    return LocalBench(folder=tmp_path, sources={"acme": acme})
