"""A proxy on this machine that carries a request out and loses its answer, once for each time it is asked to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class LosingProxy:
    """Passes bytes on to `endpoint`. The answer to the next request that contains `marker` is never handed on."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._marker: bytes | None = None
        self.lost = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, marker: str) -> None:
        """Loses the answer to the next request in whose head `marker` stands."""
        self._marker = marker.encode()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._target) as far:
            losing = threading.Event()
            back = threading.Thread(target=self._back, args=(far, near, losing), daemon=True)
            back.start()
            with suppress(OSError):
                while piece := near.recv(65_536):
                    if self._marker is not None and self._marker in piece:
                        self._marker = None
                        losing.set()
                    far.sendall(piece)
            with suppress(OSError):
                far.shutdown(socket.SHUT_WR)
            back.join()

    def _back(self, far: socket.socket, near: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while piece := far.recv(65_536):
                if losing.is_set() and not piece.startswith(b"HTTP/1.1 100"):
                    self.lost += 1
                    near.shutdown(socket.SHUT_RDWR)
                    return
                near.sendall(piece)


@contextmanager
def losing_proxy(endpoint: str) -> Iterator[LosingProxy]:
    proxy = LosingProxy(endpoint)
    try:
        yield proxy
    finally:
        proxy.close()
