"""Which days of the ledger get their terms next, so that no day is read more often than something of it changes.

A day is looked at when the term of the first thing archived on it comes near, and again whenever the last look said so:
something was archived later, waits, or is on hold. When the deployment's term changes, all days are looked at anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice

from functions.archiver.clock import Clock
from functions.archiver.ledger.conditions import Equals
from functions.archiver.ledger.table import Refused, Table
from functions.archiver.ledger.terms import AHEAD, Terms, plan_of
from functions.archiver.ledger.totals import Totals

_DAY = timedelta(days=1)
_SAVED_AT_ONCE = 50
"""Days whose next look is noted in one write, which may be no longer than 4 KB."""

MAX_DAYS = 400
"""The most days looked at in one run."""


@dataclass(kw_only=True)
class _Plan:
    """Days are ordinals. `until` is the last one that was looked at under the present term, `touched` under any, and
    `again` says when a day is due once more.
    """

    until: int
    touched: int
    again: dict[int, int]


class Expiring:
    """The days of one source. `settled` is how long new recordings of a day may still turn up."""

    def __init__(
        self,
        table: Table,
        *,
        source: str,
        clock: Clock,
        days: int | None,
        retention: Callable[[], timedelta | None],
        totals: Totals,
        settled: timedelta,
    ) -> None:
        self._table = table
        self._pk = plan_of(source)
        self._clock = clock
        self._days = days
        self._terms = Terms(table, source=source, clock=clock, days=days, retention=retention)
        self._totals = totals
        self._settled = settled

    def run(self, start: date, listed_until: datetime, has_time: Callable[[], bool]) -> int:
        """Looks at the days that are due, as far as time allows; how many. The next run goes on."""
        today = self._clock.now().date()
        plan = self._read(start.toordinal() - 1, today.toordinal())
        last = max(self._horizon(today), plan.touched)
        due = islice(_due(plan, today.toordinal(), min(last, listed_until.date().toordinal())), MAX_DAYS)
        done = 0
        while has_time():
            looked = {
                day: self._look(day, today, was_planned=day in plan.again)
                for day in islice(due, _SAVED_AT_ONCE)
                if has_time()
            }
            if not looked or not self._save(plan, looked):
                break  # all is done, or somebody has asked for earlier days meanwhile
            done += len(looked)
        return done

    def _horizon(self, today: date) -> int:
        """No term of later days comes near, because nothing is archived before it is recorded."""
        return (min(today, today - timedelta(days=self._days) + AHEAD)).toordinal() if self._days else 0

    def _read(self, before: int, today: int) -> _Plan:
        """The plan; a new one, of every day, under a term that is new."""
        item = self._table.get(self._pk) or {"touched": today}
        again = {int(name[1:]): int(when) for name, when in item.items() if _is_day(name)}
        plan = _Plan(until=int(item.get("until", before)), touched=int(item["touched"]), again=again)
        if item.get("days") != (self._days or 0):
            plan.until = before
            put = {"days": self._days or 0, "until": plan.until, "touched": plan.touched}
            self._table.update(self._pk, put=put)
        return plan

    def _look(self, ordinal: int, today: date, *, was_planned: bool) -> int | None:
        day = date.fromordinal(ordinal)
        again = self._terms.look(day)
        if self._days and day > today - self._settled - _DAY:
            again = min(again or date.max, today + _DAY)
        elif was_planned:  # something of it may have expired
            self._totals.keep({day: self._totals.look(day, self._clock.now())})
        return again.toordinal() if again else None

    def _save(self, plan: _Plan, looked: Mapping[int, int | None]) -> bool:
        """False when the plan was set back by somebody else."""
        until = max(plan.until, *looked)
        put = {f"d{day}": when for day, when in looked.items()}
        put |= {"until": until, "touched": max(plan.touched, until)}
        try:
            self._table.update(self._pk, put=put, when=Equals("until", plan.until))
        except Refused:
            return False
        plan.until = until
        return True


def _due(plan: _Plan, today: int, last: int) -> Iterator[int]:
    yield from sorted(day for day, when in plan.again.items() if when <= today)
    yield from range(plan.until + 1, last + 1)


def _is_day(name: str) -> bool:
    return name[:1] == "d" and name[1:].isdigit()
