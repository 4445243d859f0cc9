"""Providers at a server of the tests."""

from __future__ import annotations

import pytest

from functions.archiver.provider.provider import Account
from functions.archiver.secret import Secret
from functions.providers.kazoo import Kazoo
from functions.providers.telesign import TeleSign
from tests.doubles.http_client import Slots, http_to
from tests.doubles.http_server import HttpServer
from tests.harness.kazoo import provider_at
from tests.harness.telesign import KEYS


@pytest.fixture
def kazoo(server: HttpServer) -> Kazoo:
    return provider_at(server, {"auth_token": Secret("given")})


@pytest.fixture
def telesign(server: HttpServer, slots: Slots) -> TeleSign:
    http = http_to(server.url, slots, secrets=[KEYS["api_key"]])
    return TeleSign(http, Account(source="here", base_url=server.url, credentials=KEYS))
