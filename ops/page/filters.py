"""The search form: what stands in the address, as a query and back, and which filter to loosen when nothing matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ops.index.index import COUNTED, Cursor, Index
from ops.index.query import BadQuery, Query

STATES = ("pending", "queued", "archived", "gone", "failed", "quarantined", "altered", "absent", "erased")
LENGTHS = {"": "any length", "short": "under 10 s", "medium": "10 s to 5 min", "long": "over 5 min", "hour": "over 1 h"}
_SECONDS: Mapping[str, tuple[float | None, float | None]] = {
    "short": (None, 10),
    "medium": (10, 300),
    "long": (300, None),
    "hour": (3600, None),
}
NAMES = {
    "q": "the search words",
    "source": "the source",
    "from": "the first day",
    "to": "the last day",
    "direction": "the direction",
    "agent": "the agent",
    "length": "the length",
    "state": "the state",
    "held": "on hold",
    "transcript": "has a transcript",
}
"""The filters that an address may hold, with their names for people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """The form as it was filled in; `day_from` and `day_to` are days in the archive's zone, both included."""

    q: str = ""
    source: str = ""
    day_from: str = ""
    day_to: str = ""
    direction: str = ""
    agent: str = ""
    length: str = ""
    state: str = ""
    held: str = ""
    transcript: str = ""

    @classmethod
    def read(cls, arguments: Mapping[str, str]) -> Filters:
        """From an address; what it does not know is left out."""
        return cls(**{each.name: arguments.get(_in_address(each.name), "").strip()[:200] for each in fields(cls)})

    def query(self, zone: ZoneInfo) -> Query:
        """As the index takes it. Raises BadQuery for a value that its filter does not have."""
        least, most = _SECONDS[_known("length", self.length, LENGTHS)] if self.length else (None, None)
        return Query(
            words=self.q,
            agent=self.agent,
            source=self.source,
            since=_midnight(self.day_from, zone, 0),
            until=_midnight(self.day_to, zone, 1),
            direction=self.direction,
            state=_known("state", self.state, STATES) if self.state else "",
            min_seconds=least,
            max_seconds=most,
            held=_is_on("held", self.held),
            transcript=_is_on("transcript", self.transcript),
        )

    def address(self, **changes: str) -> str:
        """The search page with these filters, and `changes` on top; an empty one is left out."""
        values = {_in_address(each.name): getattr(self, each.name) for each in fields(self)} | changes
        query = urlencode({name: value for name, value in values.items() if value})
        return f"/?{query}" if query else "/"

    @property
    def used(self) -> list[str]:
        """The names, as in the address, of all filters that narrow."""
        return [_in_address(each.name) for each in fields(self) if getattr(self, each.name)]

    def loosened(self, index: Index, zone: ZoneInfo) -> Iterator[tuple[str, str, int]]:
        """For each filter, without which something matches: its name, the address without it, and how many match."""
        for name in self.used:
            without = Filters.read({used: self._value(used) for used in self.used if used != name})
            count = index.count(without.query(zone))
            if count:
                yield NAMES[name], without.address(), count

    def _value(self, name: str) -> str:
        return str(getattr(self, {"from": "day_from", "to": "day_to"}.get(name, name)))


def count_text(count: int) -> str:
    """How many match, for people: exact up to a thousand."""
    if count > COUNTED:
        return f"more than {COUNTED:,}"
    return f"{count:,}"


def cursor_of(text: str) -> Cursor | None:
    """A place in the list, as an address holds it; None for one that is none."""
    at, _, id_ = text.partition(".")
    return Cursor(int(at), int(id_)) if _is_number(at) and _is_number(id_) else None


def cursor_text(cursor: Cursor) -> str:
    """A place in the list for an address."""
    return f"{cursor.at_ms}.{cursor.id}"


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 19


def _in_address(name: str) -> str:
    return name.removeprefix("day_")


def _known(name: str, value: str, allowed: Iterable[str]) -> str:
    """The value of a filter. Raises BadQuery for another one: left out, it would show more than was asked for."""
    if value not in allowed:
        raise BadQuery(f"{name} {value!r}: allowed are {', '.join(filter(None, allowed))}")
    return value


def _is_on(name: str, value: str) -> bool | None:
    """Of a box that is ticked or not."""
    return bool(_known(name, value, ("1",))) if value else None


def _midnight(text: str, zone: ZoneInfo, days: int) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        return datetime.combine(day, time(), zone)
    except (ValueError, OverflowError):
        raise BadQuery(f"{text!r} is not a day: write it as 2026-11-28") from None
