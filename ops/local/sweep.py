"""Removes from a folder what is past its term: file, sidecar, transcript, and last its row of the ledger.

The term is that of the present deployment file and counts from archiving, as S3 counts. What is held stays. A sweep
that is cut short is done again by the next one, because the row goes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.ledger.conditions import Equals
from functions.archiver.ledger.items import entry_of
from functions.archiver.ledger.table import Item, Table
from ops.local.books import Books

_ENDED = ("archived", "quarantined", "altered", "absent", "gone")


@dataclass(frozen=True, kw_only=True, slots=True)
class Expired:
    """A recording past its term, and since when."""

    item: Item
    since: datetime

    @property
    def sentence(self) -> str:
        """For a person."""
        return f"{self.item['source']}: {self.item['recording_id']!r} expired on {self.since:%Y-%m-%d}"


def expired(books: Books, source: str, term: timedelta, now: datetime) -> Iterator[Expired]:
    """What of a source is past its term, oldest first."""
    for item in books.rows(source):
        if str(item["day"]).rpartition("#")[2] > (now - term).date().isoformat():
            return  # nothing is archived before it is recorded
        since = _archived_at(item)
        if since is not None and since + term < now and not item.get("held"):
            yield Expired(item=item, since=since + term)


def remove(table: Table, bucket: Bucket, found: Expired) -> None:
    """Everything of one recording, in one step that can be repeated."""
    place = entry_of(found.item).place
    keys = [str(found.item["key"])] if "key" in found.item else []
    for key in (*keys, place.metadata, place.transcript):
        bucket.delete(key, version_id=None)
    table.delete(str(found.item["pk"]), when=Equals("state", found.item["state"]))


def _archived_at(item: Mapping[str, Any]) -> datetime | None:
    if item["state"] not in _ENDED:
        return None
    text = item.get("archived_at") or item.get("found_at")
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
