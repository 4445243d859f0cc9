"""One provider against its replayed fixture, and what has to hold after every test whatever it was about."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from functions.archiver.errors import Outcome
from functions.archiver.http.client import Http
from functions.archiver.provider.provider import Account, Provider
from functions.archiver.recording import Page, Recording
from functions.archiver.secret import Secret
from functions.providers import load
from tests.contract.fixture import read
from tests.contract.replay import Replay
from tests.doubles.http_client import Slots

_CARRY_NOTHING = frozenset(
    {"host", "user-agent", "accept", "accept-encoding", "connection", "content-type", "content-length"}
)


class Case:
    """One provider under test. Operations are named by the exchange that they are about.

    A `guarded` one may not ask private addresses, so that on this machine it may ask nobody. Time-outs are in seconds.
    """

    def __init__(self, name: str, replay: Replay) -> None:
        self.name = name
        self.kind: type[Provider] = load(name)
        self.declaration = self.kind.declaration
        self.fixture = read(name)
        self.replay = replay
        self.slots = Slots()
        self.guarded = False
        self.read_timeout = 10.0
        self.operations: Mapping[str, Callable[[], object]] = {
            "token": self.first_page,
            "list": self.first_page,
            "last": self.second_page,
            "files": self.first_page,
            "lookup": self.describe,
            "media": self.fetch,
        }

    # the parts

    def has(self, exchange: str) -> bool:
        """Whether the provider makes this request to a host that it trusts."""
        found = self.fixture.exchanges.get(exchange)
        return found is not None and bool(found.pattern) and found.at != "other"

    def excepted(self, exception: str) -> bool:
        return exception in self.fixture.exceptions

    def is_of_the_source(self, exchange: str) -> bool:
        """Whether what goes wrong with it says something about the source rather than about a recording."""
        by_listing = exchange == "lookup" and self.excepted("lookup_by_listing")
        return exchange in ("token", "list", "last", "files") or by_listing

    def credentials(self) -> dict[str, Secret]:
        return {name: Secret(value) for name, value in self.fixture.credentials.items()}

    def account(self, credentials: Mapping[str, Secret] | None = None) -> Account:
        return Account(
            source="contract",
            base_url=self.replay.own.url,
            credentials=credentials or self.credentials(),
            options=self.options(),
        )

    def options(self) -> dict[str, Any]:
        """As the settings hand them over: the fixture's, and the declared defaults."""
        defaults = {option.name: option.default for option in self.declaration.options if option.default is not None}
        given: dict[str, Any] = json.loads(self.replay.addressed(json.dumps(self.fixture.options)))
        return {**defaults, **given}

    def http(self, *, allow_private: bool = True) -> Http:
        public = self.declaration.public_fields
        return Http(
            base_url=self.replay.own.url,
            slots=self.slots,
            domains=self.declaration.domains,
            origins=self.declaration.origins(self.options()),
            limit_headers=self.declaration.limit_headers,
            allow_private=allow_private,
            secrets=[secret for name, secret in self.credentials().items() if name not in public],
            read_timeout=self.read_timeout,
        )

    def provider(self) -> Provider:
        """A fresh one, as in a new process."""
        return self.kind(self.http(allow_private=not self.guarded), self.account())

    # the operations

    def first_page(self) -> Page:
        return self.provider().page(self.fixture.window, None)

    def second_page(self) -> Page:
        """Also shows that a cursor outlives the process that got it."""
        cursor = self.first_page().next_cursor
        assert cursor, "the page `list` has to be followed by the page `last`"
        return self.provider().page(self.fixture.window, cursor)

    def recording(self) -> Recording:
        """The first one listed."""
        return self.first_page().recordings[0]

    def describe(self) -> Recording:
        return self.provider().describe(self.fixture.ids[0])

    def fetch(self) -> bytes:
        return self.fetched(self.recording())

    def fetched(self, recording: Recording) -> bytes:
        with self.provider().open(recording) as opened:
            return b"".join(opened.body.chunks())

    def trouble(self, exchange: str) -> Outcome:
        """What an operation comes to that must not come to a good end."""
        try:
            result = self.operations[exchange]()
        except Outcome as outcome:
            self.assert_tells_no_secret("".join(traceback.format_exception(outcome)), "an exception")
            return outcome
        raise AssertionError(f"{exchange} was taken for good: {str(result)[:500]}")

    # what nobody may see

    def secrets(self) -> set[str]:
        """Everything marked as confidential, and whatever the own host was sent to prove who asks."""
        carried = {
            value
            for seen in [*self.replay.own.requests, *self.replay.further.requests]
            for header, value in seen.headers.items()
            if header not in _CARRY_NOTHING
        }
        return set(self.fixture.confidential) | {value.split()[-1] for value in carried if len(value) >= 8}

    def assert_tells_no_secret(self, text: str, where: str) -> None:
        for secret in self.secrets():
            assert secret not in text, f"{where} of {self.name} holds a secret"

    def assert_other_hosts_saw_no_secret(self) -> None:
        """A link's own signature belongs to its host; nothing else does."""
        links = json.dumps([exchange.target for exchange in self.fixture.exchanges.values() if exchange.at == "other"])
        for seen in self.replay.other.requests:
            told = json.dumps([seen.path, seen.query, seen.headers, seen.body.decode("utf-8", "replace")])
            for secret in self.secrets():
                assert secret in links or secret not in told, f"{self.name} sent a secret to another host"
