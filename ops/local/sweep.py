"""Removes from a folder what is past its term: file, sidecar, transcript, and last its row of the ledger.

The term is that of the present deployment file, by the same rules as on AWS (`ledger/terms.py`). What is held stays. A
sweep that is cut short is done again by the next one, because the row goes last. What the provider may still list gets
a tombstone first, so that it does not come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.clock import Clock
from functions.archiver.entry import State
from functions.archiver.ledger.conditions import Equals, Missing
from functions.archiver.ledger.items import day_in, entry_of
from functions.archiver.ledger.table import Item, Refused, Table
from functions.archiver.ledger.terms import end_of_term, ended_at, may_come_back
from functions.archiver.ledger.tombstones import Tombstones
from ops.local.books import Books


@dataclass(frozen=True, kw_only=True, slots=True)
class Expired:
    """A recording past its term, and since when."""

    item: Item
    since: datetime

    @property
    def sentence(self) -> str:
        """For a person."""
        return f"{self.item['source']}: {self.item['recording_id']!r} expired on {self.since:%Y-%m-%d}"

    @property
    def day(self) -> date:
        """The recording's own."""
        return date.fromisoformat(day_in(self.item))


def expired(books: Books, source: str, days: int, now: datetime) -> Iterator[Expired]:
    """Recordings of a source that are past its term of so many days, oldest first."""
    last = (now - timedelta(days=days)).date().isoformat()
    for item in books.rows(source):
        if day_in(item) > last:
            return  # nothing is archived before it is recorded
        since = ended_at(item)
        if since is not None and not item.get("held") and (end := end_of_term(since, days)) <= now:
            yield Expired(item=item, since=end)


def remove(table: Table, bucket: Bucket, found: Expired, retention: timedelta | None) -> None:
    """Everything of one recording, in one step that can be repeated. `retention` is the provider's, None if unknown."""
    item, entry = found.item, entry_of(found.item)
    if entry.state is not State.GONE and may_come_back(found.day, found.since, retention):
        Tombstones(table, source=entry.source, clock=Clock()).bury(entry.recording.id, found.day, "expired")
    keys = [str(item["key"])] if "key" in item else []
    for key in (*keys, entry.place.metadata, entry.place.transcript):
        bucket.delete(key, version_id=None)
    pk, same = str(item["pk"]), Equals("state", item["state"]) & Missing("held")
    with suppress(Refused):
        table.update(pk, put={"expired": True}, when=same)  # so that nobody takes it for erased
        table.delete(pk, when=same)
