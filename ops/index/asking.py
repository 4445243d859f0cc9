"""Questions about an archive that its ledger answers by itself, without this machine's search index."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from functions.archiver.ledger.conditions import KeyRange
from functions.archiver.ledger.items import pk_of
from functions.archiver.ledger.table import Table
from ops.archive.archive import Archive
from ops.index.from_ledger import ATTRIBUTES, row_of
from ops.index.index import Index
from ops.index.query import Query
from ops.index.rows import Row


def rows_named(archive: Archive, recording_id: str, sources: Sequence[str]) -> list[Row]:
    """The recordings of this very id: one at most of each source."""
    pks = [pk_of(source, recording_id) for source in sources]
    return _rows(archive.table, pks)


def rows_of_day(table: Table, source: str, day: date) -> list[Row]:
    """Everything that the archive keeps under a day (UTC)."""
    keys = table.query("day", KeyRange(f"{source}#{day.isoformat()}"))
    return _rows(table, [key["pk"] for key in keys])


def _rows(table: Table, pks: Sequence[str]) -> list[Row]:
    now = datetime.now(UTC)
    items = table.get_many(pks, ATTRIBUTES)
    return [row for item in items.values() if (row := row_of(item, now))]


@contextmanager
def index_of_days(archive: Archive, query: Query, sources: Iterable[str]) -> Iterator[Index]:
    """An index of the days alone that a query spans, made for the moment. `since` and `until` have to be known."""
    assert query.since is not None
    assert query.until is not None
    first, last = query.since.astimezone(UTC).date(), query.until.astimezone(UTC).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    with tempfile.TemporaryDirectory(prefix="recordings-") as folder:
        index = Index.open(Path(folder) / "days.sqlite")
        try:
            for source in sources:
                for day in days:
                    index.put(rows_of_day(archive.table, source, day))
            index.finish_build()
            yield index
        finally:
            index.close()
