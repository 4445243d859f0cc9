"""A day of a report as one cell of a table: a sign, a count, and the same in spoken words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from functions.archiver.lazy_dataclass import dataclass

SIGNS = {
    "complete": "✓",
    "in work": "~",
    "missing": "!",
    "unclean": "?",
    "altered": "↯",
    "today": "…",
    "not looked": "–",
    "gone": "×",
}
"""By the day's state; `gone` marks a complete day of which the provider deleted something before it was archived."""

LEGEND = (
    "✓ complete  ~ in work  ! missing  ? not read cleanly\n"
    "↯ altered  … today  – not looked  × deleted at provider first"
)

_OF_WHICH = {"in work": ("in_work",), "missing": ("missing",), "altered": ("altered", "foreign"), "gone": ("gone",)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """`text` is a sign with what matters of the day's count, `spoken` the same for ears."""

    state: str
    text: str
    spoken: str


def cell_of(day: Mapping[str, Any]) -> Cell:
    """The cell of a day as `recordings.report/1` has it."""
    state = str(day["state"])
    if state == "complete" and day.get("gone"):
        state = "gone"
    if state == "not looked":
        return Cell(state=state, text=f"{SIGNS[state]} no report", spoken=f"{day['date']}: not looked at")
    listed = int(day["listed"])
    part = sum(int(day.get(name, 0)) for name in _OF_WHICH[state]) if state in _OF_WHICH else None
    count = f"{part}/{listed}" if part is not None else str(listed)
    facts = [f"{listed} listed", f"{day['archived']} archived"]
    facts += [
        f"{day[name]} {name.replace('_', ' ')}"
        for name in (
            *("in_work", "missing", "failed", "gone", "altered", "foreign", "quarantined", "accepted"),
            "deleted_at_source",
        )
        if day.get(name)
    ]
    return Cell(state=state, text=f"{SIGNS[state]} {count}", spoken=f"{day['date']}: {', '.join(facts)}")


def not_looked(day: date) -> dict[str, Any]:
    """A day that no report speaks of: that is not a day without calls."""
    return {"date": day.isoformat(), "state": "not looked"}


def deletes_on(day: date, retention: timedelta | None) -> date | None:
    """When the provider begins to delete what was recorded on a day; None where nobody knows."""
    return day + retention if retention else None


def archived_by_day(rows: Iterable[Iterable[Mapping[str, Any]]]) -> Counter[str]:
    """How many recordings of each day are archived, of all sources together, by the day's date."""
    found: Counter[str] = Counter()
    for days in rows:
        for day in days:
            found[str(day["date"])] += int(day.get("archived", 0))
    return found
