"""How a request to AWS goes out and its answer comes in: by the standard library's HTTP, on connections that are kept.

botocore makes, signs, retries and reads requests as ever; only the sending is taken from it, which costs it half a
millisecond of processor time, as much as the rest of a small PutObject but its signature. What is more than a plain
request stays with it: a proxy, a certificate of the client's own, a body that is a file, an answer that is a stream.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, TypeVar, cast
from urllib.parse import SplitResult, urlsplit

from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import URLLib3Session, get_cert_path

from functions.archiver.http.idle import Idle, is_dead
from functions.archiver.http.trust import trusting
from functions.archiver.http.wire import WireResponse
from functions.archiver.lazy_dataclass import dataclass

_MAX_IDLE = 10
"""Connections to one host that are kept, as many as botocore keeps."""

_WITH_ITS_HEAD_BYTES = 64 * 1024
"""A body below it goes out in one piece with its head: one call, and over TLS one record, less."""

_BYTES = (bytes, bytearray, str, type(None))
_Client = TypeVar("_Client")


def lightened(client: _Client) -> _Client:
    """The same client, which sends by the exchanges of this module where its settings allow it."""
    its: Any = client
    whole, config = its._endpoint.http_session, its.meta.config  # there is no other way in
    if isinstance(its._endpoint.http_session, URLLib3Session) and not _is_special(whole, config):
        timeouts = config.connect_timeout, config.read_timeout
        # AWS_CA_BUNDLE and the like, as botocore understood them
        its._endpoint.http_session = Exchanges(whole, cafile=get_cert_path(whole._verify), timeouts=timeouts)
    return client


def _is_special(whole: Any, config: Any) -> bool:
    """Whether it has a proxy, the environment's included, or options that are botocore's to understand."""
    proxied = bool(whole._proxy_config._proxies)
    return proxied or bool(config.client_cert or config.tcp_keepalive) or whole._verify is False


class Exchanges:
    """In the place of botocore's own HTTP session, which does what is left to it. For any number of threads.

    `timeouts`: for connecting and for each read, in seconds.
    """

    def __init__(self, whole: URLLib3Session, *, cafile: str | None, timeouts: tuple[float, float]) -> None:
        self._whole = whole
        self._cafile = cafile
        self._connect, self._read = timeouts
        self._idle: Idle[HTTPConnection] = Idle(most=_MAX_IDLE)

    def send(self, request: Any) -> AWSResponse:
        """An AWSPreparedRequest and the whole of its answer. Raises what botocore's session does, for its retries."""
        if not _is_plain(request):
            return self._whole.send(request)
        url = urlsplit(request.url)
        origin = url.scheme, url.netloc
        connection = self._idle.take(origin) or self._connection(url)
        try:
            self._make_ready(connection, request.url)
            wire, content = self._exchanged(connection, request, url)
        except BaseException:  # whatever ended it, what is left on the connection is nobody's answer
            connection.close()
            raise
        self._idle.keep(origin, connection)
        answer = AWSResponse(request.url, wire.status, cast("Any", {}), _Raw(content))
        answer.headers = cast("Any", wire.headers)  # they ignore case already; botocore's copy does so for a price
        return answer

    def close(self) -> None:
        """Closes what is kept."""
        self._idle.close()
        self._whole.close()

    def _connection(self, url: SplitResult) -> HTTPConnection:
        host, port = url.hostname or "", url.port
        if url.scheme == "https":
            return HTTPSConnection(host, port, timeout=self._connect, context=trusting(self._cafile))
        return HTTPConnection(host, port, timeout=self._connect)

    def _make_ready(self, connection: HTTPConnection, url: str) -> None:
        """Opens it where it is not open, or was closed by the other side meanwhile."""
        if is_dead(connection):
            connection.close()
        try:
            if connection.sock is None:
                connection.connect()
        except ssl.SSLError as error:
            raise SSLError(endpoint_url=url, error=error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        connection.sock.settimeout(self._read)

    def _exchanged(self, connection: HTTPConnection, request: Any, url: SplitResult) -> tuple[WireResponse, bytes]:
        head, body = _head(connection, request, url), _bytes(request.body)
        try:
            # Who refuses a request before its body has come says so and closes: the answer may be there.
            with suppress(BrokenPipeError, ConnectionResetError):
                if len(body) < _WITH_ITS_HEAD_BYTES:
                    connection.sock.sendall(head + body)
                else:
                    connection.sock.sendall(head)
                    connection.sock.sendall(body)
            with WireResponse(connection.sock, method=request.method) as wire:
                wire.begin()
                content = wire.read()
            if wire.will_close:
                connection.close()
            return wire, content
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except (HTTPException, OSError) as error:
            raise ConnectionClosedError(endpoint_url=request.url, error=error, request=request) from error


@dataclass(frozen=True, slots=True)
class _Raw:
    """A body that has come, as botocore asks for it."""

    content: bytes

    def stream(self) -> Iterator[bytes]:
        yield self.content


def _is_plain(request: Any) -> bool:
    if request.stream_output or not isinstance(request.body, _BYTES):
        return False
    overridden = (getattr(request, "context", None) or {}).get("read_timeout")
    return overridden is None and "Expect" not in request.headers and "Transfer-Encoding" not in request.headers


def _head(connection: HTTPConnection, request: Any, url: SplitResult) -> bytes:
    """Request line and headers. Raises HTTPClientError for one that would begin another line."""
    target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {_text(value)}" for name, value in request.headers.items()]
    if "Host" not in request.headers:
        lines.append(f"Host: {_host(connection)}")
    if "Accept-Encoding" not in request.headers:
        lines.append("Accept-Encoding: identity")
    head = "\r\n".join(lines).encode("latin-1")
    if not head.count(b"\r") == head.count(b"\n") == len(lines) - 1:
        raise HTTPClientError(error="a header that cannot be sent")
    return head + b"\r\n\r\n"


def _host(connection: HTTPConnection) -> str:
    """As it was signed: without the port where it is the scheme's own."""
    host = f"[{connection.host}]" if ":" in connection.host else connection.host
    return host if connection.port == connection.default_port else f"{host}:{connection.port}"


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: bytes | bytearray | str | None) -> bytes | bytearray:
    return body.encode() if isinstance(body, str) else body or b""
