"""Days by the reconciler's reports in the bucket: for each day the newest report that covers it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from functions.archiver.bucket.bucket import Bucket, NotThere
from functions.archiver.reconciling.cells import not_looked
from functions.archiver.sealing.document import seal_folder
from functions.archiver.vitals import Rate
from ops.shell.output import ExitCode

REQUESTS_EACH = 2
"""A recording takes about so many: one that lists or finds it, one for its audio."""

_FIELDS = (
    *("date", "state", "listed", "ledger", "bucket", "archived", "gone", "failed", "accepted", "quarantined"),
    *("altered", "absent", "erased", "in_work", "missing", "too_slow", "as_of", "report", "seal"),
)
_LOST = ("missing", "deleted")
"""Differences of recordings that were archived: no fetch at the pace brings them back."""

_WELL = ("complete", "today")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One source and its days, oldest first, as `recordings.report/1` has them."""

    source: str
    days: Sequence[Mapping[str, Any]]

    @property
    def to_look_at(self) -> list[Mapping[str, Any]]:
        """Days that are not complete; those before the first one that was ever looked at are no news."""
        first = next((n for n, day in enumerate(self.days) if day["state"] != "not looked"), 0)
        return [day for day in self.days[first:] if day["state"] not in _WELL]

    @property
    def archived(self) -> int:
        """Recordings of all its days that are archived."""
        return sum(int(day.get("archived", 0)) for day in self.days)

    @property
    def changed(self) -> int:
        """Recordings whose bytes are not what they were."""
        return self.count("altered") + self.count("absent")

    def document(self) -> dict[str, Any]:
        """As `recordings.report/1` has it: a day that was not looked at has the same fields, without a value."""
        return {"source": self.source, "days": [{**dict.fromkeys(_FIELDS), **day} for day in self.days]}

    def count(self, state: str) -> int:
        """Recordings of all its days in this state."""
        return sum(int(day.get(state, 0)) for day in self.days)


def row_of(bucket: Bucket, source: str, first: date, last: date, *, today: date) -> Row:
    """The days from `first` to `last`, both included. Reads as few reports as cover them, the newest first."""
    wanted = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    known: dict[str, Mapping[str, Any]] = {}
    names = {day.isoformat() for day in wanted}
    for documents in _newest_first(bucket, source, first, today):
        for document in documents:
            for day in document.get("days", ()):
                if day.get("date") in names and "state" in day:  # reports of before have none
                    known.setdefault(str(day["date"]), day)
        if names <= known.keys():
            break
    seals = newest_seals(bucket, source, first, last)
    days = [known.get(day.isoformat()) or not_looked(day) for day in wanted]
    return Row(source=source, days=[{**day, "seal": seals.get(str(day["date"]))} for day in days])


def newest_seals(bucket: Bucket, source: str, first: date, last: date) -> dict[str, str]:
    """The key of the newest seal by day, for days that are sealed: one listing of each month."""
    keys = [key for month in _months(first, last) for key in bucket.keys(f"{seal_folder(source)}date={month}")]
    return {_date_of(key): key for key in sorted(keys) if key.endswith(".jsonl")}


def _newest_first(bucket: Bucket, source: str, first: date, today: date) -> Iterator[list[dict[str, Any]]]:
    """The reports written since `first`, those of one day together, the newest first."""
    keys = [key for month in _months(first, today) for key in bucket.keys(f"reports/source={source}/date={month}")]
    reports = [key for key in keys if key.endswith(".json") and _date_of(key) >= first.isoformat()]
    for _, of_day in groupby(sorted(reports, key=_date_of, reverse=True), key=_date_of):
        documents = [document for key in of_day if (document := document_of(bucket, key))]
        yield sorted(documents, key=lambda document: str(document.get("generated_at", "")), reverse=True)


def _months(first: date, last: date) -> list[str]:
    return [
        f"{number // 12:04}-{number % 12 + 1:02}"
        for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    ]


def _date_of(key: str) -> str:
    return key.partition("/date=")[2][:10]


def document_of(bucket: Bucket, key: str) -> dict[str, Any] | None:
    """A report; None where it is not there or is damaged."""
    try:
        with bucket.read(key) as chunks:
            document = json.loads(b"".join(chunks))
    except (NotThere, ValueError):
        return None  # what cannot be read has not looked at any day
    return document if isinstance(document, dict) else None


def with_clock(row: Row, rate: Rate, now: datetime) -> Row:
    """Adds to each day with something to fetch when the pace will have archived it, and how much is lost by then.

    The oldest come first, as the tick takes them.
    """
    if not rate.allowed:
        return row
    waited, days = 0, []
    for day in row.days:
        still_open = to_fetch(day)
        waited += still_open
        done = now + timedelta(minutes=waited * REQUESTS_EACH / rate.allowed)
        days.append({**day, "archived_by": done, "lost": _lost(day, still_open, done)} if still_open else day)
    return replace(row, days=days)


def to_fetch(day: Mapping[str, Any]) -> int:
    """How many recordings of the day the pace still brings: what is in work, and what was listed and not yet found.

    What failed waits for a person, not for its turn.
    """
    settled = sum(int(day.get(name, 0)) for name in ("failed", "absent"))
    settled += sum(each.get("what") in _LOST for each in day.get("differences", ()))
    return int(day.get("in_work", 0)) + max(int(day.get("missing", 0)) - settled, 0)


def _lost(day: Mapping[str, Any], still_open: int, done: datetime) -> int:
    """The provider deletes a day's recordings evenly over a day, from `deletes_on` on."""
    if not day.get("deletes_on"):
        return 0
    begins = datetime.combine(date.fromisoformat(str(day["deletes_on"])), time(), UTC)
    return min(max(round(still_open * ((done - begins) / timedelta(days=1))), 0), still_open)


def exit_code(rows: Sequence[Row]) -> ExitCode:
    """6 where bytes are not what they were, 1 where a day is not complete."""
    if any(row.changed for row in rows):
        return ExitCode.ALTERED
    return ExitCode.LOOK if any(row.to_look_at for row in rows) else ExitCode.DONE
