"""Where the deletion at a source stands: what the present round may still do, and what the last one came to.

A round begins once a day. The very first one of a source, and the first one with a shorter waiting time, is a
rehearsal: it does everything but delete, and says what would go.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from functions.archiver.clock import from_iso, iso
from functions.archiver.ledger.table import Table
from functions.archiver.listing.cursors import CursorStore

EVERY = timedelta(hours=20)
"""Less than a day, so that a schedule that fires hourly makes one round a day."""

ATTRIBUTE = "round"


@dataclass(kw_only=True, slots=True)
class Round:
    """One round. `days` are still to be looked at, `limit` is how many recordings may go.

    `eligible` counts those that may go and have not gone yet: all of a rehearsal, else what the limit left. `left`
    counts what stays by its reason. `stopped` says what looked wrong. Of `touched` days something was deleted.
    `to_confirm` are those of the round before: the source must not list any more what it said it had deleted, before
    anything else goes. `older` is where the walk through the days long ago goes on.
    """

    begun_at: datetime
    after_days: int
    limit: int
    rehearsal: bool
    days: list[date] = field(default_factory=list)
    ended_at: datetime | None = None
    deleted: int = 0
    gone: int = 0
    eligible: int = 0
    left: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
    touched: list[date] = field(default_factory=list)
    to_confirm: list[date] = field(default_factory=list)
    older: date | None = None

    @property
    def is_rehearsed(self) -> bool:
        """Whether it may be followed by one that deletes."""
        return not self.rehearsal or (self.ended_at is not None and self.stopped is None)

    @property
    def room(self) -> int:
        """How many may still go."""
        return max(self.limit - self.deleted - (self.eligible if self.rehearsal else 0), 0)

    def dump(self) -> str:
        """As JSON text."""
        document = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(document, separators=(",", ":"), default=_plain)

    @classmethod
    def load(cls, text: str) -> Round:
        """Reads the text that `dump` made."""
        fields: dict[str, Any] = json.loads(text)
        for name in ("begun_at", "ended_at"):
            fields[name] = from_iso(fields[name]) if fields[name] else None
        for name in ("days", "touched", "to_confirm"):
            fields[name] = [date.fromisoformat(day) for day in fields[name]]
        fields["older"] = date.fromisoformat(fields["older"]) if fields["older"] else None
        return cls(**{**fields, "left": Counter(fields["left"])})

    def document(self) -> dict[str, Any]:
        """For a person."""
        return {
            "at": iso(self.ended_at or self.begun_at),
            "rehearsal": self.rehearsal,
            "deleted": self.deleted,
            "gone": self.gone,
            "eligible": self.eligible,
            "limit": self.limit,
            "left": dict(sorted(self.left.items())),
            "stopped": self.stopped,
        }


class Book:
    """The round of the source whose lease `cursors` hold."""

    def __init__(self, cursors: CursorStore) -> None:
        self._cursors = cursors
        self.round = round_in(cursors.beside)

    def save(self) -> None:
        """Raises LeaseLost."""
        assert self.round is not None
        self._cursors.note({ATTRIBUTE: self.round.dump()})


def round_in(item: Mapping[str, Any]) -> Round | None:
    """The round that the sweeper's item notes."""
    return Round.load(item[ATTRIBUTE]) if ATTRIBUTE in item else None


def last_round(table: Table, source: str) -> Round | None:
    """The present round of a source, or its last one, for whoever only looks."""
    return round_in(table.get(f"{source}#sweeper") or {})


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
