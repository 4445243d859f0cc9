"""Connections of the standard library's making, each to the very address that was judged, kept and used again.

Nothing happens here that the caller did not ask for: no retries, redirects, proxies, cookies, netrc, and no codings.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import cast

import certifi

from functions.archiver.http.addresses import Reach, Unreachable, resolved
from functions.archiver.http.idle import Idle, is_dead
from functions.archiver.http.outgoing import Sent
from functions.archiver.http.trust import trusting
from functions.archiver.http.watch import WATCH
from functions.archiver.http.wire import WireResponse

IDLE_SECONDS = 4.0
"""A connection idle for longer is opened anew: servers, load balancers and a frozen Lambda drop idle ones."""

HEAD_SECONDS = 60.0
"""So long may an answer's status and headers take in all. A read time-out alone lets them drip for ever."""

_PLAIN_PORT, _TLS_PORT = 80, 443
_MAX_ADDRESSES_TRIED = 4
_MAX_IDLE = 4
"""Connections to one origin that are kept."""

Origin = tuple[str, str, int]
"""Scheme, host and port."""


class Response:
    """An answer whose body is still on the wire. Its headers ignore case; several of a name are joined by commas."""

    def __init__(self, wire: WireResponse, connection: _Connection, keep: Callable[[_Connection], None]) -> None:
        self.wire = wire
        self.status = wire.status
        self.headers: Mapping[str, str] = wire.headers
        self._connection: _Connection | None = connection
        self._keep = keep

    def close(self) -> None:
        """Keeps the connection for the next request when nothing is left on it, and closes it otherwise."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self.wire.end()
        if self.wire.isclosed():
            connection.idle_since = time.time()
            self._keep(connection)
            return
        connection.close()
        self.wire.close()


class _Connection(HTTPConnection):
    """Connects to an address that `resolved` has let pass, never to a name."""

    response_class = WireResponse

    def __init__(self, origin: Origin, reach: Reach, tls: ssl.SSLContext | None) -> None:
        self.default_port = _PLAIN_PORT if tls is None else _TLS_PORT
        super().__init__(origin[1].rstrip("."), origin[2])
        self._looked_up = origin[1].strip("[]")
        self._reach = reach
        self._tls = tls
        self.idle_since = 0.0
        self._hung_up = False

    def connect(self) -> None:
        """Raises AddressRefused, Unreachable, and OSError where TLS fails."""
        self.sock = self._reached()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)

    def _reached(self) -> socket.socket:
        addresses = resolved(self._looked_up, self.port, self._reach, tls=self._tls is not None)
        failure = "no connection could be made"
        for address in addresses[:_MAX_ADDRESSES_TRIED]:
            try:
                return socket.create_connection((address, self.port), self.timeout)
            except TimeoutError:
                failure = "the connection timed out"
            except ConnectionRefusedError:
                failure = "the connection was refused"
            except OSError:
                failure = "no connection could be made"
        raise Unreachable(failure)

    def ready(self, connect: float, read: float) -> None:
        """Makes it fit for one more request: opened anew where it is closed, dead or idle for too long."""
        # Wall clock: the monotonic one may stand still while a Lambda is frozen.
        too_long = abs(time.time() - self.idle_since) > IDLE_SECONDS
        if too_long or is_dead(self):
            self.close()
        if self.sock is None:
            self.timeout = connect
            self.connect()
        self.sock.settimeout(read)

    def answer(self) -> WireResponse:
        """The head of the answer to what was sent. Raises Unreachable when it takes too long as a whole."""
        self._hung_up = False
        with WATCH.ringing_in(HEAD_SECONDS, self._hang_up):
            wire = cast("WireResponse", self.getresponse())
        if self._hung_up:  # the standard library takes headers that are cut off for complete ones
            raise Unreachable("it did not answer in time")
        return wire

    def _hang_up(self) -> None:
        self._hung_up = True
        if self.sock is not None:
            with suppress(OSError):  # it may have ended by itself in the meantime
                self.sock.shutdown(socket.SHUT_RDWR)


class Connections:
    """Those of one source. `ca_file` names trust anchors to use in place of the public ones."""

    def __init__(self, reach: Reach, *, ca_file: str | None = None) -> None:
        self._reach = reach
        self._ca_file = ca_file
        self._idle: Idle[_Connection] = Idle(most=_MAX_IDLE)

    def send(self, origin: Origin, request: Sent, *, connect: float, read: float) -> Response:
        """One request and the head of its answer; time-outs in seconds.

        Raises AddressRefused, Unreachable, HTTPException and OSError; none of the first two holds more than the host.
        """
        connection = self._idle.take(origin) or _Connection(origin, self._reach, self._context(origin))
        try:
            connection.ready(connect, read)
            connection.request(request.method, request.target, request.body, request.headers)
            return Response(connection.answer(), connection, partial(self._idle.keep, origin))
        except BaseException:  # whatever ended it, what is left on the connection is nobody's answer
            connection.close()
            raise

    def _context(self, origin: Origin) -> ssl.SSLContext | None:
        return trusting(self._ca_file or certifi.where()) if origin[0] == "https" else None


def failure_of(error: BaseException) -> str:
    """How an exchange failed, in words of our own: the exception's text may quote what was sent."""
    if isinstance(error, Unreachable):
        return str(error)
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "the connection was reset"
    if isinstance(error, HTTPException):
        return "its answer was not HTTP"
    return "the connection broke"
