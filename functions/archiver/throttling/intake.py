"""How a recording that somebody found enters the ledger, and how what is due enters the lanes.

Listing, lookups, webhooks and the dispatch tick all come through here, so the cap on work in flight holds for all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from datetime import date, timedelta

from functions.archiver.entry import DiscoveredBy, Known, State, Ticket
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.ledger import FIRST_LOOK_AT_UNFINISHED, Ledger
from functions.archiver.ledger.revival import description_digest
from functions.archiver.ledger.table import Unacceptable
from functions.archiver.ledger.transitions import LostLease
from functions.archiver.recording import Call, Readiness, Recording
from functions.archiver.throttling.lanes import Lanes
from functions.archiver.throttling.pace import Pace

_MAX_NAMED = 3
_MAX_QUOTED = 40

TICK_SECONDS = 60.0
"""How often the tick comes on AWS that puts into the lanes what fits there."""

IN_FLIGHT_TICKS = 2
"""The most work in the lanes of a source, so that they never run dry; the rest of the backlog stays in the ledger."""


MAX_HINTS_WAIT = timedelta(minutes=10)
"""No further hints are taken while older ones have waited for longer than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The result of taking in findings.

    `new` are ids that the ledger did not have, `unstorable` those it cannot hold. `days` has the day under which the
    ledger has each of those that it knew.
    """

    new: tuple[str, ...] = ()
    queued: int = 0
    unstorable: tuple[str, ...] = ()
    days: Mapping[str, date] = field(default_factory=dict)

    @property
    def problem(self) -> str | None:
        """The problem with the findings, for a person; None where there is none."""
        if not self.unstorable:
            return None
        named = ", ".join(ascii(id_[:_MAX_QUOTED]) for id_ in self.unstorable[:_MAX_NAMED])
        return f"{len(self.unstorable)} recordings cannot be stored in the ledger, among them {named}"


class Intake:
    """Puts findings into the ledger and due items into the lanes of one source."""

    def __init__(self, *, ledger: Ledger, lanes: Lanes, pace: Pace, tick_seconds: float = TICK_SECONDS) -> None:
        self._ledger = ledger
        self._lanes = lanes
        self._pace = pace
        self._in_flight_seconds = IN_FLIGHT_TICKS * tick_seconds

    def room(self) -> int:
        """How many items may enter the lanes now: none while the source is closed."""
        return self._room(share=1)

    def _room(self, *, share: int) -> int:
        gate = self._pace.gate()
        if gate.closed_until is not None:
            return 0
        return max(-(-self._cap(gate.work_seconds) // share) - self._ledger.due.in_flight(), 0)

    def _cap(self, work_seconds: float | None) -> int:
        lanes = self._pace.lanes
        by_rate = self._pace.requests_per_minute / 60 * self._in_flight_seconds
        by_lanes = lanes * self._in_flight_seconds / work_seconds if work_seconds else by_rate
        return max(math.floor(min(by_rate, by_lanes)), lanes, 1)

    def take(self, recordings: Sequence[Recording], discovered_by: DiscoveredBy) -> Taken:
        """Inserts what the ledger does not have, revives what has become ready, and sends what fits into the lanes."""
        unique = {recording.id: recording for recording in recordings}
        known = self._ledger.known(list(unique))
        unknown = [recording for id_, recording in unique.items() if id_ not in known]
        for id_, state in known.items():
            with suppress(Unacceptable):  # then it is as well known as before
                self._meet_again(unique[id_], state, discovered_by)
        return replace(self._insert(unknown, discovered_by), days={i: k.day for i, k in known.items() if k.day})

    def _meet_again(self, recording: Recording, known: Known, discovered_by: DiscoveredBy) -> None:
        """Revives a failed recording when the provider describes it differently; otherwise it has one attempt a day."""
        if _has_become_ready(recording, known):
            self._ledger.note_ready(recording)
        elif known.state is State.FAILED and known.said not in (None, description_digest(recording)):
            self._ledger.note_change(recording)
        elif known.state is State.FAILED and discovered_by == "reconcile":
            self._ledger.revival.once_more(recording.id)

    def _insert(self, recordings: Sequence[Recording], discovered_by: DiscoveredBy) -> Taken:
        wanting = sum(1 for recording in recordings if recording.readiness in _TO_FETCH)
        room = self.room() if wanting else 0
        new: list[str] = []
        unstorable: list[str] = []
        with self._sending() as tickets:
            for recording in recordings:
                try:
                    if recording.readiness in _TO_FETCH and len(tickets) < room:
                        ticket = self._ledger.insert_queued(recording, discovered_by)
                        tickets += [ticket] if ticket else []
                        is_new = ticket is not None
                    else:
                        is_new = self._ledger.insert(recording, discovered_by)
                except Unacceptable:
                    unstorable.append(recording.id)  # and the others go on
                    continue
                new += [recording.id] if is_new else []
        return Taken(new=tuple(new), queued=len(tickets), unstorable=tuple(unstorable))

    def take_hint(self, recording: Recording) -> bool:
        """Inserts a recording that so far only an event names; whether that changed anything.

        Written without being read first, because an event usually comes before any listing. If the recording is already
        known, the only change is that one waiting for its audio becomes due now. An erased one does not come back.
        """
        if self._ledger.tombstones.of([recording.id]):
            return False
        is_ready = recording.readiness is Readiness.READY
        if not is_ready or self._room_for_hints() == 0:
            is_new = not self._too_many_hints() and self._ledger.insert(recording, "webhook")
            return is_new or (is_ready and self._ledger.hasten(recording.id))
        ticket = self._ledger.insert_queued(recording, "webhook") or self._ledger.queue_unfinished(recording.id)
        with self._sending() as tickets:
            tickets += [replace(ticket, hinted=True)] if ticket else []
        return ticket is not None

    def _room_for_hints(self) -> int:
        """How many hints may go straight into the lanes: as many as leave three quarters to what a listing showed."""
        return self._room(share=4)

    def _too_many_hints(self) -> bool:
        """Whether hints have waited for so long that one more is useless; listing finds the real ones."""
        return self._ledger.due.is_late("hints", MAX_HINTS_WAIT)

    def take_calls(self, calls: Sequence[Call], discovered_by: DiscoveredBy) -> int:
        """Notes calls whose recordings are to be looked up; how many were not waiting already."""
        if discovered_by == "webhook" and self._too_many_hints():
            return 0
        waiting = self._ledger.known_calls([call.call_id for call in calls]) if calls else set()
        return sum(
            self._ledger.insert_lookup(call, discovered_by, due_in=FIRST_LOOK_AT_UNFINISHED)
            for call in calls
            if call.call_id not in waiting
        )

    def dispatch(self) -> int:
        """Puts due items into the lanes as far as there is room; how many."""
        room = self.room()
        if room == 0:
            return 0
        with self._sending() as tickets:
            for waiting in self._ledger.due.waiting(room):
                ticket = self._ledger.due.mark_queued(waiting)
                tickets += [ticket] if ticket else []
        return len(tickets)

    @contextmanager
    def _sending(self) -> Iterator[list[Ticket]]:
        """A list for tickets whose items are marked as queued; at its end they go into the lanes, also where the ledger
        fails in between.
        """
        tickets: list[Ticket] = []
        try:
            yield tickets
        except ArchiveTrouble:
            self._send(tickets)
            raise
        self._send(tickets)

    def _send(self, tickets: Sequence[Ticket]) -> None:
        """What the queue does not take is due at once: marked as queued it would use up room until its lease ends.

        Of a call without an answer nobody knows: what it took after all is done with by its first look at the ledger.
        """
        try:
            refused = self._lanes.send(tickets)
        except ArchiveTrouble:
            self._take_back(tickets)
            raise
        self._take_back(refused)

    def _take_back(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            with suppress(LostLease):
                self._ledger.release(ticket, "the queue did not take it", due_in=timedelta())


_TO_FETCH = (Readiness.READY, Readiness.BROKEN)


def _has_become_ready(recording: Recording, known: Known) -> bool:
    if recording.readiness is not Readiness.READY:
        return False
    return known.state is State.GONE or (known.state is State.PENDING and known.unfinished)
