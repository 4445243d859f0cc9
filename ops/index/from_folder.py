"""Follows the ledger of a local archive by the numbers of its changes. Nothing is locked, and no folder is walked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import islice

from functions.archiver.ledger.conditions import KeyRange
from functions.archiver.ledger.table import Item
from ops.index.from_ledger import row_of
from ops.index.index import Index, drop
from ops.local.engine.sqlite_table import SqliteTable

_AT_ONCE = 5_000
_LEDGER, _CHANGED, _REMOVED = "ledger", "changed", "removed"


def follow(table: SqliteTable, index: Index, now: datetime, say: Callable[[str], None]) -> Index:
    """The index, or another one in its place where it was of another ledger, with every change that came since."""
    changes = table.changes()
    if index.noted(_LEDGER) not in (None, changes.ledger):
        index.close()
        drop(index.path)
        index = Index.open(index.path)
    index.note(_LEDGER, changes.ledger)
    noted = index.noted(_CHANGED)
    if noted is None or int(noted) != changes.last:
        _take(index, table.changed_since(int(noted or 0)), now, say)
    if index.noted(_REMOVED) != str(changes.removed):
        if noted is not None:
            _forget_removed(index, table)
        index.note(_REMOVED, str(changes.removed))
    return index


def _take(index: Index, changed: Iterator[tuple[int, Item]], now: datetime, say: Callable[[str], None]) -> None:
    taken = 0
    while some := list(islice(changed, _AT_ONCE)):
        rows = [(item, row_of(item, now)) for _, item in some]
        index.put((row for _, row in rows if row), {_CHANGED: str(some[-1][0])})
        over = [item for item, row in rows if row is None and item.get("kind") == "recording"]  # not a tombstone
        for item in over:
            index.forget(str(item["source"]), [str(item["recording_id"])])
        taken += len(some)
        if taken > _AT_ONCE or len(some) == _AT_ONCE:
            say(f"{taken:,} recordings indexed")


def _forget_removed(index: Index, table: SqliteTable) -> None:
    """Looks at the days of which the index has more, or others, than the ledger."""
    there = table.days()
    for (source, day), count in index.per_day().items():
        if there.get((source, day.isoformat())) != count:
            forget_others(index, table, source, day)


def forget_others(index: Index, table: SqliteTable, source: str, day: date) -> None:
    """Takes out of the index what the ledger no longer has of a day."""
    keys = table.query("day", KeyRange(f"{source}#{day.isoformat()}"))
    items = table.get_many([key["pk"] for key in keys], ["recording_id"])
    present = {item["recording_id"] for item in items.values()}
    index.forget(source, [row.recording_id for row in index.of_day(source, day) if row.recording_id not in present])
