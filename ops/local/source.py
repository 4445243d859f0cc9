"""Drives one source of a local run: fires its schedules and knows whether anything is left to do.

Listing is fired until a pass finds nothing new, the dispatch tick whenever the lanes run low. A source that stays
closed gets three probes, each when its cool-down is over in real time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.archiver.listing.cursors import Progress
from functions.archiver.listing.listing import EVERY_OVERLAP, RECENT
from functions.archiver.runtime import Runtime
from functions.archiver.throttling.pace import Gate
from ops.local.clock import MovedClock
from ops.local.functions import Sandbox
from ops.local.poller import Poller
from ops.local.template import Scheduled

PROBES = 3
"""A source that refuses our credentials so often in a row is given up on."""

PROBES_OF_A_SILENT_ONE = 5
"""One that fails in the very same way so often in a row; other failures may follow each other for longer."""

MOST_PROBES = 25

LONGEST_COOL_DOWN_SECONDS = 300.0
"""A source that is closed for longer is given up on rather than waited for."""

_TICK_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Firing:
    """One schedule of the template, with its function."""

    scheduled: Scheduled
    sandbox: Sandbox

    @property
    def action(self) -> str:
        """`list` or `dispatch`; empty for a function that does one thing only."""
        return str(json.loads(self.scheduled.input).get("action", ""))

    def fire(self) -> dict[str, object]:
        """Invokes the function with the schedule's input."""
        return dict(self.sandbox.invoke(json.loads(self.scheduled.input)))

    def end_soon(self) -> None:
        """A listing that is under way stops in order; its cursor is saved."""
        self.sandbox.runtime.end_soon()


class SourceDriver:
    """One source: its schedules, its poller and its end. `given_up` says why nothing more is asked of it."""

    def __init__(
        self,
        *,
        name: str,
        firings: Mapping[str, Firing],
        poller: Poller,
        runtime: Runtime,
        clock: MovedClock,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self.name = name
        self.firings = firings
        self.runtime = runtime
        self.given_up: str | None = None
        self._poller = poller
        self._clock = clock
        self._on_error = on_error
        self._listed = False
        self._failures: list[str] = []
        self._strikes = 0
        self._ticked = time.monotonic()  # what a listing finds it also sends; ticks are for the rest
        self._stopping = threading.Event()
        self._lister = threading.Thread(target=self._list, daemon=True)

    def start(self, *, listing: bool = True) -> None:
        """Starts polling, and `listing` until nothing new is found."""
        self._poller.start()
        if listing:
            self._lister.start()

    def stop(self) -> None:
        """Waits until nothing of this source runs any more."""
        self._stopping.set()
        for firing in self.firings.values():
            firing.end_soon()
        if self._lister.ident is not None:
            self._lister.join()
        self._poller.stop()

    def _list(self) -> None:
        """Listing passes until one finds nothing new."""
        while not self._stopping.is_set():
            result = self._fire("list")
            stopped = result.get("stopped")
            if stopped is None and not result.get("new"):
                break
            if stopped in (None, "out of time"):
                self._failures.clear()
            elif self._is_hopeless(str(stopped)) or not self._wait_until_open():
                self.given_up = str(stopped)
                break
        self._listed = True

    def _fire(self, action: str) -> dict[str, object]:
        try:
            return self.firings[action].fire()
        except Exception as error:  # Lambda survives whatever a handler raises, and so does this run
            self._on_error(error)
            return {"stopped": f"{action} failed: {type(error).__name__}"}

    def _wait_until_open(self) -> bool:
        """Waits for the end of a cool-down, in real time; False when that is too far away."""
        seconds = self._seconds_closed(self.gate())
        if seconds > LONGEST_COOL_DOWN_SECONDS:
            return False
        if seconds > 0:
            self._stopping.wait(seconds + 0.05)
        return True

    def _seconds_closed(self, gate: Gate) -> float:
        if gate.closed_until is None:
            return 0.0
        return (gate.closed_until - self._clock.now()).total_seconds()

    def _is_hopeless(self, reason: str) -> bool:
        """Notes one more failure in a row; whether enough of them are the same."""
        self._failures.append(reason)
        enough = PROBES if self.gate().refused else PROBES_OF_A_SILENT_ONE
        same = len(self._failures) >= enough and len(set(self._failures[-enough:])) == 1
        return same or len(self._failures) >= MOST_PROBES

    def gate(self) -> Gate:
        """Whether the source is closed."""
        return self.runtime.pace.gate()

    def progress(self) -> Progress:
        """How far its listing came."""
        return self.runtime.cursors("lister").progress()

    def closed_cleanly(self) -> bool:
        """Whether every window up to the last minutes is closed and none is noted as unclean."""
        if self.runtime.settings.source.start >= self._clock.now() - RECENT:
            return True  # there is nothing that could be closed yet
        progress = self.progress()
        forward = progress.walks.get("forward")
        recently = self._clock.now() - RECENT - EVERY_OVERLAP - timedelta(hours=23)
        return bool(forward and forward.finished and forward.end >= recently and not progress.unclean)

    def step(self) -> bool:
        """Does the next thing there is to do; False when only later `due_at`s, or nothing, are left."""
        if self._ticked + _TICK_SECONDS < time.monotonic() or (self._poller.idle() and self._is_due()):
            self._ticked = time.monotonic()
            if self._fire("dispatch").get("queued"):
                return True
        if not self._listed or not self._poller.idle():
            return True
        return self.given_up is None and self._is_due_but_closed()

    def _is_due(self) -> bool:
        due = self.runtime.ledger.due.next_at()
        return due is not None and due <= self._clock.due_now() and self.gate().closed_until is None

    def _is_due_but_closed(self) -> bool:
        """Whether something is due and only a cool-down holds it back. Gives up on a source that stays closed."""
        gate = self.gate()
        if gate.closed_until is None or self.runtime.ledger.due.oldest_waiting() is None:
            return False
        if gate.strikes < self._strikes:
            self._failures.clear()  # something has succeeded since
        hopeless = gate.strikes > self._strikes and self._is_hopeless(gate.reason or "")
        self._strikes = gate.strikes
        if hopeless or self._seconds_closed(gate) > LONGEST_COOL_DOWN_SECONDS:
            self.given_up = gate.reason
            return False
        return True

    def next_due(self) -> datetime | None:
        """When its next waiting item is due; None when nothing waits, or nothing more is asked of the source."""
        return None if self.given_up else self.runtime.ledger.due.next_at()
