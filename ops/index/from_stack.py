"""Follows the ledger of an archive on AWS: all of it once, then the days in which something may have changed.

Day by day means: today and yesterday at each refresh, and there only what is new or was not settled yet; once an hour
the days that are still reconciled, those that a newer report speaks of, and the oldest, whose term may be over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from functions.archiver.bucket.bucket import Bucket, NotThere
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.ledger.conditions import KeyRange
from functions.archiver.ledger.dynamodb import DynamoTable
from functions.archiver.ledger.items import pk_of
from functions.archiver.object_keys import digest_of
from ops.archive.archive import Archive
from ops.index.from_ledger import ATTRIBUTES, row_of
from ops.index.index import Index

SEGMENTS = 8
"""Parts of the table that are read side by side. One is some hundred recordings a second, the index takes thousands."""

WINDOW_DAYS = 8
"""The last `reconcile` days as sources have them by default, and one more."""

EVERY_HOUR = timedelta(hours=1)

_SKEW = timedelta(minutes=5)
"""S3 tells times by its own clock, in seconds."""

_SCANNED, _WINDOW, _TOUCHED = "scanned", "window", "touched"
_TOUCHING = ("holds/", "erasures/")
_SETTLED = ("archived", "gone")
_END = "end"


def follow(archive: Archive, table: DynamoTable, index: Index, now: datetime, say: Callable[[str], None]) -> None:
    """The first build, or what has changed since the last refresh."""
    if index.noted(_SCANNED) is None:
        _build(table, index, now, say)
        index.note(_SCANNED, now.isoformat())
    last = index.noted(_WINDOW)
    since = datetime.fromisoformat(last) if last else None
    whole = since is None or now - since >= EVERY_HOUR
    for source in archive.sources:
        for day in _days(now.date(), WINDOW_DAYS if whole else 2):
            _refresh_day(table, index, source, day, now, whole=whole)
        if whole:
            for day in _reported_days(archive.bucket, source, since):
                _refresh_day(table, index, source, day, now, whole=True)
            _forget_expired(table, index, source, now)
    touched = index.noted(_TOUCHED)
    if touched:
        _refresh_touched(archive.bucket, table, index, datetime.fromisoformat(touched) - _SKEW, now)
    index.note(_TOUCHED, now.isoformat())
    if whole:
        index.note(_WINDOW, now.isoformat())


def _days(last: date, count: int) -> list[date]:
    return [last - timedelta(days=back) for back in range(count)]


# the first build

_Page = tuple[Sequence[dict[str, Any]], dict[str, Any] | None]


def _build(table: DynamoTable, index: Index, now: datetime, say: Callable[[str], None]) -> None:
    """Reads all segments at once. How far each came is noted with its rows, so that a build can be stopped."""
    taken = 0
    with ThreadPoolExecutor(SEGMENTS) as readers:

        def read(segment: int, start: dict[str, Any] | None) -> Future[_Page]:
            return readers.submit(table.scan_part, segment, SEGMENTS, ATTRIBUTES, start)

        noted = {segment: index.noted(f"segment {segment}") for segment in range(SEGMENTS)}
        reading = {
            read(segment, json.loads(start) if start else None): segment
            for segment, start in noted.items()
            if start != _END
        }
        while reading:
            done, _ = wait(reading, return_when=FIRST_COMPLETED)
            for page in done:
                segment = reading.pop(page)
                items, following = page.result()
                rows = filter(None, (row_of(item, now) for item in items))
                taken += index.put(rows, {f"segment {segment}": json.dumps(following) if following else _END})
                if following:
                    reading[read(segment, following)] = segment
                say(f"{taken:,} recordings indexed")


# later


def _refresh_day(table: DynamoTable, index: Index, source: str, day: date, now: datetime, *, whole: bool) -> None:
    present = {key["pk"] for key in table.query("day", KeyRange(f"{source}#{day.isoformat()}"))}
    known = {pk_of(source, row.recording_id): row for row in index.of_day(source, day)}
    settled = () if whole else (pk for pk, row in known.items() if row.state in _SETTLED)
    items = table.get_many(sorted(present.difference(settled)), ATTRIBUTES)
    rows = {pk: row_of(item, now) for pk, item in items.items()}
    index.put(row for row in rows.values() if row)
    over = {pk for pk, row in rows.items() if row is None}
    index.forget(source, [row.recording_id for pk, row in known.items() if pk not in present or pk in over])


def _reported_days(bucket: Bucket, source: str, since: datetime | None) -> Iterator[date]:
    """The days that reports since then speak of. Whoever may not read reports sees those days a little later."""
    if since is None:
        return
    with suppress(ArchiveTrouble):
        for version in bucket.versions(f"reports/source={source}/"):
            if version.latest and not version.deleted and version.last_modified > since:
                yield from _days_of_report(bucket, version.key)


def _days_of_report(bucket: Bucket, key: str) -> Iterator[date]:
    with suppress(ValueError, KeyError, TypeError):  # a report of another version
        yield from (date.fromisoformat(day["date"]) for day in _document(bucket, key).get("days", ()))


def _document(bucket: Bucket, key: str) -> dict[str, Any]:
    try:
        with bucket.read(key) as pieces:
            document = json.loads(b"".join(pieces))
    except (NotThere, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _refresh_touched(bucket: Bucket, table: DynamoTable, index: Index, since: datetime, now: datetime) -> None:
    """Refreshes recordings that were put on hold, released or erased, whose records name them by digest."""
    digests = _digests_since(bucket, since)
    if not digests:
        return
    named = {pk_of(*name): name for name in index.names() if digest_of(*name) in digests}
    rows = {pk: row_of(item, now) for pk, item in table.get_many(list(named), ATTRIBUTES).items()}
    index.put(row for row in rows.values() if row)
    for pk, (source, recording_id) in named.items():
        if rows.get(pk) is None:
            index.forget(source, [recording_id])


def _digests_since(bucket: Bucket, since: datetime) -> set[str]:
    """Digests in the records since then; without the right to read them, changes show when their day is read."""
    digests: set[str] = set()
    with suppress(ArchiveTrouble):
        for folder in _TOUCHING:
            for version in bucket.versions(folder):
                if version.last_modified >= since and not version.deleted:
                    digests.update(map(_digest_in, _document(bucket, version.key).get("recordings", ())))
    return digests


def _digest_in(named: object) -> str:
    """A hold names recordings by digest alone, an erasure says more of each."""
    return str(named.get("recording") if isinstance(named, dict) else named)


def _forget_expired(table: DynamoTable, index: Index, source: str, now: datetime) -> None:
    """From the oldest day on, as long as the ledger has fewer recordings of a day than the index."""
    counts = sorted((day, count) for (name, day), count in index.per_day().items() if name == source)
    for day, count in counts:
        if table.count("day", KeyRange(f"{source}#{day.isoformat()}")) >= count:
            return
        _refresh_day(table, index, source, day, now, whole=True)
