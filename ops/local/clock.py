"""The clock of one source in a local run: real time, and a look ahead at what is due next.

A look ahead lasts as long as one dispatch and is written nowhere, so the ledger holds real times only and the next run
finds them as they are. With `skip_waits` what was looked past counts as waited, for tests and the demonstration.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from functions.archiver.clock import Clock


class MovedClock(Clock):
    """`due_now` runs ahead of `now` inside of `ahead`, and `verdict_now` by all that was skipped, if it counts."""

    def __init__(self, *, skip_waits: bool = False) -> None:
        self._skip_waits = skip_waits
        self._ahead = timedelta()
        self._skipped = timedelta()
        self._lock = threading.Lock()

    def due_now(self) -> datetime:
        """Real time plus what is looked ahead."""
        with self._lock:
            return self.now() + self._ahead

    def verdict_now(self) -> datetime:
        """Real time, unless waits are skipped."""
        with self._lock:
            return self.now() + self._skipped

    @contextmanager
    def ahead(self, moment: datetime) -> Iterator[None]:
        """In this block, whatever is due until `moment` is due."""
        span = max(moment - self.now(), timedelta())
        with self._lock:
            self._ahead = span
            if self._skip_waits:
                self._skipped += span
        try:
            yield
        finally:
            with self._lock:
                self._ahead = timedelta()
