"""The ways out of `queued`: each asks for the lease that the message carried, so a late message changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from functions.archiver.attributes import RECORDING, to_item
from functions.archiver.clock import Clock, iso, to_ms
from functions.archiver.entry import Entry, Kind, State, Stored, Ticket
from functions.archiver.ledger.conditions import Condition, Equals, Exists
from functions.archiver.ledger.due import Due
from functions.archiver.ledger.items import pk_of
from functions.archiver.ledger.story import Code, Event, event, with_event
from functions.archiver.ledger.table import Item, Refused, Table

_WAITING = ("due_at", "due_group")
_UNTIL_ARCHIVED = (
    "noted",
    "said",
    "accepted",
    "reason",
    "raw",
    "link",
    "claims",
    "missing_since",
    "not_before",
    "unfinished_since",
    "looks",
    "expires_at",
)

HAS_TRANSCRIPT: Mapping[str, object] = {"has_transcript": True}
"""Stored in the item, because searches ask for it."""

Story = Sequence[Event] | None
"""The events of an item, for a caller that has read it; None where it was not read, and then no event is added."""


class LostLease(Exception):
    """The item is no longer this ticket's: another message owns it, or it is finished."""


class Transitions:
    """Transitions of an item that somebody holds; `due` are those that wait."""

    def __init__(self, table: Table, *, source: str, clock: Clock) -> None:
        self._table = table
        self._source = source
        self._clock = clock
        self.due = Due(table, source=source, clock=clock)

    def note(self, ticket: Ticket, about_to_write: Stored) -> None:
        """Notes which bytes are written next, so that a later attempt can tell its own object from any other."""
        self._move(ticket, put={"noted": about_to_write.to_item()})

    def mark_archived(
        self,
        ticket: Ticket,
        stored: Stored,
        *,
        story: Story = None,
        written: Entry | None = None,
        has_transcript: bool = False,
    ) -> bool:
        """queued → archived. The last thing that happens to a recording, after the archive holds it verified.

        `written` is the entry as its sidecar tells it, which may be more than was known before. Whether a case holds
        the recording by now.
        """
        item = self._move(
            ticket,
            put={
                "state": State.ARCHIVED.value,
                **self._written(written),
                **stored.to_item(),
                **self._story_with(story, "archived"),
                **(HAS_TRANSCRIPT if has_transcript else {}),
            },
            remove=[*_WAITING, *_UNTIL_ARCHIVED],
        )
        return "held" in item

    def _written(self, written: Entry | None) -> dict[str, object]:
        """The facts of a sidecar, so that the ledger says the same, and its digest."""
        if written is None:
            return {"archived_at": iso(self._clock.now())}
        return {
            **to_item(written.recording, RECORDING),
            "archived_at": iso(written.archived_at or self._clock.now()),
            **({"metadata_sha256": written.metadata_sha256} if written.metadata_sha256 else {}),
        }

    def note_transcript(self, recording_id: str, *, metadata_sha256: str | None = None, there: bool = True) -> bool:
        """The provider is done with the transcript of an archived recording, later than with its audio.

        `there`: the archive holds it. `metadata_sha256` is the digest of the sidecar that says so. Whether a case holds
        the recording by now.
        """
        put = {**({"metadata_sha256": metadata_sha256} if metadata_sha256 else {}), **(HAS_TRANSCRIPT if there else {})}
        try:
            item = self._table.update(self._pk("recording", recording_id), put=put, when=Exists("archived_at"))
        except Refused:
            return False  # it is no longer archived, and its transcript is of no use
        return "held" in item

    def mark_quarantined(
        self,
        ticket: Ticket,
        stored: Stored,
        reason: str,
        *,
        story: Story = None,
        written: Entry | None = None,
    ) -> bool:
        """queued → quarantined: the provider keeps serving bytes of no known kind, and the archive holds them.

        Whether a case holds it by now.
        """
        put = {
            "state": State.QUARANTINED.value,
            "reason": reason,
            **self._written(written),
            **stored.to_item(),
            **self._index_keys("quarantined"),
            **self._story_with(story, "quarantined", reason),
        }
        return "held" in self._move(ticket, put=put, remove=["link", "noted", "expires_at"])

    def mark_gone(self, ticket: Ticket, reason: str, *, story: Story = None) -> None:
        """queued → gone: the provider no longer has it."""
        put = {"state": State.GONE.value, "reason": reason, **self._story_with(story, "gone", reason)}
        self._move(ticket, put=put, remove=[*_WAITING, "link"])

    def mark_failed(self, ticket: Ticket, reason: str, *, attempts: int = 0, story: Story = None) -> None:
        """queued → failed: a person has to look. `attempts` more are booked."""
        put = {
            "state": State.FAILED.value,
            "reason": reason,
            **self._index_keys("failed"),
            **self._story_with(story, "failed", reason),
        }
        self._move(ticket, put=put, remove=["link"], add={"attempts": attempts})

    def _index_keys(self, group: str) -> dict[str, object]:
        """Puts the item into the group of the index `due` that people look at, by the time at which it ended."""
        return {"due_group": self.due.group(group), "due_at": to_ms(self._clock.now())}

    def _story_with(self, story: Story, code: Code, detail: str | None = None) -> dict[str, object]:
        """The story with one event more; nothing where the caller has not read the item."""
        if story is None:
            return {}
        return {"story": [list(each) for each in with_event(story, event(self._seconds(), code, detail))]}

    def _seconds(self) -> float:
        return self._clock.now().timestamp()

    def mark_rejected(self, ticket: Ticket, reason: str, *, due_in: timedelta, story: Story = None) -> None:
        """queued → pending, one attempt more; its link, if it had one, is not trusted again."""
        told = self._story_with(story, "tried", reason)
        self._postpone(ticket, reason, due_in, add={"attempts": 1}, remove=["link"], put=told)

    def mark_not_ready(self, ticket: Ticket, reason: str, *, due_in: timedelta) -> None:
        """queued → pending: its audio is not there yet."""
        self._postpone(ticket, reason, due_in, first="unfinished_since", add={"looks": 1})

    def mark_missing(self, ticket: Ticket, reason: str, *, due_in: timedelta) -> None:
        """queued → pending: the provider answered 404, which proves nothing yet."""
        self._postpone(ticket, reason, due_in, first="missing_since")

    def release(
        self,
        ticket: Ticket,
        reason: str,
        *,
        due_in: timedelta,
        trouble: bool = False,
        asked_for: timedelta = timedelta(),
    ) -> None:
        """queued → pending for a reason that is not the recording's; `trouble` counts it as the source's.

        `asked_for` is the part of `due_in` that a host has asked for: nobody looks past it.
        """
        put = {"not_before": to_ms(self._clock.now()) + in_ms(asked_for)} if asked_for else {}
        self._postpone(ticket, reason, due_in, add={"troubles": 1} if trouble else {}, put=put)

    def book_death(self, ticket: Ticket) -> int:
        """Books one attempt for a run that died with this item, before a byte is fetched; how many deaths now."""
        return int(self._move(ticket, put={}, add={"attempts": 1, "deaths": 1})["deaths"])

    def finish_follow_up(self, ticket: Ticket) -> None:
        """Deletes a lookup or transcript follow-up that is resolved or past its deadline."""
        if not self._table.delete(self._pk(ticket.kind, ticket.id), when=_holds(ticket)):
            raise LostLease

    def _postpone(
        self,
        ticket: Ticket,
        reason: str,
        due_in: timedelta,
        *,
        add: Mapping[str, int] | None = None,
        remove: Sequence[str] = (),
        put: Mapping[str, object] | None = None,
        first: str | None = None,
    ) -> None:
        now = to_ms(self._clock.now())
        put = {
            **(put or {}),
            "state": State.PENDING.value,
            "reason": reason,
            "due_at": now + in_ms(due_in),
            "due_group": self.due.group("hints" if ticket.kind == "lookup" or ticket.hinted else "retry"),
        }
        if first:
            item = self._table.get(self._pk(ticket.kind, ticket.id)) or {}
            put[first] = item.get(first, now)
        self._move(ticket, put=put, add=add, remove=remove)

    def _move(
        self,
        ticket: Ticket,
        *,
        put: Mapping[str, object],
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
    ) -> Item:
        pk = self._pk(ticket.kind, ticket.id)
        try:
            return self._table.update(pk, put=put, remove=remove, add=add, when=_holds(ticket))
        except Refused:
            raise LostLease from None

    def _pk(self, kind: Kind, id_: str) -> str:
        return pk_of(self._source, id_, kind)


def _holds(ticket: Ticket) -> Condition:
    return Equals("state", State.QUEUED) & Equals("due_at", ticket.lease_ms)


def in_ms(span: timedelta) -> int:
    """A span of time in milliseconds."""
    return round(span.total_seconds() * 1000)
