from __future__ import annotations

from collections.abc import Iterator

import pytest

from functions.archiver.http.client import Http
from tests.doubles.http_client import Slots, http_to
from tests.doubles.http_server import HttpServer


@pytest.fixture
def elsewhere() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@pytest.fixture
def http(server: HttpServer, slots: Slots) -> Http:
    return http_to(server.url, slots)
