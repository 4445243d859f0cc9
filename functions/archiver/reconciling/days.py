"""Reads what ledger and bucket hold of a day, to be compared with what the provider listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.listing.cursors import Unclean
from functions.archiver.reconciling.report import Day, compared

KEPT_IN = ("audio", "quarantine")
"""The folders that hold recordings' bytes."""


class Days:
    """The days of one source."""

    def __init__(self, *, source: str, ledger: Ledger, bucket: Bucket) -> None:
        self._source = source
        self._ledger = ledger
        self._bucket = bucket

    def read(self, day: date, *, listed: int, unclean: bool = False, today: bool = False) -> Day:
        """The day as it is now: some reads of the ledger's items, and a listing of versions for each folder."""
        # The ledger first: what is written from here on belongs to entries that still wait.
        entries = self._ledger.day(day)
        folders = (f"{folder}/source={self._source}/date={day.isoformat()}/" for folder in KEPT_IN)
        found = Day(
            day=day,
            listed=listed,
            entries=entries,
            versions=[version for folder in folders for version in self._bucket.versions(folder)],
            unclean=unclean,
            today=today,
            erased=self._ledger.tombstones.count(day),
            expired=self._ledger.tombstones.count(day, "expired"),
        )
        if any(each.what == "foreign" for each in compared(found)):
            found = replace(found, entries=self._ledger.day(day))  # it may have been found and archived meanwhile
        return found


def is_unclean(day: date, spans: Iterable[Unclean]) -> bool:
    """Whether a span that was not read cleanly reaches into the day."""
    return any(span.start.date() <= day <= span.end.date() for span in spans)


def every_day(first: date, last: date) -> list[date]:
    """The days from the first to the last one."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def midnight(day: date) -> datetime:
    """When the day begins, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
