"""Items that wait in the ledger: which are due, in which order, and how one of them gets into the lanes."""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.archiver.clock import Clock, from_ms, to_ms
from functions.archiver.entry import State, Ticket, Waiting
from functions.archiver.ledger.conditions import Equals, KeyRange, OneOf
from functions.archiver.ledger.table import Item, Refused, Table

LEASE = timedelta(hours=1)
"""How long a queued item is left alone before it counts as lost and becomes due again."""

_GROUPS = ("fresh", "retry", "hints", "queued")


class Due:
    """The items of one source that wait, by when they are due: `fresh` ones, those to try again, those in the lanes,
    and `hints`: what an event alone names, and calls to be looked up. Anybody may have made up what nobody described.
    """

    def __init__(self, table: Table, *, source: str, clock: Clock) -> None:
        self._table = table
        self._source = source
        self._clock = clock

    def group(self, name: str) -> str:
        """The `due_group` of an item."""
        return f"{self._source}#{name}"

    def new_lease(self) -> int:
        """The `due_at` of an item that is queued now: when its lease ends, in milliseconds."""
        return to_ms(self._clock.now()) + round(LEASE.total_seconds() * 1000)

    def in_flight(self) -> int:
        """How many items are queued and their lease has not lapsed."""
        return self._table.count("due", KeyRange(self.group("queued"), at_least=self._now() + 1))

    def waiting(self, limit: int) -> list[Waiting]:
        """Up to `limit` items to put into the lanes: lapsed leases and retries first, then of the waiting backlog three
        parts oldest to one part newest, so that neither what the provider deletes first nor today starves.

        A quarter is kept for hints; of what the others leave free they get up to a half of all.
        """
        now = self._now()
        found: dict[str, Waiting] = {}

        def take(group: str, most: int, *, newest_first: bool = False) -> None:
            if most > 0:
                key = KeyRange(self.group(group), at_most=now)
                for item in self._table.query("due", key, limit=most, newest_first=newest_first):
                    found.setdefault(item["pk"], Waiting(pk=item["pk"], due_ms=int(item["due_at"])))

        def quarter(of: int) -> int:
            # What does not divide by four goes round with the minutes, so that a room for one serves it as well.
            return (of + now // 60_000 % 4) // 4

        take("queued", limit)
        take("hints", min(quarter(limit), limit - len(found)))
        take("retry", limit - len(found))
        room = limit - len(found)
        newest = quarter(room)
        take("fresh", room - newest)
        take("fresh", newest, newest_first=True)
        take("hints", min(limit - len(found), limit // 2))
        return list(found.values())[:limit]

    def is_late(self, group: str, by: timedelta) -> bool:
        """Whether something of the group has waited for so long since it was due."""
        until = self._now() - round(by.total_seconds() * 1000)
        return bool(self._first(group, until))

    def oldest_waiting(self) -> datetime | None:
        """Since when the longest waiting of all due items has been due; None when nothing is."""
        return self._earliest(until=self._now())

    def count(self) -> int:
        """How many items wait, whatever for and since when. Reads all of their keys: not for every minute."""
        return sum(self._table.count("due", KeyRange(self.group(name))) for name in _GROUPS)

    def next_at(self) -> datetime | None:
        """When the next item becomes due, be it due already; None when nothing waits."""
        return self._earliest(until=None)

    def _earliest(self, *, until: int | None) -> datetime | None:
        firsts = [item for name in _GROUPS for item in self._first(name, until)]
        return from_ms(min(int(item["due_at"]) for item in firsts)) if firsts else None

    def _first(self, group: str, until: int | None) -> list[Item]:
        return self._table.query("due", KeyRange(self.group(group), at_most=until), limit=1)

    def mark_queued(self, waiting: Waiting) -> Ticket | None:
        """pending, or queued with a lapsed lease → queued with a new lease. None when somebody else was first."""
        lease = self.new_lease()
        try:
            item = self._table.update(
                waiting.pk,
                put={"state": State.QUEUED.value, "due_at": lease, "due_group": self.group("queued")},
                add={"queued": 1},
                when=OneOf("state", (State.PENDING, State.QUEUED)) & Equals("due_at", waiting.due_ms),
            )
        except Refused:
            return None
        return Ticket(kind=item["kind"], source=self._source, id=item["recording_id"], lease_ms=lease)

    def _now(self) -> int:
        return to_ms(self._clock.due_now())
