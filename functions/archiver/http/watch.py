"""Calls back at a moment unless it is told in time that there is no need: what ends a read that drips for ever.

One thread watches for the whole process. A thread for each request would cost more than the request's own work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watch:
    """Alarms: what to call, and when. The thread starts with the first alarm and sleeps until the next is due."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alarms: dict[object, tuple[float, Callable[[], None]]] = {}
        self._wakes_at: float | None = None  # None before the thread has started

    @contextmanager
    def ringing_in(self, seconds: float, ring: Callable[[], None]) -> Iterator[None]:
        """Calls `ring`, once, if the block is still running after so many seconds. It must not raise."""
        alarm, due = object(), time.monotonic() + seconds
        self._set(alarm, due, ring)
        try:
            yield
        finally:
            self._alarms.pop(alarm, None)

    def _set(self, alarm: object, due: float, ring: Callable[[], None]) -> None:
        with self._changed:
            self._alarms[alarm] = due, ring
            if self._wakes_at is None:
                self._wakes_at = due
                threading.Thread(target=self._run, daemon=True, name="watch").start()
            elif due < self._wakes_at:
                self._wakes_at = due
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                standing = list(self._alarms.items())
                over = [self._alarms.pop(alarm) for alarm, (due, _) in standing if due <= now]
                if not over:
                    self._wakes_at = min((due for _, (due, _) in standing), default=float("inf"))
                    self._changed.wait(min(self._wakes_at - now, threading.TIMEOUT_MAX))
            for _, ring in over:
                ring()


WATCH = Watch()
"""That of the process."""
