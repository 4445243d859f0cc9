"""The truth of the whole service: one item per recording.

    pending (due_at) ──► queued (due_at = lease end) ──► archived | gone | failed
         ▲                    │
         └────────────────────┘   not ready, rejected, source in trouble, lease lapsed

One method per transition, each with its own condition. Every way out of `queued` asks for the lease that the message
carried, so a message that comes late or twice changes nothing. Two kinds of follow-ups wait in the same way: a `lookup`
asks which recordings a call has, a `transcript` fetches what the provider had not finished when the audio was archived.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from functions.archiver.attributes import ENTRY, to_item
from functions.archiver.clock import Clock, to_ms
from functions.archiver.entry import DiscoveredBy, Entry, Kind, Known, State, Ticket
from functions.archiver.ledger.conditions import Condition, Equals, Exists, Missing, OneOf, unchanged
from functions.archiver.ledger.items import REPORTED, day_in, entry_of, facts_of, pk_of
from functions.archiver.ledger.revival import TRIED, Revival, description_digest
from functions.archiver.ledger.story import event
from functions.archiver.ledger.table import Refused, Table, items_of_day
from functions.archiver.ledger.terms import is_over
from functions.archiver.ledger.tombstones import Tombstones
from functions.archiver.ledger.transitions import LostLease, Transitions, in_ms
from functions.archiver.recording import Call, Readiness, Recording

FIRST_LOOK_AT_UNFINISHED = timedelta(minutes=1)
"""When to ask for a recording that its listing, or an event, showed before its audio was there."""


@dataclass(kw_only=True, slots=True)
class _New:
    state: State
    due_ms: int | None
    extra: dict[str, object] = field(default_factory=dict)


class Ledger(Transitions):
    """The recordings and follow-ups of one source; `due` are those that wait."""

    def __init__(self, table: Table, *, source: str, clock: Clock) -> None:
        super().__init__(table, source=source, clock=clock)
        self.revival = Revival(table, self.due, source=source, clock=clock)
        self.tombstones = Tombstones(table, source=source, clock=clock)

    # finding

    def known(self, ids: Sequence[str]) -> dict[str, Known]:
        """Which of these recordings are in the ledger already, or must not come back. One read per hundred."""
        by_pk = {self._pk("recording", id_): id_ for id_ in ids}
        items = self._table.get_many([*by_pk, self.tombstones.mark], ["state", "unfinished_since", "said", "day"])
        has_tombstones = items.pop(self.tombstones.mark, None) is not None
        known = {
            by_pk[pk]: Known(
                state=State(item["state"]),
                unfinished="unfinished_since" in item,
                said=item.get("said"),
                day=date.fromisoformat(day_in(item)) if "day" in item else None,
            )
            for pk, item in items.items()
        }
        if has_tombstones:
            buried = self.tombstones.of([id_ for id_ in ids if id_ not in known])
            known |= dict.fromkeys(buried, Known(state=State.ERASED, unfinished=False))
        return known

    def known_calls(self, call_ids: Sequence[str]) -> set[str]:
        """Which of these calls are waiting to be looked up already."""
        by_pk = {self._pk("lookup", id_): id_ for id_ in call_ids}
        return {by_pk[pk] for pk in self._table.get_many(list(by_pk), [])}

    def insert_queued(self, recording: Recording, discovered_by: DiscoveredBy) -> Ticket | None:
        """Puts a new recording straight into a lane; None when it is in the ledger already."""
        lease = self.due.new_lease()
        new = _New(state=State.QUEUED, due_ms=lease)
        if not self._insert(recording, discovered_by, new):
            return None
        return Ticket(kind="recording", source=self._source, id=recording.id, lease_ms=lease)

    def insert(self, recording: Recording, discovered_by: DiscoveredBy) -> bool:
        """Puts a new recording as pending (or gone, when the provider says so); False when it is there already.

        A finished one is due since it was recorded, which lets the backlog be read from either end.
        """
        return self._insert(recording, discovered_by, self._as_found(recording))

    def _as_found(self, recording: Recording) -> _New:
        now = to_ms(self._clock.now())
        if recording.readiness is Readiness.GONE:
            reason = recording.note or "the provider lists it as deleted"
            return _New(state=State.GONE, due_ms=None, extra={"reason": reason})
        if recording.readiness is Readiness.NOT_READY:
            due = now + in_ms(FIRST_LOOK_AT_UNFINISHED)
            extra: dict[str, object] = {"unfinished_since": now, "reason": recording.note}
            return _New(state=State.PENDING, due_ms=due, extra=extra)
        recorded = to_ms(recording.recorded_at) if recording.recorded_at else now
        return _New(state=State.PENDING, due_ms=max(min(recorded, now), 0))

    def _insert(self, recording: Recording, discovered_by: DiscoveredBy, new: _New) -> bool:
        item: dict[str, object] = {
            "pk": self._pk("recording", recording.id),
            "kind": "recording",
            "source": self._source,
            "found_at": self._clock.now().isoformat(),
            "discovered_by": discovered_by,
            "said": description_digest(recording),
            **self._story_with((), "found", discovered_by),
            **self._facts(recording),
            **new.extra,
            **self._waits(new),
            "state": new.state.value,
        }
        if new.state is State.QUEUED:
            item["queued"] = 1
        if new.due_ms is None:
            item.pop("link", None)  # a link stands only in what still has to be fetched
        if recording.recorded_at is None and not recording.raw:
            item["described"] = False
            if new.state is State.PENDING:
                item["due_group"] = self.due.group("hints")
        return self._table.put_new(item)

    def _waits(self, new: _New) -> dict[str, object]:
        if new.state in (State.FAILED, State.QUARANTINED):
            return self._index_keys(new.state.value)
        if new.due_ms is None:
            return {}
        group = {State.QUEUED: "queued"}.get(new.state, "retry" if new.extra else "fresh")
        return {"due_at": new.due_ms, "due_group": self.due.group(group)}

    def insert_lookup(self, call: Call, discovered_by: DiscoveredBy, *, due_in: timedelta) -> bool:
        """Notes that a call's recordings are to be looked up; False when that is waiting already."""
        return self._insert_follow_up("lookup", call.call_id, discovered_by, due_in, {"call_id": call.call_id})

    def insert_transcript(self, entry: Entry, *, due_in: timedelta) -> bool:
        """Notes that an archived recording's transcript is to be fetched."""
        facts = {**self._facts(entry.recording), "link": None, "found_at": entry.found_at.isoformat()}
        return self._insert_follow_up("transcript", entry.recording.id, entry.discovered_by, due_in, facts)

    def _insert_follow_up(
        self,
        kind: Kind,
        id_: str,
        discovered_by: DiscoveredBy,
        due_in: timedelta,
        facts: Mapping[str, object],
    ) -> bool:
        now = to_ms(self._clock.now())
        return self._table.put_new(
            {
                "found_at": self._clock.now().isoformat(),
                **facts,
                "day": None,  # follow-ups are not counted
                "pk": self._pk(kind, id_),
                "kind": kind,
                "source": self._source,
                "recording_id": id_,
                "discovered_by": discovered_by,
                "state": State.PENDING.value,
                "unfinished_since": now,
                "due_at": now + in_ms(due_in),
                "due_group": self.due.group("hints" if kind == "lookup" else "retry"),
            }
        )

    def note_ready(self, recording: Recording) -> bool:
        """A listing shows audio for what was unfinished or gone: due now, with the facts of the listing."""
        waits = Equals("state", State.PENDING) & Exists("unfinished_since")
        return self._renew(recording, when=waits | Equals("state", State.GONE))

    def hasten(self, recording_id: str) -> bool:
        """pending and unfinished → due now: an event says that its audio is there. It tells nothing else."""
        return self._hasten(recording_id, {"due_at": to_ms(self._clock.now())}, {})

    def queue_unfinished(self, recording_id: str) -> Ticket | None:
        """As `hasten`, but → queued; None where it was not unfinished."""
        lease = self.due.new_lease()
        put = {"state": State.QUEUED.value, "due_at": lease, "due_group": self.due.group("queued")}
        if not self._hasten(recording_id, put, {"queued": 1}):
            return None
        return Ticket(kind="recording", source=self._source, id=recording_id, lease_ms=lease)

    def _hasten(self, recording_id: str, put: Mapping[str, object], add: Mapping[str, int]) -> bool:
        waits = Equals("state", State.PENDING) & Exists("unfinished_since")
        try:
            remove = ["reason", "unfinished_since", "looks"]
            self._table.update(self._pk("recording", recording_id), put=put, remove=remove, add=add, when=waits)
        except Refused:
            return False
        return True

    def note_change(self, recording: Recording) -> bool:
        """failed → pending with fresh attempts: the provider says something else of it than when it failed."""
        return self._renew(recording, when=Equals("state", State.FAILED))

    def _renew(self, recording: Recording, *, when: Condition) -> bool:
        now = to_ms(self._clock.now())
        try:
            self._table.update(
                self._pk("recording", recording.id),
                put={
                    **_without_day(self._facts(recording)),
                    "said": description_digest(recording),
                    "state": State.PENDING.value,
                    "due_at": now,
                    "due_group": self.due.group("retry"),
                },
                remove=TRIED,
                when=when,
            )
        except Refused:
            return False
        return True

    # working

    def entry(self, ticket: Ticket) -> Entry:
        """The item that the ticket is for. Raises LostLease unless the item is queued under this very lease."""
        item = self._table.get(self._pk(ticket.kind, ticket.id))
        if item is None or item["state"] != State.QUEUED.value or int(item["due_at"]) != ticket.lease_ms:
            raise LostLease
        return entry_of(item)

    def find(self, recording_id: str) -> Entry | None:
        """The recording, in whatever state; None as well when its term is over, though the table holds it yet."""
        item = self._table.get(self._pk("recording", recording_id))
        if item is None or is_over(item, self._clock.now()):
            return None
        return entry_of(item)

    def describe(self, ticket: Ticket, recording: Recording) -> None:
        """Keeps facts that were not known when the item was made (a webhook tells only an id), its day among them."""
        self._move(ticket, put={**self._facts(recording), "said": description_digest(recording), "described": True})

    # reading whole days

    def day(self, day: date) -> list[Entry]:
        """Every recording of one day (UTC) whose term is not over, for counts and reconciliation."""
        now = self._clock.now()
        items = items_of_day(self._table, self._source, day, REPORTED)
        return [entry_of(item) for item in items if not is_over(item, now)]

    def everything(self) -> Iterator[Entry]:
        """Every recording of this source, for a whole export; follow-ups are left out."""
        for item in self._table.scan():
            if item.get("kind") == "recording" and item["source"] == self._source:
                yield entry_of(item)

    def rests(self, recording_id: str, *, in_a_lane_too: bool = False) -> int | None:
        """How often it was put into a lane so far; None while it or its transcript is in one, whose worker may still
        write objects. A transcript that waits is not fetched any more.

        Its tombstone has to stand by then. This comes before its objects go.
        """
        transcript = self._pk("transcript", recording_id)
        out_of_lanes = OneOf("state", _states(in_a_lane_too=in_a_lane_too))
        if self._table.get(transcript) and not self._table.delete(transcript, when=out_of_lanes):
            return None
        item = self._table.get(self._pk("recording", recording_id)) or {}
        in_a_lane = item.get("state") == State.QUEUED.value and not in_a_lane_too
        return None if in_a_lane else int(item.get("queued", 0))

    def erase(self, recording_id: str, *, in_a_lane_too: bool = False, queued: int | None = None) -> bool:
        """Deletes the item and its look-up, unless a case holds it or it is in a lane; whether it is gone.

        Its objects have to be gone: this comes last. With `queued`, which `rests` told, it stays if it was in a lane
        since, for then it may have objects again.
        """
        pk = self._pk("recording", recording_id)
        item = self._table.get(pk)
        if item is None:
            return True
        when: Condition = OneOf("state", _states(in_a_lane_too=in_a_lane_too)) & Missing("held")
        if queued is not None:
            when &= unchanged("queued", queued or None)
        if not self._table.delete(pk, when=when):
            return self._table.get(pk) is None
        follow_ups = [("transcript", recording_id), *([("lookup", item["call_id"])] if "call_id" in item else [])]
        for kind, id_ in follow_ups:
            self._table.delete(pk_of(self._source, str(id_), kind), when=Exists("pk"))
        return True

    def restore(self, entry: Entry, *, new: bool = False) -> bool:
        """Puts back a recording that the archive, or an export, shows; False when it is in the ledger already.

        False as well for one that was erased. Programs hear of it only where it is `new` to the archive.
        """
        if self.tombstones.of([entry.recording.id]):
            return False
        recording, stored = entry.recording, entry.stored
        story = entry.story or [event(entry.found_at.timestamp(), "found", entry.discovered_by)]
        extra: dict[str, object] = {
            "reason": entry.reason,
            "accepted": entry.accepted or None,
            "restored": None if new else True,
            "said": None,  # an export does not hold what the provider said of it
            "story": [list(each) for each in story],
            "metadata_sha256": entry.metadata_sha256,
            **to_item(entry, ENTRY),
        }
        if stored is not None:
            extra |= stored.to_item()
        waits = entry.state in (State.PENDING, State.QUEUED)
        state = State.PENDING if waits else entry.state
        extra["day"] = f"{self._source}#{entry.day.isoformat()}"
        due = to_ms(self._clock.now()) if waits else None
        return self._insert(recording, entry.discovered_by, _New(state=state, due_ms=due, extra=extra))

    def keep_retention(self, retention: timedelta | None) -> None:
        """Notes how long the provider keeps recordings."""
        seconds = round(retention.total_seconds()) if retention else None
        self._table.update(f"{self._source}#retention", put={"seconds": seconds or 0})

    def retention(self) -> timedelta | None:
        """How long the provider keeps recordings; None where nobody knows."""
        item = self._table.get(f"{self._source}#retention") or {}
        seconds = int(item.get("seconds", 0))
        return timedelta(seconds=seconds) if seconds else None

    # items

    def _facts(self, recording: Recording) -> dict[str, object]:
        return facts_of(recording, source=self._source, found_on=self._clock.now().date())


def _states(*, in_a_lane_too: bool) -> tuple[str, ...]:
    return tuple(state.value for state in State if in_a_lane_too or state is not State.QUEUED)


def _without_day(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if name != "day"}
