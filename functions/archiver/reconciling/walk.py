"""The daily question: does the archive hold everything that the provider lists?

The last days are listed again, whatever is missing is inserted, and a report says of every day of the window what was
listed, what the ledger knows and what the bucket holds. Much history takes more than one invocation; the walk goes on
where it was, and the report comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from functions.archiver.bucket.store import Store
from functions.archiver.clock import Clock, iso
from functions.archiver.errors import Outcome
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.listing.cursors import CursorStore, Unclean, Walk
from functions.archiver.listing.listing import RECENT, Findings, Listing
from functions.archiver.object_keys import reconciliation_report
from functions.archiver.reconciling.report import Day, compared, day_document
from functions.archiver.recording import Json

EVERY = timedelta(hours=20)
"""Less than a day, so that a schedule that fires hourly makes one report a day."""

_WALK = "reconcile"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled:
    """What one invocation did. `report` is the key of the report, once the walk has come to its end."""

    findings: Findings | None = None
    report: str | None = None
    complete: bool | None = None
    days_incomplete: int = 0


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

    def run(self, *, force: bool = False) -> Reconciled:
        """Lists the last days, as far as time allows, and writes the report when they are read.

        Does so when the last time is long enough ago, or with `force`.
        """
        if not self._cursors.acquire():
            return Reconciled()
        now = self._clock.now()
        done = Reconciled()
        if force or self._cursors.round_due(now, EVERY):
            done = self._reconcile(now)
        self._cursors.release()
        return done

    def report_again(self) -> Reconciled:
        """Writes the report anew from the last listing and the present ledger and bucket; asks the provider nothing."""
        if not self._cursors.acquire():
            return Reconciled()
        walk = self._cursors.walk(_WALK)
        done = Reconciled()
        if walk is not None and walk.finished:
            now = self._clock.now()
            done = self._report(walk, max(_midnight(now - self._span), self._start), now)
        self._cursors.release()
        return done

    def _reconcile(self, now: datetime) -> Reconciled:
        with suppress(Outcome):  # yesterday's answer will do
            self._ledger.keep_retention(self._retention())
        begin = max(_midnight(now - self._span), self._start)
        findings = self._listing(self._cursors).run_walk(_WALK, begin, now - RECENT)
        walk = self._cursors.walk(_WALK)
        if walk is None or not walk.finished:
            return Reconciled(findings=findings)
        done = self._report(walk, begin, now)
        self._cursors.round_done(now)
        for span in self._cursors.unclean():
            self._cursors.forget_unclean(span)  # the next report speaks of its own reading only
        return replace(done, findings=findings)

    def _report(self, walk: Walk, begin: datetime, now: datetime) -> Reconciled:
        days = self._days(walk, begin, now)
        document = self._document(walk, days, now)
        key = reconciliation_report(self._source, now.date())
        self._store.write_json(key, document)
        return Reconciled(
            report=key,
            complete=document["complete"] is True,
            days_incomplete=sum(not each["complete"] for each in days if each["state"] != "today"),
        )

    def _days(self, walk: Walk, begin: datetime, now: datetime) -> list[dict[str, Json]]:
        report, spans = reconciliation_report(self._source, now.date()), self._cursors.unclean()
        return [
            day_document(self._day(day, walk, spans, now), as_of=iso(walk.end), report=report)
            for day in _every_day(begin.date(), now.date())
        ]

    def _document(self, walk: Walk, days: Sequence[dict[str, Json]], now: datetime) -> dict[str, Json]:
        spans = self._cursors.unclean()
        unclean: list[Json] = [
            {"start": iso(span.start), "end": iso(span.end), "reason": span.reason} for span in spans
        ]
        looked_at = [day for day in days if day["state"] != "today"]
        return {
            "source": self._source,
            "generated_at": iso(now),
            "listed_until": iso(walk.end),
            "complete": not unclean and all(day["complete"] is True for day in looked_at),
            "not_read_cleanly": unclean,
            "days": list(days),
        }

    def _day(self, day: date, walk: Walk, spans: Sequence[Unclean], now: datetime) -> Day:
        # The ledger first: what is written from here on belongs to entries that still wait.
        entries = self._ledger.day(day)
        folders = (f"{folder}/source={self._source}/date={day.isoformat()}/" for folder in ("audio", "quarantine"))
        found = Day(
            day=day,
            listed=walk.listed.get(day.isoformat(), 0),
            entries=entries,
            versions=[version for folder in folders for version in self._store.bucket.versions(folder)],
            unclean=any(span.start.date() <= day <= span.end.date() for span in spans),
            today=day == now.date(),
        )
        if any(each.what == "foreign" for each in compared(found)):
            found = replace(found, entries=self._ledger.day(day))  # it may have been found and archived meanwhile
        return found


def _every_day(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
