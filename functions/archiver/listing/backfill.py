"""A backfill: a person wants a period listed again, which the ordinary walk has passed or never saw.

The wish is an item of the ledger, `<source>#walk#backfill`; the lister works on it after each ordinary listing, with a
walk of its own, so it is as paced and as resumable as any other and never delays today's recordings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from functions.archiver.clock import from_iso, iso
from functions.archiver.ledger.conditions import Equals, Exists, Missing
from functions.archiver.ledger.table import Refused, Table

WALK = "backfill "
"""A backfill's walk is named so, with the moment at which it was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backfill:
    """What was asked for, by whom and when; `ended` is `done` or `cancelled`, None while it goes on."""

    start: datetime
    end: datetime
    by: str
    asked_at: datetime
    ended: str | None = None

    @property
    def walk_name(self) -> str:
        """Of its walk among the lister's cursors."""
        return f"{WALK}{iso(self.asked_at)}"


class Backfills:
    """The backfill of one source: there is one at a time."""

    def __init__(self, table: Table, *, source: str) -> None:
        self._table = table
        self._pk = f"{source}#walk#backfill"

    def latest(self) -> Backfill | None:
        """The one that goes on, or the last one that ended."""
        item = self._table.get(self._pk)
        if item is None:
            return None
        return Backfill(
            start=from_iso(item["walk_from"]),
            end=from_iso(item["walk_to"]),
            by=item["walk_by"],
            asked_at=from_iso(item["walk_asked_at"]),
            ended=item.get("walk_ended"),
        )

    def ask(self, wanted: Backfill) -> bool:
        """Notes the wish; False while another one goes on."""
        put = {
            "walk_from": iso(wanted.start),
            "walk_to": iso(wanted.end),
            "walk_by": wanted.by,
            "walk_asked_at": iso(wanted.asked_at),
        }
        try:
            free = Missing("walk_asked_at") | Exists("walk_ended")
            self._table.update(self._pk, put=put, remove=["walk_ended"], when=free)
        except Refused:
            return False
        return True

    def end(self, backfill: Backfill, how: str) -> bool:
        """Ends just this one; False where it has ended already."""
        same = Equals("walk_asked_at", iso(backfill.asked_at)) & Missing("walk_ended")
        try:
            self._table.update(self._pk, put={"walk_ended": how}, when=same)
        except Refused:
            return False
        return True
