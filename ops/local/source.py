"""Drives one source of a local run: fires its schedules and knows whether anything is left to do.

Listing is fired until a pass finds nothing new, the dispatch tick whenever the lanes run low, and the reconciler once
at the end. A source that stays closed gets three probes, each when its cool-down is over in real time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.archiver.cursors import Progress
from functions.archiver.listing import RECENT
from functions.archiver.pace import Gate
from functions.archiver.runtime import Runtime
from ops.local.clock import MovedClock
from ops.local.functions import Sandbox
from ops.local.poller import Poller
from ops.local.template import Scheduled

PROBES = 3
LONGEST_COOL_DOWN_SECONDS = 300.0
"""A source that is closed for longer is given up on rather than waited for."""

_TICK_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Firing:
    """One schedule of the template with a function to fire."""

    scheduled: Scheduled
    sandbox: Sandbox

    @property
    def action(self) -> str:
        """`list`, `dispatch`, or the function's name."""
        return str(json.loads(self.scheduled.input or "{}").get("action", "reconcile"))

    def fire(self) -> dict[str, object]:
        """Invokes the function with the schedule's input."""
        return dict(self.sandbox.invoke(json.loads(self.scheduled.input or "{}")))


class SourceDriver:
    """One source: its schedules, its poller and its end."""

    def __init__(
        self,
        *,
        name: str,
        firings: dict[str, Firing],
        poller: Poller,
        runtime: Runtime,
        clock: MovedClock,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self.name = name
        self.given_up: str | None = None
        self._firings = firings
        self._poller = poller
        self._runtime = runtime
        self._clock = clock
        self._on_error = on_error
        self._listed = False
        self._reconciled = False
        self._ticked = 0.0
        self._stopping = threading.Event()
        self._lister = threading.Thread(target=self._list, daemon=True)

    def start(self) -> None:
        """Starts listing and polling."""
        self._poller.start()
        self._lister.start()

    def stop(self) -> None:
        """Waits until nothing of this source runs any more."""
        self._stopping.set()
        self._lister.join()
        self._poller.stop()

    def _list(self) -> None:
        """Listing passes until one finds nothing new."""
        failures = 0
        while not self._stopping.is_set():
            result = self._fire("list")
            stopped = result.get("stopped")
            if stopped is None and not result.get("new"):
                break
            failures = failures + 1 if stopped not in (None, "out of time") else 0
            if failures > PROBES or not self._wait_until_open():
                self.given_up = str(stopped)
                break
        self._listed = True

    def _fire(self, action: str) -> dict[str, object]:
        try:
            return self._firings[action].fire()
        except Exception as error:  # Lambda survives whatever a handler raises
            self._on_error(error)
            return {"stopped": f"{action} failed: {type(error).__name__}"}

    def _wait_until_open(self) -> bool:
        """Waits for the end of a cool-down, in real time; False when that is too far away."""
        gate = self.gate()
        if gate.closed_until is None:
            return True
        seconds = (gate.closed_until - self._clock.now()).total_seconds()
        if seconds > LONGEST_COOL_DOWN_SECONDS:
            return False
        self._stopping.wait(max(seconds, 0.0) + 0.05)
        return True

    def gate(self) -> Gate:
        """Whether the source is closed."""
        return self._runtime.pace.gate()

    def progress(self) -> Progress:
        """How far its listing came."""
        return self._runtime.cursors("lister").progress()

    def closed_cleanly(self) -> bool:
        """Whether every window up to the last minutes is closed and none is noted as unclean."""
        progress = self.progress()
        forward = progress.walks.get("forward")
        settled = self._clock.now() - RECENT - timedelta(hours=1)
        return bool(forward and forward.finished and forward.end >= settled and not progress.unclean)

    def step(self) -> bool:
        """Does the next thing there is to do; False when only later `due_at`s, or nothing, are left."""
        if self._ticked + _TICK_SECONDS < time.monotonic() or self._poller.idle():
            self._ticked = time.monotonic()
            if self._fire("dispatch").get("queued"):
                return True
        if not self._listed or not self._poller.idle():
            return True
        return self.given_up is None and self._is_due_but_closed()

    def _is_due_but_closed(self) -> bool:
        """Whether something is due and only a cool-down holds it back."""
        gate = self.gate()
        if gate.closed_until is None:
            return False
        if self._runtime.ledger.oldest_waiting() is None:
            return False
        far = (gate.closed_until - self._clock.now()).total_seconds() > LONGEST_COOL_DOWN_SECONDS
        if far or gate.strikes >= PROBES + self._patience(gate):
            self.given_up = gate.reason
            return False
        return True

    @staticmethod
    def _patience(gate: Gate) -> int:
        """A source that does not answer may come back; one that refuses our credentials will not."""
        return 0 if gate.refused else 3

    def reconcile(self) -> bool:
        """Fires the reconciler once; whether it found anything new."""
        if self._reconciled or self.given_up:
            return False
        self._reconciled = True
        self._fire("reconcile")
        return True

    def next_due(self) -> datetime | None:
        """When its next waiting item is due."""
        if self.given_up:
            return None
        return self._runtime.ledger.next_due()
