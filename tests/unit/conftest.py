"""A server to ask, and a pace that grants every request, for tests of HTTP and of providers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doubles.http_client import Slots
from tests.doubles.http_server import HttpServer


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@pytest.fixture
def slots() -> Slots:
    return Slots()
