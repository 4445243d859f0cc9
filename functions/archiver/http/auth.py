"""Credentials in the form of headers, as providers take them: headers that stay, or a token that expires."""

from __future__ import annotations

import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from typing import Protocol

from functions.archiver.errors import Unauthorized
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Json
from functions.archiver.secret import Secret

RENEW_BEFORE_SECONDS = 60.0
_TOKEN = re.compile("[!-~]{1,8192}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """An access token and the moment of Unix time, in seconds, from which on it is not used any more."""

    value: str = field(repr=False)
    use_until: float

    def lasts(self, now: float) -> bool:
        """Whether it may still be used."""
        return now < self.use_until


Fetch = Callable[[], Token]


class Tokens(Protocol):
    """Access tokens that several functions use, so that a provider's limit on token requests is not met by each."""

    def get(self, of: str, fetch: Fetch, refused: str | None) -> Token:
        """A token that lasts and is not the one that was refused; fetched if there is none, by one caller at a time.

        `of` says whose it is: a token of other credentials is none. Raises what `fetch` raises, and Unavailable when
        somebody else is fetching one for too long.
        """


Share = Callable[[Fetch, str | None], Token]
"""`Tokens.get` for one set of credentials."""


class MemoryTokens:
    """Tokens that stay in this process, for all of its threads. They are written nowhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[str, Token] = {}

    def get(self, of: str, fetch: Fetch, refused: str | None) -> Token:
        """As `Tokens` says."""
        with self._lock:
            known = self._tokens.get(of)
            if known is None or known.value == refused or not known.lasts(time.time()):
                self._tokens[of] = fetch()
            return self._tokens[of]


def basic(user: Secret, password: Secret) -> dict[str, str]:
    """The header of HTTP's Basic authentication."""
    pair = f"{user.reveal()}:{password.reveal()}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


class StaticAuth:
    """Credentials that stay as they are for as long as they are valid."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def headers(self) -> Mapping[str, str]:
        """The headers as they were given."""
        return self._headers

    def renew(self) -> bool:
        """There is nothing to renew."""
        return False

    def fetched(self) -> Collection[Secret]:
        """Nothing was."""
        return ()


class TokenAuth:
    """A token in `header`, behind `scheme`. It is fetched when needed, before it expires and after a refusal.

    `fetch` asks the provider for a token and tells how many seconds it lives. What is no token is Unauthorized. `share`
    hands out one that others use as well; without it each TokenAuth has its own.
    """

    def __init__(
        self, fetch: Callable[[], tuple[Json, float]], *, header: str, scheme: str = "", share: Share | None = None
    ) -> None:
        self._ask = fetch
        self._header = header
        self._scheme = scheme
        self._share = share or (lambda fetch, refused: fetch())
        self._token: Token | None = None
        self._refused: str | None = None

    def headers(self) -> Mapping[str, str]:
        """Fetches a token if there is none, or none that lasts."""
        if self._token is None or not self._token.lasts(time.time()):
            self._token = self._share(self._fetch, self._refused)
        return {self._header: f"{self._scheme} {self._token.value}".strip()}

    def renew(self) -> bool:
        """Drops the token, so that the repeated request fetches another."""
        self._refused = self._token.value if self._token else None
        self._token = None
        return True

    def fetched(self) -> Collection[Secret]:
        """The token, and the one that was refused before it."""
        values = (self._token.value if self._token else None, self._refused)
        return [Secret(value) for value in values if value]

    def _fetch(self) -> Token:
        asked = time.time()
        token, seconds = self._ask()
        return Token(value=_check_token(token), use_until=asked + max(seconds - RENEW_BEFORE_SECONDS, seconds / 2))


def _check_token(token: Json) -> str:
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Unauthorized("the token request was answered without a token")
    return token
