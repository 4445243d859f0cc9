"""Credentials in the form of headers, as providers take them: headers that stay, or a token that expires."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from functions.archiver.errors import Unauthorized
from functions.archiver.recording import Json

RENEW_BEFORE_SECONDS = 60.0
_TOKEN = re.compile("[!-~]{1,8192}")


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


class TokenAuth:
    """A token in `header`, behind `scheme`. It is fetched when needed, before it expires and after a refusal.

    `fetch` asks the provider for a token and tells how many seconds it lives. What is no token is Unauthorized.
    """

    def __init__(self, fetch: Callable[[], tuple[Json, float]], *, header: str, scheme: str = "") -> None:
        self._fetch = fetch
        self._header = header
        self._scheme = scheme
        self._token: str | None = None
        self._expires = 0.0

    def headers(self) -> Mapping[str, str]:
        """Fetches a token if there is none, or none that lasts."""
        if self._token is None or time.monotonic() > self._expires:
            token, seconds = self._fetch()
            self._token = _checked(token)
            self._expires = time.monotonic() + max(seconds - RENEW_BEFORE_SECONDS, seconds / 2)
        return {self._header: f"{self._scheme} {self._token}".strip()}

    def renew(self) -> bool:
        """Drops the token, so that the repeated request fetches another."""
        self._token = None
        return True


def _checked(token: Json) -> str:
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Unauthorized("the token request was answered without a token")
    return token
