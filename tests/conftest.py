"""Fixtures that tests of several kinds share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.doubles.aws import Aws
from tests.doubles.aws import aws as fresh_aws
from tests.doubles.clock import FakeClock


@pytest.fixture(autouse=True)
def environment_as_it_was() -> Iterator[None]:
    """A local run clears the machine's AWS settings and switches metrics off; no other test is to feel that."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with fresh_aws() as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
