"""Serves the page to one browser on this machine, on loopback and nowhere else, until nobody asks for half an hour."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from waitress.server import create_server

from ops.page.guard import Guard

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"
THREADS = 8
"""A browser asks for a few things at once, and a player holds one of them for as long as it plays."""

_LOOK_SECONDS = 5


@contextmanager
def served(app: WSGIApplication, port: int = 0) -> Iterator[tuple[str, Callable[[threading.Event], None]]]:
    """The address that opens the page, and what waits until the session is over or an event is set.

    Port 0 takes a free one. Raises OSError where the port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise
    guard = Guard(app, port=listening.getsockname()[1])
    # That a request waits for one of our few threads is no news for the terminal.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = create_server(guard, sockets=[listening], threads=THREADS, ident=None, clear_untrusted_proxy_headers=True)
    closing = threading.Event()

    def run() -> None:
        try:
            server.run()
        except OSError:
            if not closing.is_set():  # closing takes the socket from under the loop that waits on it
                raise

    serving = threading.Thread(target=run, daemon=True)
    serving.start()

    def wait(stopped: threading.Event) -> None:
        while not stopped.wait(_LOOK_SECONDS) and not guard.is_over:
            pass

    try:
        yield f"http://{HOST}:{listening.getsockname()[1]}{guard.path}", wait
    finally:
        # A browser's connection that is open when the server closes is no news for the terminal.
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
        closing.set()
        server.close()
        serving.join(timeout=5)
