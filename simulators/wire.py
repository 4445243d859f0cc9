"""HTTP/1.1 on 127.0.0.1: reads a request in full, asks for the answer, sends it the way it says."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from simulators.exchange import Host, Request, Served
from simulators.faults import Answer
from simulators.prompt_server import PromptServer

MAX_REQUEST_BYTES = 2**20
MAX_CONNECTIONS = 64
IDLE_SECONDS = 30

Exchange = Callable[[Request], tuple[Served, Answer]]


class Server(PromptServer):
    """One origin, running from construction to `stop`. No more than MAX_CONNECTIONS are served at once."""

    request_queue_size = 128

    def __init__(self, host: Host, exchange: Exchange, stopping: threading.Event, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.host, self.exchange, self.stopping = host, exchange, stopping
        self._open: set[socket.socket] = set()
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"
        self.start()

    def stop(self) -> None:
        """Takes no more connections and ends those that are open."""
        super().stop()
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves one connection, when there is a slot for it."""
        with self._slots:
            self._open.add(request)
            try:
                super().process_request_thread(request, client_address)
            finally:
                self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is everyday business; anything else is shown."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "nginx", ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # head and body are two writes, and a delayed ACK would cost 40 ms each time

    def do_GET(self) -> None:
        request = self._read()
        if request is None:
            self.send_error(413)
            return
        entry, answer = self.server.exchange(request)
        entry.status = answer.status
        try:
            if answer.wait_first:
                # A hanging answer counts as under way until the client gives up or the time is over.
                self._wait(answer.wait_first)
            self._send(entry, answer)
        finally:
            entry.ended = min(entry.ended, time.monotonic())

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 (the names that http.server looks for)

    def log_message(self, format: str, *args: object) -> None:
        """The simulator keeps its own log."""

    def _read(self) -> Request | None:
        split = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_REQUEST_BYTES:
            self.close_connection = True
            return None
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        return Request(
            method=self.command,
            path=split.path,
            query=dict(parse_qsl(split.query, keep_blank_values=True)),
            headers=headers,
            body=body,
            host=self.server.host,
            fields=dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)) if is_form else {},
        )

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.connection.settimeout(0.05)
        while time.monotonic() < until and not self.server.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1, socket.MSG_PEEK):
                    raise ConnectionResetError("the client hung up")
                time.sleep(0.05)
        self.connection.settimeout(IDLE_SECONDS)

    def _send(self, entry: Served, answer: Answer) -> None:
        cut = answer.cut_at is not None
        empty = answer.size == 0
        if empty:
            entry.ended = time.monotonic()
        self._send_head(answer)
        left = answer.size if answer.cut_at is None else answer.cut_at
        total, started = max(1, left), time.monotonic()
        for chunk in () if empty else answer.chunks():
            piece = chunk[:left]
            left -= len(piece)
            if answer.spread_over:
                self.server.stopping.wait(
                    max(0.0, started + answer.spread_over * (1 - left / total) - time.monotonic())
                )
            if not left:
                entry.ended = time.monotonic()
            self._write(piece, answer)
            if not left:
                break
        if answer.framing == "chunked" and not cut:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection |= cut or answer.framing == "close" or answer.declared is not None
        if answer.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _send_head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.size or answer.status not in (204, 304):
            self.send_header("Content-Type", answer.content_type)
        if answer.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.framing == "close":
            self.send_header("Connection", "close")
        elif answer.status != 204:
            self.send_header("Content-Length", str(answer.size if answer.declared is None else answer.declared))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, piece: bytes, answer: Answer) -> None:
        if answer.framing == "chunked":
            piece = b"%x\r\n%s\r\n" % (len(piece), piece)
        self.wfile.write(piece)
