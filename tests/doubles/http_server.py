"""A local HTTP server that does as it is told, faults included: early ends, resets, stalls, wrong framing.

with HttpServer() as server:
    server.on("/calls", Reply(status=503), Reply(body=b"{}"))    # in this order; the last one repeats
    ... ask server.url ...
    assert server.requests[0].headers["accept"] == "application/json"
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from simulators.prompt_server import PromptServer


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer. Of a body that is cut, only `cut` bytes are sent, and then the server does what `then` says.

    `framing` tells how the end of the body is marked: by Content-Length, by chunks, or by closing the connection.
    A `silent` server takes the request and says nothing.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    framing: Literal["length", "chunked", "close"] = "length"
    cut: int | None = None
    then: Literal["close", "reset", "stall"] = "close"
    silent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One request as it came; header names in lower case. `connection` is the client's port."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int


Answer = Reply | bytes | Iterator[bytes]
"""Bytes are sent as they are, before the connection closes; an iterator's one after the other."""

Answering = Reply | bytes | Callable[[Seen], Answer]


class HttpServer:
    """Listens on 127.0.0.1 at a port of its own for as long as its `with` block runs."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Seen] = []
        self._replies: dict[str, list[Answering]] = {}
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def on(self, path: str, *replies: Answering) -> None:
        """What a path answers, in order; the last one repeats. A path without replies answers 404."""
        self._replies[path] = list(replies)

    def paths(self) -> Sequence[str]:
        """The paths that were asked for, in order."""
        return [seen.path for seen in self.requests]

    def wait_until_released(self, seconds: float | None = None) -> None:
        """Blocks until the `with` block ends, or for so long."""
        self._released.wait(seconds)

    def answer(self, seen: Seen) -> Answer:
        """Keeps the request and gives its answer."""
        self.requests.append(seen)
        replies = self._replies.get(seen.path, [Reply(status=404)])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply(seen) if callable(reply) else reply

    def __enter__(self) -> HttpServer:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.stop()


class _Server(PromptServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients of these tests hang up in the middle on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes, and a delayed ACK would cost 40 ms each time
    owner: HttpServer

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", "0"))
        reply = self.owner.answer(
            Seen(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
                connection=self.client_address[1],
            )
        )
        if not isinstance(reply, Reply):
            self.close_connection = True
            for piece in [reply] if isinstance(reply, bytes) else reply:
                self.wfile.write(piece)
        elif reply.silent:
            self.close_connection = True
            self.owner.wait_until_released()
        else:
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.framing == "length":
            self.send_header("Content-Length", str(len(reply.body)))
        elif reply.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.close_connection = True
        self.end_headers()
        self._send_body(reply)
        self.wfile.flush()
        if reply.cut is not None:
            self._break_off(reply)

    def _send_body(self, reply: Reply) -> None:
        body = reply.body[: reply.cut]
        if reply.framing != "chunked":
            self.wfile.write(body)
            return
        for start in range(0, len(body), 1000):
            piece = body[start : start + 1000]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if reply.cut is None:
            self.wfile.write(b"0\r\n\r\n")

    def _break_off(self, reply: Reply) -> None:
        self.close_connection = True
        if reply.then == "stall":
            self.owner.wait_until_released()
        if reply.then == "reset":
            # Closing with a linger of zero seconds sends RST in place of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the tests look at `requests`."""


def _handler_of(owner: HttpServer) -> type[_Handler]:
    methods = {f"do_{method}": _Handler.handle_any for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}
    return type("Handler", (_Handler,), {"owner": owner, **methods})
