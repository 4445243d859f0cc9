"""The daily question: does the archive hold everything that the provider lists?

The last days are listed again, whatever is missing is inserted, and a report says day by day what was listed and what
became of it. Much history takes more than one invocation; the walk goes on where it was, and the report comes last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from functions.archiver.bucket.store import Store
from functions.archiver.clock import Clock, from_ms
from functions.archiver.entry import Entry, State
from functions.archiver.errors import Outcome
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.listing.cursors import CursorStore, Walk
from functions.archiver.listing.listing import RECENT, Findings, Listing
from functions.archiver.object_keys import reconciliation_report
from functions.archiver.recording import Json

EVERY = timedelta(hours=20)
"""Less than a day, so that a schedule that fires hourly makes one report a day."""

MOST_NAMED = 1000
"""So many missing recordings are named for each day; the counts are always whole."""

_WALK = "reconcile"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled:
    """What one invocation did. `report` is the key of the report, once the walk has come to its end."""

    findings: Findings | None = None
    report: str | None = None
    complete: bool | None = None


class Reconciler:
    """Compares one source with its archive."""

    def __init__(
        self,
        *,
        source: str,
        listing: Callable[[CursorStore], Listing],
        retention: Callable[[], timedelta | None],
        cursors: CursorStore,
        ledger: Ledger,
        store: Store,
        clock: Clock,
        span: timedelta,
        start: datetime,
    ) -> None:
        self._source = source
        self._listing = listing
        self._retention = retention
        self._cursors = cursors
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._span = span
        self._start = start

    def run(self) -> Reconciled:
        """Lists the last days, as far as time allows, and writes the report when they are read."""
        if not self._cursors.acquire():
            return Reconciled()
        now = self._clock.now()
        done = Reconciled()
        if self._cursors.round_due(now, EVERY):
            done = self._reconcile(now)
        self._cursors.release()
        return done

    def _reconcile(self, now: datetime) -> Reconciled:
        with suppress(Outcome):  # yesterday's answer will do
            self._ledger.keep_retention(self._retention())
        begin = max(now - self._span, self._start)
        findings = self._listing(self._cursors).run_walk(_WALK, begin, now - RECENT)
        walk = self._cursors.walk(_WALK)
        if walk is None or not walk.finished:
            return Reconciled(findings=findings)
        document = self._document(walk, now)
        key = reconciliation_report(self._source, now.date())
        self._store.write_json(key, document)
        self._cursors.round_done(now)
        for span in self._cursors.unclean():
            self._cursors.forget_unclean(span)  # the next report speaks of its own reading only
        return Reconciled(findings=findings, report=key, complete=document["complete"] is True)

    def _document(self, walk: Walk, now: datetime) -> dict[str, Json]:
        days = [self._day(date.fromisoformat(day), count) for day, count in sorted(walk.listed.items())]
        unclean: list[Json] = [
            {"start": span.start.isoformat(), "end": span.end.isoformat(), "reason": span.reason}
            for span in self._cursors.unclean()
        ]
        return {
            "source": self._source,
            "generated_at": now.isoformat(),
            "listed_until": walk.end.isoformat(),
            "complete": not unclean and all(day["complete"] is True for day in days),
            "not_read_cleanly": unclean,
            "days": days,
        }

    def _day(self, day: date, listed: int) -> dict[str, Json]:
        entries = self._ledger.day(day)
        states = Counter(entry.state for entry in entries)
        missing = [entry for entry in entries if entry.state not in (State.ARCHIVED, State.GONE)]
        return {
            "date": day.isoformat(),
            "listed": listed,
            **{state.value: states[state] for state in State},
            "found_by_reconciler": sum(entry.discovered_by == "reconcile" for entry in entries),
            "complete": not missing,
            "missing": [_missing(entry) for entry in missing[:MOST_NAMED]],
        }


def _missing(entry: Entry) -> dict[str, Json]:
    return {
        "recording_id": entry.recording.id,
        "call_id": entry.recording.call_id,
        "state": entry.state.value,
        "reason": entry.reason,
        "attempts": entry.attempts,
        "due_at": from_ms(entry.due_ms).isoformat() if entry.due_ms is not None else None,
    }
