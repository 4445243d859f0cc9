"""How many requests of a kind a day still allows, in an item of its own beside the source's pace."""

from __future__ import annotations

from datetime import timedelta

from functions.archiver.clock import Clock
from functions.archiver.errors import Closed
from functions.archiver.ledger.conditions import AtMost, Condition, Equals, Missing
from functions.archiver.ledger.table import Refused, Table
from functions.archiver.provider.declaration import Limit


class DayBudget:
    """Limits the requests of one kind in a UTC day, over all functions together."""

    def __init__(self, table: Table, *, source: str, limit: Limit, clock: Clock) -> None:
        self._table = table
        self._source = source
        self._pk = f"{source}#pace#{limit.kinds[0]}#day"
        self._per_day = limit.per_day
        self._clock = clock

    def book(self, kind: str) -> None:
        """Counts one request. Raises Closed, until midnight, when the budget of the day is used up."""
        if self._per_day is None:
            return
        now = self._clock.now()
        today = now.toordinal()
        if self._counted({}, 1, Equals("day", today) & AtMost("used", self._per_day - 1)):
            return
        if self._counted({"day": today, "used": 1}, 0, Missing("day") | AtMost("day", today - 1)):
            return
        if self._counted({}, 1, Equals("day", today) & AtMost("used", self._per_day - 1)):
            return  # somebody else has begun the day just now
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        raise Closed(f"{self._source} has made the {self._per_day} {kind} requests of the day", until=midnight)

    def _counted(self, put: dict[str, object], more: int, when: Condition) -> bool:
        try:
            self._table.update(self._pk, put=put, add={"used": more} if more else None, when=when)
        except Refused:
            return False
        return True
