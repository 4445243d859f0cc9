"""How long the ledger keeps a recording: `expires_at`, which the table itself acts on.

It is written ahead, from the term of the present deployment, because a term that grew must not come too late: what the
table has removed is gone. The term counts from archiving and ends as S3 ends it, so that item and audio go together.
What is on hold, and what still waits, has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from math import inf
from typing import Any

from functions.archiver.clock import Clock, from_iso, from_ms
from functions.archiver.entry import State
from functions.archiver.ledger.conditions import AtLeast, Condition, Equals, unchanged
from functions.archiver.ledger.story import story_of
from functions.archiver.ledger.table import Item, Refused, Table, items_of_day
from functions.archiver.ledger.tombstones import Tombstones

AHEAD = timedelta(days=30)
"""An end that is farther away is not written yet."""

WHILE_UNDECIDED = timedelta(days=7)
"""How long a day is left alone of which something waits, or is on hold."""

_DAY = timedelta(days=1)
_AGREES_SECONDS = _DAY.total_seconds()
_MARGIN = 7 * _DAY
"""A provider may keep a recording for so much longer than it says."""
_WAITING = (State.PENDING.value, State.QUEUED.value)
_NEEDED = ("recording_id", "state", "archived_at", "found_at", "due_at", "held", "expires_at", "story")


def is_over(item: Mapping[str, Any], now: datetime) -> bool:
    """Whether the item's term is over, though the table holds it yet."""
    return float(item.get("expires_at", inf)) <= now.timestamp()


def ended_at(item: Mapping[str, Any]) -> datetime | None:
    """The beginning of its term: when it was archived, failed or gone. None while it waits."""
    if item["state"] in _WAITING:
        return None
    if "archived_at" in item:
        return from_iso(str(item["archived_at"])).astimezone(UTC)
    if "due_at" in item:  # a failed one, accepted or not
        return from_ms(item["due_at"])
    gone = [seconds for seconds, code, _ in story_of(item.get("story", ())) if code == "gone"]
    return datetime.fromtimestamp(gone[-1], UTC) if gone else from_iso(str(item["found_at"])).astimezone(UTC)


def end_of_term(since: datetime, days: int) -> datetime:
    """When S3 lets an object of that time expire: so many days later, and then at the next midnight UTC."""
    last = (since.astimezone(UTC) + timedelta(days=days)).date() + _DAY
    return datetime(last.year, last.month, last.day, tzinfo=UTC)


def may_come_back(day: date, end: datetime, retention: timedelta | None) -> bool:
    """Whether the provider may still list a recording of that day when its term has ended."""
    if retention is None:
        return True
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY + retention + _MARGIN > end


class Terms:
    """The terms of one source's recordings. `days` is how long they are kept, None for ever; `retention` how long the
    provider keeps them, None where nobody knows.
    """

    def __init__(
        self,
        table: Table,
        *,
        source: str,
        clock: Clock,
        days: int | None,
        retention: Callable[[], timedelta | None],
    ) -> None:
        self._table = table
        self._source = source
        self._clock = clock
        self._days = days
        self._retention = retention
        self._tombstones = Tombstones(table, source=source, clock=clock)

    def look(self, day: date) -> date | None:
        """Gives every recording of the day the term that it has by now, and those that may be listed later a tombstone.

        Repeated, it changes nothing. When somebody has to look again; None for never.
        """
        now, retention = self._clock.now(), cache(self._retention)
        items = items_of_day(self._table, self._source, day, _NEEDED)
        nexts = (self._decide(day, item, now, retention) for item in items)
        soonest = min(filter(None, nexts), default=None)
        return soonest.date() if soonest else None

    def _decide(
        self, day: date, item: Item, now: datetime, retention: Callable[[], timedelta | None]
    ) -> datetime | None:
        """Writes the item's term where it is due; when somebody has to look again."""
        since = ended_at(item)
        if "held" in item or since is None:
            undecided = self._write(item, None)
            return now + (WHILE_UNDECIDED if undecided else _DAY) if self._days else None
        if self._days is None:
            return None if self._write(item, None) else now + _DAY
        end = end_of_term(since, self._days)
        if end > now + AHEAD:
            return end - AHEAD if self._write(item, None, unless=end) else now + _DAY
        if item["state"] != State.GONE.value and may_come_back(day, end, retention()):
            self._tombstones.bury(str(item["recording_id"]), day, "expired")
        return max(end, now) + _DAY if self._write(item, int(end.timestamp()), unless=end) else now + _DAY

    def _write(self, item: Item, expires_at: int | None, *, unless: datetime | None = None) -> bool:
        """False when somebody else has just changed the item. `unless` it says so already, about."""
        told = item.get("expires_at")
        if told == expires_at:
            return True
        if told is not None and unless and abs(float(told) - unless.timestamp()) <= _AGREES_SECONDS:
            return True
        try:
            self._table.update(str(item["pk"]), put={"expires_at": expires_at}, when=_unchanged(item))
        except Refused:
            return False
        return True


def look_again_from(table: Table, source: str, day: date) -> None:
    """More was found, or put, into days from this one on: they get their terms anew."""
    before = day.toordinal() - 1
    try:
        table.update(plan_of(source), put={"until": before}, when=AtLeast("until", before + 1))
    except Refused:
        return  # no look has come so far


def plan_of(source: str) -> str:
    """The key of the item that says which days were looked at."""
    return f"{source}#terms"


def _unchanged(item: Item) -> Condition:
    """Its state is the same, and nobody has put it on hold meanwhile or revived it."""
    due_at = int(item["due_at"]) if "due_at" in item else None
    return Equals("state", item["state"]) & unchanged("held", item.get("held")) & unchanged("due_at", due_at)
