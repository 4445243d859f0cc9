"""Kazoo at a server of the tests."""

from __future__ import annotations

from collections.abc import Mapping

from functions.archiver.provider.provider import Account
from functions.archiver.recording import Json
from functions.archiver.secret import Secret
from functions.providers.kazoo import Kazoo
from tests.doubles.http_client import http_to
from tests.doubles.http_server import HttpServer

ACCOUNT = "0123456789abcdef0123456789abcdef"
ONE = "202601-d5ef060e544801648584f2adb26f0184"
API_KEY = {"api_key": Secret("k" * 64)}


def provider_at(server: HttpServer, credentials: Mapping[str, Secret] = API_KEY, **options: Json) -> Kazoo:
    http = http_to(server.url, secrets=list(credentials.values()))
    chosen = {"account_id": ACCOUNT, **options}
    return Kazoo(http, Account(source="here", base_url=server.url, credentials=credentials, options=chosen))
