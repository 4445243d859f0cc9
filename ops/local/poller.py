"""Feeds a source's lanes to its downloader: batch size 1, as many workers as there are lanes.

The lanes themselves give out nothing more of a lane while one of its messages is in flight.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from ops.local.engine.lanes import Delivery
from ops.local.engine.local_engine import Stopped
from ops.local.functions import Sandbox

_WAIT_SECONDS = 0.5


class Queue(Protocol):
    """The other end of the lanes."""

    def receive(self, *, timeout: float) -> Delivery | None:
        """The next message, in flight from now on; waits up to `timeout` seconds for one."""

    def delete(self, delivery: Delivery) -> None:
        """It is done with."""

    def release(self, delivery: Delivery) -> None:
        """It may be given out again at once."""

    def idle(self) -> bool:
        """Whether no message waits or is in flight."""

    def close(self) -> None:
        """Gives out nothing more; whoever waits for a message waits no longer."""


class Poller:
    """One thread for each lane, with a sandbox of its own."""

    def __init__(
        self,
        queue: Queue,
        *,
        lanes: int,
        sandbox: Callable[[], Sandbox],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._queue = queue
        self._sandbox = sandbox
        self._on_error = on_error
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(lanes)]

    def start(self) -> None:
        """Starts polling."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, until: float | None = None) -> None:
        """Lets every worker finish its message, and waits for that, at most until `until` of the monotonic clock."""
        self._stopping.set()
        self._queue.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(None if until is None else max(until - time.monotonic(), 0.0))

    def idle(self) -> bool:
        """Whether no message waits or is being worked on."""
        return self._queue.idle()

    def _work(self) -> None:
        sandbox: Sandbox | None = None
        while not self._stopping.is_set():
            delivery = self._queue.receive(timeout=_WAIT_SECONDS)
            if delivery is not None:
                sandbox = sandbox or self._sandbox()
                self._deliver(sandbox, delivery)

    def _deliver(self, sandbox: Sandbox, delivery: Delivery) -> None:
        try:
            sandbox.invoke({"Records": [delivery.record()]})
        except Stopped:
            self._stopping.set()
        except Exception as error:  # whatever a handler raises, Lambda survives it and the message comes again
            self._on_error(error)
            # Lambda would let the visibility timeout pass; here it may come again at once.
            self._queue.release(delivery)
        else:
            self._queue.delete(delivery)
