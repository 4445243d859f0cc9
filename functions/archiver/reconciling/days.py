"""Reads what ledger and bucket hold of a day, to be compared with what the provider listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from functions.archiver.bucket.bucket import Bucket, Version
from functions.archiver.entry import Entry
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.listing.cursors import Unclean
from functions.archiver.object_keys import digest_of
from functions.archiver.reconciling.report import Day, count_known, differences_of

KEPT_IN = ("audio", "quarantine")
"""The prefixes under which the bytes of recordings lie."""


INDEX_LAG_SECONDS = 1.0
"""The index of days may be so far behind its items, and mostly is behind by some milliseconds."""


class Days:
    """The days of one source. `is_over` says of what was archived then whether its term is over. `sleep` waits for an
    index that may be behind; where none is, nobody waits.
    """

    def __init__(
        self,
        *,
        source: str,
        ledger: Ledger,
        bucket: Bucket,
        is_over: Callable[[datetime], bool] = lambda archived_at: False,
        sleep: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._sleep = sleep
        self._source = source
        self._is_over = is_over
        self._ledger = ledger
        self._bucket = bucket

    def read(self, day: date, *, listed: int, unclean: bool = False, today: bool = False) -> Day:
        """The day as it is now: some reads of the ledger's items, and a listing of versions for each folder."""
        # The ledger first: what is written from here on belongs to entries that still wait.
        entries = self._ledger.day(day)
        term_over = self._ledger.tombstones.of_day(day, "expired") - {
            digest_of(self._source, entry.recording.id) for entry in entries
        }
        folders = (f"{folder}/source={self._source}/date={day.isoformat()}/" for folder in KEPT_IN)
        found = Day(
            day=day,
            listed=listed,
            entries=entries,
            versions=self._within_term([each for folder in folders for each in self._bucket.versions(folder)], entries),
            unclean=unclean,
            today=today,
            erased=self._ledger.tombstones.count(day),
            expired=len(term_over),
        )
        for seconds in (0.0, INDEX_LAG_SECONDS):
            if not _lacks_entries(found):
                break
            self._sleep(seconds)
            # It may have been found, and archived, meanwhile, or a moment before.
            found = replace(found, entries=self._ledger.day(day))
        return found

    def _within_term(self, versions: Sequence[Version], entries: Iterable[Entry]) -> list[Version]:
        """Without those that the term has taken out of the ledger already: S3 may need some days more."""
        owned = {entry.stored.key for entry in entries if entry.stored}
        return [each for each in versions if each.key in owned or not self._is_over(each.last_modified)]


def _lacks_entries(day: Day) -> bool:
    """Whether provider or bucket show what the ledger does not."""
    return day.listed > count_known(day) or any(each.what == "foreign" for each in differences_of(day))


def is_unclean(day: date, spans: Iterable[Unclean]) -> bool:
    """Whether a span that was not read cleanly reaches into the day."""
    return any(span.start.date() <= day <= span.end.date() for span in spans)


def every_day(first: date, last: date) -> list[date]:
    """The days from the first to the last one."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def midnight(day: date) -> datetime:
    """When the day begins, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
