"""A threaded HTTP server that ends at once: the standard library's looks only every so often whether it is to end."""

from __future__ import annotations

import socket
import threading
from http.server import ThreadingHTTPServer
from typing import Any


class PromptServer(ThreadingHTTPServer):
    """Answers from `start` to `stop`."""

    daemon_threads = True

    def start(self) -> None:
        self._ending = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when the port is free; answers under way go on."""
        self._ending = True
        socket.create_connection((str(self.server_address[0]), self.server_port)).close()  # wakes whoever waits
        self._thread.join()
        self.server_close()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether a connection is answered."""
        return not self._ending

    def _serve(self) -> None:
        while not self._ending:
            self.handle_request()
