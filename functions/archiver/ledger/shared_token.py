"""An access token that all functions of a source use: one item of the table, sealed, with one writer at a time.

Nothing in the item can be read without the seal's key: neither the token nor whose it is. When the credentials have
changed, the token of the old ones counts as none.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Protocol

from functions.archiver.clock import Clock, to_ms
from functions.archiver.errors import Unavailable
from functions.archiver.http.auth import Fetch, Token
from functions.archiver.ledger.conditions import AtMost, Equals, Missing
from functions.archiver.ledger.table import Item, Refused, Table

LEASE = timedelta(seconds=60)
"""How long a writer has for its token request; one that dies blocks the others no longer than this."""

_LOOKS = 80
"""Of a second each: longer than a lease, so that nobody gives up on a writer that died."""


class Seal(Protocol):
    """Encrypts for one source of one archive. What was sealed for another one does not open."""

    def seal(self, plain: bytes) -> bytes:
        """The bytes, encrypted."""

    def unseal(self, sealed: bytes) -> bytes | None:
        """The bytes in clear; None for what this seal has not sealed."""


class SharedTokens:
    """The token of one source."""

    def __init__(self, table: Table, seal: Seal, *, source: str, clock: Clock) -> None:
        self._table = table
        self._seal = seal
        self._pk = f"{source}#token"
        self._clock = clock

    def get(self, of: str, fetch: Fetch, refused: str | None) -> Token:
        """As `Tokens` says. A read and a decryption where another function has fetched one."""
        for _ in range(_LOOKS):
            item = self._table.get(self._pk) or {}
            token = self._open(item, of)
            if token and token.value != refused and token.lasts(self._clock.now().timestamp()):
                return token
            lease = self._lease()
            if lease:
                return self._fetch(of, fetch, lease)
            self._clock.sleep(1.0)
        raise Unavailable("another function has been fetching the token for too long")

    def _lease(self) -> int | None:
        """Until when, in Unix milliseconds, nobody else may fetch one; None while somebody else may."""
        now = to_ms(self._clock.now())
        until = now + round(LEASE.total_seconds() * 1000)
        free = Missing("lease_until") | AtMost("lease_until", now)
        try:
            self._table.update(self._pk, put={"lease_until": until}, when=free)
        except Refused:
            return None
        return until

    def _fetch(self, of: str, fetch: Fetch, lease: int) -> Token:
        sealed = None
        try:
            token = fetch()
            document = {"of": of, "value": token.value, "use_until": token.use_until}
            sealed = b64encode(self._seal.seal(json.dumps(document).encode())).decode()
            return token
        finally:
            self._give_back(lease, {} if sealed is None else {"sealed": sealed})

    def _give_back(self, lease: int, put: dict[str, object]) -> None:
        try:
            self._table.update(self._pk, put=put, remove=["lease_until"], when=Equals("lease_until", lease))
        except Refused:
            return  # it took so long that somebody else has fetched one

    def _open(self, item: Item, of: str) -> Token | None:
        if "sealed" not in item:
            return None
        plain = self._seal.unseal(b64decode(item["sealed"]))
        document = json.loads(plain) if plain else {}
        if document.get("of") != of:
            return None
        return Token(value=document["value"], use_until=document["use_until"])
