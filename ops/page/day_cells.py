"""The reports' days as the page shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.reconciling.cells import cell_of as spoken_cell_of
from ops.page.view import DayCell
from ops.reconcile.reports import row_of

_MAX_NAMED = 1_000


def cells_of(bucket: Bucket, source: str, first: date, last: date) -> Iterator[DayCell]:
    """One source's days from `first` to `last`, both included."""
    today = datetime.now(UTC).date()
    for day in row_of(bucket, source, first, min(last, today), today=today).days:
        yield _cell(source, day)


def cell_of(bucket: Bucket, source: str, day: date) -> DayCell | None:
    """One day with its differences; None where no report speaks of it."""
    cell = next(cells_of(bucket, source, day, day), None)
    return cell if cell and cell.report else None


def _cell(source: str, day: Mapping[str, Any]) -> DayCell:
    looked = bool(day.get("report"))
    return DayCell(
        source=source,
        day=date.fromisoformat(str(day["date"])),
        state=spoken_cell_of(day).state,
        counts={name: value for name, value in day.items() if isinstance(value, int) and not isinstance(value, bool)},
        as_of=datetime.fromisoformat(str(day["as_of"])) if day.get("as_of") else None,
        report=str(day["report"]) if looked else None,
        seal=str(day["seal"]) if day.get("seal") else None,
        differences=[_texts(each) for each in day.get("differences", ())[:_MAX_NAMED]],
    )


def _texts(difference: Mapping[str, Any]) -> dict[str, str]:
    names = ("recording_id", "call_id", "what", "state", "reason", "key")
    return {name: str(difference.get(name) or "") for name in names} | {"next": str(difference.get("due_at") or "")}
