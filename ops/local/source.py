"""Drives one source of a local run: fires its schedules and knows whether anything is left to do.

Listing is fired until a pass finds nothing new, the dispatch tick whenever the lanes run low. A source that stays
closed gets three probes, each when its cool-down is over in real time. What is due later is looked ahead to, as far as
no verdict would rest on time that nobody waited.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.archiver.listing.listing import EVERY_OVERLAP, RECENT
from functions.archiver.runtime import Runtime
from functions.archiver.throttling.pace import Gate
from ops.local.clock import MovedClock
from ops.local.engine.local_engine import Stopped
from ops.local.functions import Sandbox
from ops.local.poller import Poller
from ops.local.waiting import Waits, waits_of
from ops.local.wiring import Scheduled

PROBES = 3
"""A source that refuses our credentials so often in a row is given up on."""

PROBES_OF_A_SILENT_ONE = 5
"""One that fails in the very same way so often in a row; other failures may follow each other for longer."""

MAX_PROBES = 25

LONGEST_COOL_DOWN_SECONDS = 300.0
"""A source that is closed for longer is given up on rather than waited for."""

TICK_SECONDS = 15.0
"""A run ticks so often, and at once when the lanes are empty: what waits in them is in memory."""

_STEP_SECONDS = 0.5
_LOOK_AHEAD_SECONDS = 1.0
"""Of real time at least between two looks ahead, so that no mistake can make a run hurry through a provider."""

_EMPTY_LOOKS = 10
"""Looks ahead in a row that put nothing into the lanes: what waits then is left to the next run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Firing:
    """One schedule, with its function."""

    scheduled: Scheduled
    sandbox: Sandbox

    @property
    def action(self) -> str:
        """`list` or `dispatch`; empty for a function that does one thing only."""
        return str(json.loads(self.scheduled.input).get("action", ""))

    def fire(self, more: Mapping[str, object] | None = None) -> dict[str, object]:
        """Invokes the function with the schedule's input, and `more`."""
        return dict(self.sandbox.invoke(json.loads(self.scheduled.input) | dict(more or {})))

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
        say: Callable[[str], None] = lambda sentence: None,
        first: Callable[[Callable[[], bool]], None] = lambda stopped: None,
        real_time: bool = False,
        skip_waits: bool = False,
    ) -> None:
        self.name = name
        self.firings = firings
        self.runtime = runtime
        self.given_up: str | None = None
        self._poller = poller
        self._clock = clock
        self._on_error = on_error
        self._say = say
        self._first = first
        self._real_time = real_time
        self._skip_waits = skip_waits
        self._listed = False
        self._said: str | None = None
        self._failures: list[str] = []
        self._strikes = 0
        self._empty_looks = 0
        self._ticked = time.monotonic()  # what a listing finds it also sends; ticks are for the rest
        self._looked_ahead = 0.0
        self._stopping = threading.Event()
        self._lists = True
        self._lister = threading.Thread(target=self._begin, daemon=True)

    def start(self, *, listing: bool = True) -> None:
        """Does what comes first, then starts polling, and `listing` until nothing new is found."""
        self._lists = listing
        self._lister.start()

    def _begin(self) -> None:
        try:
            self._first(self._stopping.is_set)
        except Exception as error:  # what cannot be mended now is mended by the next run
            self._on_error(error)
        if not self._stopping.is_set():
            self._poller.start()
        if self._lists:
            self._list()

    def stop(self, *, until: float | None = None) -> None:
        """Waits until nothing of this source runs any more, at most until `until` of the monotonic clock."""
        self._stopping.set()
        for firing in self.firings.values():
            firing.end_soon()
        if self._lister.ident is not None:
            self._lister.join(None if until is None else max(until - time.monotonic(), 0.0))
        self._poller.stop(until=until)

    # listing

    def _list(self) -> None:
        """Listing passes until one finds nothing new."""
        while not self._stopping.is_set():
            result = self.fire("list")
            stopped = result.get("stopped")
            if stopped is None and not result.get("new"):
                break
            if stopped in (None, "out of time"):
                self._failures.clear()
                continue
            if self._wait_for_a_slot(result.get("again_at")):
                continue
            self._say_why(str(stopped))
            if self._is_paused() or self._is_hopeless(str(stopped)) or not self._wait_until_open():
                self.given_up = str(stopped)
                break
        self._listed = True

    def _wait_for_a_slot(self, again_at: object) -> bool:
        """Whether the source was open and all its slots were taken, as by a run that was killed; waits for the next."""
        if not isinstance(again_at, str) or self.gate().closed_until is not None:
            return False
        seconds = (datetime.fromisoformat(again_at) - self._clock.now()).total_seconds()
        if seconds > LONGEST_COOL_DOWN_SECONDS:
            return False
        self._stopping.wait(max(seconds, _STEP_SECONDS))
        return True

    def fire(self, action: str, more: Mapping[str, object] | None = None) -> dict[str, object]:
        """Fires one schedule; whatever its handler raises is noted."""
        try:
            return self.firings[action].fire(more)
        except Stopped:
            self._stopping.set()
            return {"stopped": "the run has been stopped"}
        except Exception as error:  # Lambda survives whatever a handler raises, and so does this run
            self._on_error(error)
            return {"stopped": f"{action or 'reconcile'} failed: {error}"}

    def _say_why(self, reason: str) -> None:
        """Says at once, and once, what holds a source up."""
        if reason == self._said or self._stopping.is_set():
            return
        self._said = reason
        seconds = self._seconds_closed(self.gate())
        waits = 0 < seconds <= LONGEST_COOL_DOWN_SECONDS and not self._is_paused()
        again = f"; asked again in {seconds:.0f} s" if waits else ""
        self._say(f"{self.name}: {reason}{again}")

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

    def _is_paused(self) -> bool:
        """Whether a person has paused it for longer than a run waits: only a person knows for how long."""
        pause = self.gate().pause
        if pause is None:
            return False
        return pause.until is None or (pause.until - self._clock.now()).total_seconds() > LONGEST_COOL_DOWN_SECONDS

    def _is_hopeless(self, reason: str) -> bool:
        """Notes one more failure in a row; whether enough of them are the same."""
        self._failures.append(reason)
        enough = PROBES if self.gate().refused else PROBES_OF_A_SILENT_ONE
        same = len(self._failures) >= enough and len(set(self._failures[-enough:])) == 1
        return same or len(self._failures) >= MAX_PROBES

    # what is due

    def step(self) -> bool:
        """Does the next thing there is to do; False when nothing is left that this run may do."""
        if self._ticked + TICK_SECONDS < time.monotonic() or (self._poller.idle() and self._is_due()):
            self._ticked = time.monotonic()
            if self.fire("dispatch").get("queued"):
                return True
        if not self._listed or not self._poller.idle():
            return True
        return self.given_up is None and self._wait_or_look_ahead(self.waits())

    def _is_due(self) -> bool:
        due = self.runtime.ledger.due.next_at()
        return due is not None and due <= self._clock.now() and self.gate().closed_until is None

    def waits(self) -> Waits:
        """The items that wait in the ledger."""
        return waits_of(self.runtime.table, self.name, self._clock.now(), skip_waits=self._skip_waits)

    def _wait_or_look_ahead(self, waits: Waits) -> bool:
        if not waits.number:
            return False
        gate = self.gate()
        if gate.closed_until is not None:
            return (waits.is_due or waits.next_skip is not None) and self._is_worth_waiting(gate)
        if waits.is_due or self._real_time:
            return True
        return waits.next_skip is not None and self._look_ahead(waits)

    def _look_ahead(self, waits: Waits) -> bool:
        assert waits.next_skip is not None
        if self._looked_ahead + _LOOK_AHEAD_SECONDS > time.monotonic():
            return True
        with self._clock.ahead(waits.next_skip):
            queued = self.fire("dispatch").get("queued")
        self._looked_ahead = time.monotonic()
        self._empty_looks = 0 if queued else self._empty_looks + 1
        return self._empty_looks < _EMPTY_LOOKS

    def _is_worth_waiting(self, gate: Gate) -> bool:
        """Whether a cool-down that holds up what is due will be waited for. Gives up on a source that stays closed."""
        if gate.strikes < self._strikes:
            self._failures.clear()  # something has succeeded since
        self._say_why(gate.reason or "")
        if self._is_paused():
            self.given_up = gate.reason
            return False
        hopeless = gate.strikes > self._strikes and self._is_hopeless(gate.reason or "")
        self._strikes = gate.strikes
        if hopeless or self._seconds_closed(gate) > LONGEST_COOL_DOWN_SECONDS:
            self.given_up = gate.reason
            return False
        return True

    # the end

    def gate(self) -> Gate:
        """Whether the source is closed."""
        return self.runtime.pace.gate()

    def unclean(self) -> str | None:
        """Which windows were not read cleanly, in words; None when every window up to the last minutes is closed."""
        if self.runtime.settings.source.start >= self._clock.now() - RECENT:
            return None  # there is nothing that could be closed yet
        progress = self.runtime.cursors("lister").progress()
        forward = progress.walks.get("forward")
        recently = self._clock.now() - RECENT - EVERY_OVERLAP - timedelta(hours=23)
        if forward and forward.finished and forward.end >= recently and not progress.unclean:
            return None
        spans = [f"{u.start:%Y-%m-%d %H:%M} to {u.end:%Y-%m-%d %H:%M}: {u.reason}" for u in progress.unclean]
        return "; ".join(spans) or "listing did not come to its end"
