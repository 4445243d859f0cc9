"""A reconciler over simulated AWS."""

from __future__ import annotations

import pytest

from tests.doubles.aws import Aws
from tests.doubles.clock import FakeClock
from tests.harness.reconciling import ReconcilerBench


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ReconcilerBench:
    return ReconcilerBench(aws, clock)
