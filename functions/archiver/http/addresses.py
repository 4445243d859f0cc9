"""Where a request may go: which addresses, and connections that are made to the very address that was looked at.

Providers name hosts (links, redirects), so a host is resolved once per connection, every address it resolves to is
judged, and the socket is opened to a judged address while TLS still verifies the host's name.
"""

from __future__ import annotations

import enum
import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, ClassVar

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import create_connection

from functions.archiver.http.wire import WireResponse

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection

IDLE_SECONDS = 4.0
"""A pooled connection idle for longer is opened anew: servers, load balancers and a frozen Lambda drop idle ones."""

HEAD_SECONDS = 60.0
"""So long may an answer's status and headers take in all. A read time-out alone lets them drip for ever."""

_TLS_PORT = 443
_MAX_ADDRESSES_TRIED = 4
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_AWS_LOCAL = ipaddress.IPv6Network("fd00:ec2::/32")
_LOGGERS_THAT_QUOTE_URLS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):
    """A host resolves to an address that must not be asked. The text names the host and the way out."""


class Unreachable(Exception):
    """No connection to a host came about. The text says how it failed, without the host."""


class Reach(enum.Enum):
    """Which addresses a source may ask. Metadata addresses are in the reach of none."""

    PUBLIC = "public"
    PRIVATE = "private"  # and public ones, but by TLS alone
    LOOPBACK = "loopback"  # and all others: a base_url on this machine is a run on this machine

    @classmethod
    def of(cls, host: str, *, allow_private: bool) -> Reach:
        """The reach of a source whose base_url has this host."""
        if not allow_private:
            return cls.PUBLIC
        name = host.lower().strip("[]").rstrip(".")
        try:
            return cls.LOOPBACK if is_loopback(name) else cls.PRIVATE
        except ValueError:
            return cls.LOOPBACK if name == "localhost" or name.endswith(".localhost") else cls.PRIVATE


def resolved(host: str, port: int, reach: Reach, *, tls: bool = True) -> list[str]:
    """The addresses of `host`, all of them fit to be asked. Raises AddressRefused or Unreachable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("its name could not be resolved") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if reason := _refusal(address, reach, tls=tls):
            raise AddressRefused(f"host {host} resolves to {reason}")
    return addresses


def _refusal(address: str, reach: Reach, *, tls: bool) -> str | None:
    if is_metadata(address):
        return "a link-local or metadata address"
    if reach is Reach.PUBLIC and not is_public(address):
        return "a private address; set allow_private_addresses = true for a self-hosted provider"
    if reach is Reach.PRIVATE and is_loopback(address):
        return "this machine itself, which only a base_url on this machine may ask"
    if reach is not Reach.PUBLIC and not tls and is_public(address):
        return "a public address, which is asked by https only"
    return None


def is_loopback(address: str) -> bool:
    """Whether `address`, or an IPv4 address that it carries inside, is this machine. Raises ValueError for none."""
    return any(each.is_loopback or each.is_unspecified for each in _with_embedded(address))


def is_public(address: str) -> bool:
    """Whether `address` and every IPv4 address that it carries inside belong to the public internet."""
    return all(_is_public(each) for each in _with_embedded(address))


def is_metadata(address: str) -> bool:
    """Whether `address` leads to a machine's own metadata or neighbours, or to many: refused for every source."""
    return any(
        each.is_link_local or each.is_multicast or (each.version == 6 and each in _AWS_LOCAL)
        for each in _with_embedded(address)
    )


def _is_public(address: _Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    return address.version == 4 or address in _GLOBAL_UNICAST


def _with_embedded(address: str) -> list[_Address]:
    """The address, or the IPv4 addresses that a translator would send its packets to."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return [parsed]
    if parsed.ipv4_mapped:
        return [parsed.ipv4_mapped]
    if parsed in _NAT64:
        return [ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)]
    return [parsed, parsed.sixtofour] if parsed.sixtofour else [parsed]


def failure_of(error: BaseException) -> str:
    """How an exchange failed, in words of our own: the exception's text quotes the query."""
    if isinstance(error, Unreachable):
        return str(error)
    chain = list(_chain(error))
    if any(isinstance(each, ssl.SSLError) for each in chain):
        return "TLS failed"
    if any(isinstance(each, (TimeoutError, requests.Timeout)) for each in chain):
        return "it did not answer in time"
    if any(isinstance(each, (ConnectionResetError, BrokenPipeError)) for each in chain):
        return "the connection was reset"
    if any(isinstance(each, HTTPException) for each in chain):
        return "its answer was not HTTP"
    return "the connection broke"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _Guarded(HTTPConnection):
    """Connects to an address that `resolved` has let pass, never to a name."""

    response_class = WireResponse
    reach: ClassVar[Reach] = Reach.PUBLIC
    idle_since: float | None = None
    hung_up: bool = False

    def _new_conn(self) -> socket.socket:
        host, port = self._dns_host, self.port or self.default_port
        addresses = resolved(host, port, self.reach, tls=self.default_port == _TLS_PORT)
        failure = "no connection could be made"
        for address in addresses[:_MAX_ADDRESSES_TRIED]:
            try:
                return create_connection((address, port), self.timeout, socket_options=self.socket_options)
            except TimeoutError:
                failure = "the connection timed out"
            except ConnectionRefusedError:
                failure = "the connection was refused"
            except OSError:
                failure = "no connection could be made"
        raise Unreachable(failure)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 overrides the standard library's so
        self.hung_up = False
        timer = threading.Timer(HEAD_SECONDS, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        finally:
            timer.cancel()
        if self.hung_up:  # the standard library takes headers that are cut off for complete ones
            raise Unreachable("it did not answer in time")
        return response

    def _hang_up(self) -> None:
        self.hung_up = True
        if self.sock is not None:
            with suppress(OSError):  # it may have ended by itself in the meantime
                self.sock.shutdown(socket.SHUT_RDWR)


class _GuardedTls(_Guarded, HTTPSConnection):
    pass


class _Recycling(HTTPConnectionPool):
    """Opens a connection anew that has been idle for too long, where urllib3 would send into a dead one."""

    def _get_conn(self, timeout: float | None = None) -> BaseHTTPConnection:
        connection = super()._get_conn(timeout)
        idle_since = getattr(connection, "idle_since", None)
        # Wall clock: the monotonic one may stand still while a Lambda is frozen.
        if idle_since is not None and abs(time.time() - idle_since) > IDLE_SECONDS:
            connection.close()
        return connection

    def _put_conn(self, conn: BaseHTTPConnection | None) -> None:
        if isinstance(conn, _Guarded):
            conn.idle_since = time.time()
        super()._put_conn(conn)


def _pools(reach: Reach) -> dict[str, type[_Recycling]]:
    """A pool for each scheme, whose connections know their reach: urllib3 makes both by class."""
    plain = type("_Plain", (_Guarded,), {"reach": reach})
    tls = type("_Tls", (_GuardedTls,), {"reach": reach})
    return {
        "http": type("_Pool", (_Recycling,), {"ConnectionCls": plain}),
        "https": type("_TlsPool", (_Recycling, HTTPSConnectionPool), {"ConnectionCls": tls}),
    }


class _Adapter(HTTPAdapter):
    def __init__(self, reach: Reach) -> None:
        self._pools = _pools(reach)
        super().__init__(pool_connections=4, pool_maxsize=4, max_retries=Retry(0, read=False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # requests' own signature is as loose
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: requests would read a redirect's whole body, of whatever size, to prepare the next hop."""
        return None


def guarded_session(reach: Reach, *, ca_file: str | None = None) -> requests.Session:
    """A session without retries, redirects, proxies, netrc and cookies, whose connections are all guarded.

    `ca_file` names trust anchors to use in place of the public ones.
    """
    for name in _LOGGERS_THAT_QUOTE_URLS:
        logging.getLogger(name).addFilter(_quotes_urls)
    session = _Session()
    session.trust_env = False
    session.verify = ca_file or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()
    adapter = _Adapter(reach)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.clear()
    session.headers.update({"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "call-recording-archiver"})
    return session


def _quotes_urls(record: logging.LogRecord) -> bool:
    return False
