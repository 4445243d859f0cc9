"""The clock of a local run: real time, and a second time that can be moved to the next thing that is due."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from functions.archiver.clock import Clock


class MovedClock(Clock):
    """`due_now` runs ahead of `now` by as much as the run has skipped so far."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._lock = threading.Lock()

    def due_now(self) -> datetime:
        """Real time plus everything that was skipped."""
        with self._lock:
            return self.now() + self._ahead

    def move_to(self, moment: datetime) -> None:
        """Skips to `moment`; never backwards."""
        with self._lock:
            self._ahead = max(self._ahead, moment - self.now())
