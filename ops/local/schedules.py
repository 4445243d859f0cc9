"""Stands in for EventBridge Scheduler, in real time: each schedule in a thread of its own, as long as a run lasts."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from ops.local.source import Firing

CRON_SECONDS = 3600.0
"""How often a cron expression fires here: to list too often does no harm, and to reckon calendars little good."""

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")


def seconds_of(expression: str) -> float:
    """The seconds between two firings of a rate expression; of a cron expression, an hour's."""
    match = _RATE.fullmatch(expression)
    return timedelta(**{f"{match[2]}s": int(match[1])}).total_seconds() if match else CRON_SECONDS


class Schedules:
    """Fires each of `firings` at once and then at its rate. One that takes longer than that is not fired beside itself.

    `on_error` gets whatever a handler raises, and the next firing comes all the same. `every` tells the seconds of an
    expression.
    """

    def __init__(
        self,
        firings: Sequence[Firing],
        *,
        on_error: Callable[[BaseException], None],
        every: Callable[[str], float] = seconds_of,
    ) -> None:
        self._firings = firings
        self._on_error = on_error
        self._every = every
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(firing,), daemon=True) for firing in firings]

    def start(self) -> None:
        """Fires all of them for the first time."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, until: float | None = None) -> None:
        """Fires nothing more, and waits for what still runs to stop in order, at most until `until` of monotonic."""
        self._stopping.set()
        for firing in self._firings:
            firing.end_soon()
        for thread in self._threads:
            if thread.ident is None:
                continue  # was never started
            thread.join(None if until is None else max(until - time.monotonic(), 0.0))

    def _run(self, firing: Firing) -> None:
        interval = self._every(firing.scheduled.expression)
        due = time.monotonic()
        while not self._stopping.wait(due - time.monotonic()):
            try:
                firing.fire()
            except Exception as error:  # Lambda survives whatever a handler raises
                self._on_error(error)
            missed = max(time.monotonic() - due, 0.0) // interval
            due += (missed + 1) * interval
