"""The door of a page that is served on loopback: WSGI middleware that lets one browser in, and nobody else.

A one-time token in the first address is exchanged for a cookie; any other Host than the loopback name and port is
refused, because another site's name can be pointed at 127.0.0.1; a request that changes something has to come from
the page itself. Behind a proxy that signs people in, this middleware is simply left out.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from ops.page.headers import HEADERS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

IDLE_SECONDS = 30 * 60
FORM_TOKEN = "recordings.form_token"  # noqa: S105 - the name of a variable
"""Where the app finds, in the WSGI environment, what its forms have to send along."""

_HEADERS = [("Content-Type", "text/plain; charset=utf-8"), *HEADERS.items()]


class Guard:
    """Wraps the page's app. `token` opens the session once; `is_over` says that nobody has asked for half an hour."""

    def __init__(self, app: WSGIApplication, *, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._port = port
        self._cookie = f"recordings-{port}"
        self._session = secrets.token_urlsafe(32)
        self._form_token = secrets.token_urlsafe(32)
        self._unused: str | None = secrets.token_urlsafe(32)
        self._clock = clock
        self._asked = clock()

    @property
    def path(self) -> str:
        """The path that opens the session, once."""
        return f"/?{urlencode({'token': self._unused or ''})}"

    @property
    def is_over(self) -> bool:
        """Whether the session has ended because nobody asked for anything."""
        return self._clock() - self._asked > IDLE_SECONDS

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers a refusal itself and hands everything else on."""
        if environ.get("HTTP_HOST") not in self._hosts:
            return self._refuse(start_response, self._wrong_host())
        if self.is_over:
            return self._refuse(start_response, "The session is over. Run `recordings page` again.")
        given = dict(parse_qsl(environ.get("QUERY_STRING", ""))).get("token")
        if given is not None:
            return self._exchange(environ, given, start_response)
        if not self._has_cookie(environ):
            return self._refuse(start_response, "Open the address that `recordings page` printed; it works once.")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") and not self._is_own(environ):
            return self._refuse(start_response, "This request did not come from the page itself.")
        self._asked = self._clock()
        environ[FORM_TOKEN] = self._form_token
        return self._app(environ, start_response)

    def _exchange(self, environ: WSGIEnvironment, given: str, start_response: StartResponse) -> Iterable[bytes]:
        unused, fits = self._unused, False
        if unused is not None and environ["REQUEST_METHOD"] == "GET":
            fits = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), unused.encode())
        if not fits:
            return self._refuse(start_response, "This address has been used. Run `recordings page` again.")
        self._unused = None
        self._asked = self._clock()
        cookie = f"{self._cookie}={self._session}; Path=/; HttpOnly; SameSite=Strict"
        start_response("303 See Other", [("Location", "/"), ("Set-Cookie", cookie), *_HEADERS])
        return [b""]

    def _has_cookie(self, environ: WSGIEnvironment) -> bool:
        try:
            found = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(self._cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode("utf-8", "replace"), self._session.encode())

    @staticmethod
    def _is_own(environ: WSGIEnvironment) -> bool:
        """Whether the page itself sends it. With no-referrer a browser gives the page's own origin as `null`."""
        own = (None, "null", f"http://{environ['HTTP_HOST']}")
        return environ.get("HTTP_SEC_FETCH_SITE") == "same-origin" and environ.get("HTTP_ORIGIN") in own

    def _wrong_host(self) -> str:
        return (
            f"This page answers on http://127.0.0.1:{self._port} only. From another machine, forward the same port:\n"
            f"    ssh -L {self._port}:127.0.0.1:{self._port} HOST    (and start it with --port {self._port})"
        )

    @staticmethod
    def _refuse(start_response: StartResponse, why: str) -> Iterable[bytes]:
        start_response("403 Forbidden", list(_HEADERS))
        return [f"{why}\n".encode()]
