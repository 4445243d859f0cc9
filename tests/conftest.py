"""Fixtures that tests of several kinds share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws import Aws
from tests.aws import aws as fresh_aws
from tests.fake_clock import FakeClock


@pytest.fixture
def aws() -> Iterator[Aws]:
    with fresh_aws() as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
