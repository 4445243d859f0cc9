"""A store for measurements, in a process of its own: it answers like S3, keeps nothing and takes next to no time.

A store that keeps what comes takes most of two cores, and most of the time that a large recording takes.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.serving import port_of, serve_on

ROOM_BYTES = 1024 * 1024
BEGUN = b"<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>"
COMPLETED = b'<CompleteMultipartUploadResult><ETag>"object"</ETag></CompleteMultipartUploadResult>'


class _Connection:
    """One client's connection, until it closes it."""

    def __init__(self, connected: socket.socket) -> None:
        self._connected = connected
        self._came = b""
        self._room = bytearray(ROOM_BYTES)

    def serve(self) -> None:
        self._connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._connected:
            while head := self._head():
                line, *lines = head.split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
                if headers.get("expect") == "100-continue":
                    self._connected.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                self._take(int(headers.get("content-length", 0)))
                self._connected.sendall(_answer(line, headers))

    def _head(self) -> str | None:
        while b"\r\n\r\n" not in self._came:
            more = self._connected.recv(65_536)
            if not more:
                return None
            self._came += more
        head, _, self._came = self._came.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def _take(self, size: int) -> None:
        size, self._came = size - len(self._came[:size]), self._came[size:]
        while size:
            taken = self._connected.recv_into(self._room, min(size, len(self._room)))
            if not taken:
                raise ConnectionError("a body ended early")
            size -= taken


def _answer(line: str, headers: Mapping[str, str]) -> bytes:
    """What S3 says of a PUT, a part, or the beginning or the end of an upload."""
    method, target, _ = line.split(" ", 2)
    body = b"" if method != "POST" else BEGUN if "uploads" in target else COMPLETED
    told = {"Content-Length": str(len(body)), "ETag": '"part"', "x-amz-version-id": "version"}
    told |= {name: value for name, value in headers.items() if name.startswith("x-amz-checksum-")}
    return "\r\n".join(["HTTP/1.1 200 OK", *(f"{name}: {told[name]}" for name in told), "", ""]).encode() + body


@contextmanager
def sink() -> Iterator[str]:
    """The endpoint of one that runs while the block does."""
    with port_of("benchmarks.sink") as port:
        yield f"http://127.0.0.1:{port}"


def main() -> None:
    """Serves until its standard input is closed."""
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listening,), daemon=True).start()
    serve_on(listening.getsockname()[1])


def _accept(listening: socket.socket) -> None:
    while True:
        threading.Thread(target=_Connection(listening.accept()[0]).serve, daemon=True).start()


if __name__ == "__main__":
    main()
