"""How many recordings a source has in each end state, without counting them one by one.

What waits, failed or is otherwise open is counted live: the index `due` has it. Of the archived, gone and erased the
reconciler keeps totals, a small item for each month with a figure for each day: `<source>#totals#2026-11`. The item
`<source>#totals` says where they begin and how fresh they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from functions.archiver.clock import from_iso, iso
from functions.archiver.entry import State
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.conditions import KeyRange
from functions.archiver.ledger.due import Due
from functions.archiver.ledger.table import Item, Table, items_of_day
from functions.archiver.ledger.terms import is_over, look_again_from
from functions.archiver.ledger.tombstones import count_buried

SETTLED: Final = ("archived", "gone", "erased")
_OPEN = (State.FAILED, State.QUARANTINED, State.ALTERED, State.ABSENT)
_WAITING = ("fresh", "retry", "hints", "queued")


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Counts of one source by name: archived, waiting, gone, failed, accepted, quarantined, altered, absent, erased.

    `as_of` is when the archived, gone and erased ones of days before today were counted; None when not yet.
    """

    numbers: Mapping[str, int]
    as_of: datetime | None


class Totals:
    """The totals of one source."""

    def __init__(self, table: Table, *, source: str) -> None:
        self._table = table
        self._source = source

    def count(self, due: Due, today: date) -> Counts:
        """All counts: those of the totals, the open ones live, and today's by reading today's items."""
        head = self._head()
        numbers = Counter(dict.fromkeys(("archived", "waiting", "gone", *_names(), "erased"), 0))
        as_of = from_iso(str(head["as_of"])) if head and "as_of" in head else None
        since = as_of.date() if as_of else today
        for day, counted in self._days(head, today):
            if day < since:
                numbers.update({name: counted[name] for name in SETTLED})
        for day in _every_day(since, today):
            numbers.update({name: self.look(day)[name] for name in SETTLED})
        recordings = f"{self._source}#recording#"
        for group in _WAITING:
            numbers["waiting"] += self._table.count("due", KeyRange(due.group(group)), prefix=recordings)
        for name in _names():
            numbers[name] = self._table.count("due", KeyRange(due.group(name)))
        return Counts(numbers=numbers, as_of=as_of)

    def archived(self, first: date, last: date) -> int:
        """How many recordings of these days are archived, by their totals."""
        days = self._days({"first": f"{first:%Y-%m}"}, last)
        return sum(counted["archived"] for day, counted in days if first <= day <= last)

    def look(self, day: date, now: datetime | None = None) -> Counter[str]:
        """The recordings of a day by state, read one by one, and how many were erased.

        Without those whose term is over at `now`, though the table holds them yet.
        """
        items = items_of_day(self._table, self._source, day, ["state", "accepted", "expires_at"])
        kept = (item for item in items if now is None or not is_over(item, now))
        found = Counter("accepted" if "accepted" in item else str(item["state"]) for item in kept)
        if erased := count_buried(self._table, self._source, day):
            found["erased"] = erased
        return found

    def keep(self, days: Mapping[date, Mapping[str, int]], *, as_of: datetime | None = None) -> None:
        """Notes the totals of days; one write a month, and one for the head. `as_of`: all of them are as fresh now."""
        if not days:
            return
        months: dict[str, dict[str, object]] = {}
        for day, counted in days.items():
            figures = {name: counted.get(name, 0) for name in SETTLED}
            still_open = sum(number for name, number in counted.items() if name not in (*SETTLED, "accepted"))
            months.setdefault(f"{day:%Y-%m}", {})[f"d{day:%d}"] = {**figures, "open": still_open}
        for month, put in months.items():
            self._table.update(f"{self._source}#totals#{month}", put=put)
        head = self._head() or {}
        first = min(f"{min(days):%Y-%m}", str(head.get("first", "9")))
        fresh = {"as_of": iso(as_of)} if as_of else {}
        self._table.update(f"{self._source}#totals", put={"first": first, **fresh})

    def uncounted(self, first: date, last: date) -> Iterator[tuple[date, bool]]:
        """Days between these two that no totals speak of, with True, or whose totals left some open. Newest first."""
        known = dict(self._days({"first": f"{first:%Y-%m}"}, last))
        for day in reversed(_every_day(first, last)):
            if day not in known or known[day]["open"]:
                yield day, day not in known

    def forget(self, first: date, last: date) -> None:
        """These days are to be counted anew: more was found of them."""
        for month in _months(f"{first:%Y-%m}", last):
            days = [day for day in _every_day(first, last) if f"{day:%Y-%m}" == month]
            self._table.update(f"{self._source}#totals#{month}", put={}, remove=[f"d{day:%d}" for day in days])

    def found_late(self, first: date, last: date, *, window: date) -> None:
        """Recordings were put into these days, which may have been counted and have their terms: both is done again.

        Days from `window` on are left to the reconciler's reports, which count them each day.
        """
        counted = min(last, window - timedelta(days=1))
        if first <= counted:
            self.forget(first, counted)
        look_again_from(self._table, self._source, first)

    def _head(self) -> Item | None:
        return self._table.get(f"{self._source}#totals")

    def _days(self, head: Mapping[str, object] | None, last: date) -> Iterator[tuple[date, Mapping[str, int]]]:
        if not head:
            return
        pks = [f"{self._source}#totals#{month}" for month in _months(str(head["first"]), last)]
        for pk, item in self._table.get_many(pks, [f"d{number:02}" for number in range(1, 32)]).items():
            for name, counted in item.items():
                if name != "pk":
                    day = date.fromisoformat(f"{pk.rpartition('#')[2]}-{name[1:]}")
                    yield day, {kind: int(number) for kind, number in counted.items()}


def _names() -> list[str]:
    return [*(state.value for state in _OPEN), "accepted"]


def _every_day(first: date, last: date) -> Sequence[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _months(first: str, last: date) -> list[str]:
    year, month = int(first[:4]), int(first[5:7])
    found = []
    while (year, month) <= (last.year, last.month):
        found.append(f"{year:04}-{month:02}")
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found
