"""The daily question: does the archive hold everything that the provider lists?

The last days are listed again, whatever is missing is inserted, and a report says of every day of the window what was
listed, what the ledger knows and what the bucket holds. Much history takes more than one invocation; the walk goes on
where it was, and the report comes last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from datetime import date, datetime, timedelta
from itertools import islice

from functions.archiver.bucket.store import Store
from functions.archiver.clock import Clock, from_iso, iso
from functions.archiver.errors import Outcome
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.totals import SETTLED, Totals
from functions.archiver.listing.cursors import CursorStore, Unclean, Walk
from functions.archiver.listing.listing import RECENT, Findings, Listing
from functions.archiver.object_keys import reconciliation_report, requested_report
from functions.archiver.reconciling.cells import deletes_on
from functions.archiver.reconciling.days import Days, every_day, is_unclean, midnight
from functions.archiver.reconciling.expiring import Expiring
from functions.archiver.reconciling.page import page
from functions.archiver.reconciling.report import Day, day_document
from functions.archiver.recording import Json, Window
from functions.archiver.sealing.chain import ChainBroken
from functions.archiver.sealing.document import Seal
from functions.archiver.sealing.sealer import Sealer
from functions.archiver.sealing.statement import Listed, shown

EVERY = timedelta(hours=20)
"""Less than a day, so that a schedule that fires hourly makes one report a day."""

_WALK = "reconcile"
_SEAL = "seal"
_ASKED = "asked "
"""A walk over a span that a person asked for is named after its first day, so that any later run can go on with it."""

MAX_DAYS_COUNTED = 400
"""The most days of the past that one run counts; later runs count the rest."""

_HTML = "text/html; charset=utf-8"
_SECONDS_TO_COUNT = 120.0
"""With less time left than this, a run counts no further day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled:
    """The result of one invocation. `report` is the key of the report, once the walk has come to its end.

    `days` says of each day that was compared and is over whether it is complete. Up to `sealed_until` every day since
    sealing began is sealed.
    """

    findings: Findings | None = None
    report: str | None = None
    complete: bool | None = None
    days: Mapping[date, bool] = field(default_factory=dict)
    sealed: Sequence[Seal] = ()
    sealed_until: date | None = None
    broken: str | None = None
    """How the bucket contradicts the chain of seals."""


class Reconciler:
    """Compares one source with its archive."""

    def __init__(
        self,
        *,
        source: str,
        days: Days,
        listing: Callable[[CursorStore], Listing],
        retention: Callable[[], timedelta | None],
        cursors: CursorStore,
        ledger: Ledger,
        totals: Totals,
        store: Store,
        sealer: Callable[[CursorStore], Sealer],
        expiring: Expiring,
        clock: Clock,
        span: timedelta,
        start: datetime,
        listed_until: Callable[[], datetime | None],
        seconds_left: Callable[[], float],
    ) -> None:
        self._source = source
        self._totals = totals
        self._listed_until = listed_until
        self._seconds_left = seconds_left
        self._listing = listing
        self._retention = retention
        self._cursors = cursors
        self._ledger = ledger
        self._store = store
        self._days_of = days
        self._sealer_under = sealer
        self._expiring = expiring
        self._clock = clock
        self._span = span
        self._start = start

    def run(
        self, *, force: bool = False, asked: Window | None = None, seal: tuple[date, date] | None = None
    ) -> Reconciled:
        """Lists the last days, as far as time allows, writes the report when they are read, and seals what is due.

        Lists when the last time is long enough ago, or with `force`. `asked` is another span, which comes first; what
        of it is left goes first in the next run too. With `seal` the days from the first to the second one are listed
        and sealed as well.
        """
        if not self._cursors.acquire():
            return Reconciled()
        self._sealer = self._sealer_under(self._cursors)
        now = self._clock.now()
        try:
            done = self._list(now, force=force, asked=asked or self._previous_request())
            self._count_the_past(now)
            self._give_terms()
            sealed = self._seal(seal)
            return replace(done, sealed=sealed, sealed_until=self._sealer.book.plan.until)
        except ChainBroken as broken:
            return replace(done, broken=str(broken))
        finally:
            self._cursors.release()

    def _list(self, now: datetime, *, force: bool, asked: Window | None) -> Reconciled:
        if asked:
            return self._reconcile_asked(asked, now)
        if force or self._cursors.round_due(now, EVERY):
            return self._reconcile(now)
        return Reconciled()

    def _seal(self, asked: tuple[date, date] | None) -> tuple[Seal, ...]:
        walk = self._cursors.walk(_SEAL)
        if asked:
            if walk:
                self._cursors.drop(walk)  # it may be of other days
            self._sealer.ask(*asked)
        days = self._sealer.asked()
        if days:
            self._list_to_seal(days)
        return self._sealer.run()

    def _list_to_seal(self, days: Sequence[date]) -> None:
        """Lists days that a person wants sealed, as far as the provider is asked about them at all."""
        begin, end = max(midnight(days[0]), self._start), midnight(days[-1] + timedelta(days=1))
        listed = dict.fromkeys(days, Listed())
        if begin < end:
            self._list_the_past(_SEAL, begin, end)
            walk = self._cursors.walk(_SEAL)
            if walk is None or not walk.finished:
                self._sealer.book.save()
                return
            listed |= self._listings_of(walk, begin.date(), days[-1])
        self._sealer.take_asked(listed)

    def _listings_of(self, walk: Walk, first: date, last: date) -> dict[date, Listed]:
        """The provider's listings of these days, for their seals."""
        days = every_day(first, last)
        return shown(walk, days, self._cursors.unclean(), retention=self._ledger.retention(), now=self._clock.now())

    def _previous_request(self) -> Window | None:
        """The span whose walk has not come to its end; not one before the source's start, which may have moved."""
        for walk in self._cursors.walks(_ASKED):
            begun = from_iso(walk.name.removeprefix(_ASKED))
            if walk.name != _asked_name(begun) or walk.end <= self._start:
                self._cursors.drop(walk)
            if self._start < walk.end:
                return Window(start=begun, end=walk.end)
        return None

    def _reconcile_asked(self, span: Window, now: datetime) -> Reconciled:
        """A report speaks of days, and so every day that the span touches is listed whole."""
        start, end = max(midnight(span.start.date()), self._start), midnight(_last_day(span.end) + timedelta(days=1))
        end = min(end, now - RECENT)
        if start >= end:
            return Reconciled()
        name = _asked_name(span.start)
        begun = self._cursors.walk(name)
        if begun is not None and begun.end < end:
            self._cursors.keep(replace(begun, end=end))
        findings = self._list_the_past(name, start, end)
        walk = self._cursors.walk(name)
        if walk is None or not walk.finished:
            return Reconciled(findings=findings)
        key = requested_report(self._source, now.date(), start.date(), _last_day(end))
        done = self._report(walk, start, end, now, key=key)
        self._sealer.learn(self._listings_of(walk, start.date(), _last_day(end)), left=(now - self._span).date())
        self._cursors.drop(walk)
        return replace(done, findings=findings)

    def _list_the_past(self, name: str, begin: datetime, end: datetime) -> Findings:
        """Days into which something new comes are counted, and get their terms, although both was done before."""
        findings = self._listing(self._cursors).run_walk(name, begin, end)
        if findings.new:
            window = (self._clock.now() - self._span).date()
            self._totals.found_late(begin.date(), _last_day(end), window=window)
        return findings

    def _count_the_past(self, now: datetime) -> None:
        """Gives days before the window their totals, and again those that were left with something open.

        What they say is new to their seal then: the day was filled, or something of it was erased, or is done at last.
        """
        listed = self._listed_until()
        if listed is None:
            return
        days = self._totals.uncounted(self._start.date(), min(listed, now - self._span).date() - timedelta(days=1))
        counted: dict[date, Counter[str]] = {}
        for day, is_new in islice(days, MAX_DAYS_COUNTED):
            if self._seconds_left() < _SECONDS_TO_COUNT:
                break
            counted[day] = self._totals.look(day, now)
            if has_news(counted[day], is_new=is_new):
                self._sealer.look_again(day)
        self._totals.keep(counted)

    def _give_terms(self) -> None:
        """Writes the terms that come near, of days that the lister has been through."""
        listed = self._listed_until()
        if listed is not None:
            self._expiring.run(self._start.date(), listed, lambda: self._seconds_left() > _SECONDS_TO_COUNT)

    def report_again(self) -> Reconciled:
        """Writes the report anew from the last listing and the present ledger and bucket; asks the provider nothing."""
        if not self._cursors.acquire():
            return Reconciled()
        try:
            walk, now = self._cursors.walk(_WALK), self._clock.now()
            if walk is None or not walk.finished:
                return Reconciled()
            return self._daily_report(walk, max(midnight((now - self._span).date()), self._start), now)
        finally:
            self._cursors.release()

    def _reconcile(self, now: datetime) -> Reconciled:
        with suppress(Outcome):  # yesterday's answer is good enough
            self._ledger.keep_retention(self._retention())
        window = (now - self._span).date()
        begin = max(midnight(self._sealer.begins_at(window)), self._start)
        findings = self._listing(self._cursors).run_walk(_WALK, begin, now - RECENT)
        walk = self._cursors.walk(_WALK)
        if walk is None or not walk.finished:
            return Reconciled(findings=findings)
        done = self._daily_report(walk, begin, now)
        self._sealer.take(self._listings_of(walk, begin.date(), now.date()), leaving=window)
        self._cursors.round_done(now)
        for span in self._cursors.unclean():
            self._cursors.forget_unclean(span)  # the next report speaks of its own reading only
        return replace(done, findings=findings)

    def _daily_report(self, walk: Walk, begin: datetime, now: datetime) -> Reconciled:
        return self._report(walk, begin, now, now, key=reconciliation_report(self._source, now.date()))

    def _report(self, walk: Walk, begin: datetime, end: datetime, now: datetime, *, key: str) -> Reconciled:
        days = self._days(walk, every_day(begin.date(), _last_day(end)), key)
        document = self._document(walk, days, now)
        self._store.write_json(key, document)
        html = page({self._source: days}, made_at=iso(now))
        self._store.bucket.put(key.replace(".json", ".html"), html.encode("utf-8", "replace"), content_type=_HTML)
        self._totals.keep(
            {date.fromisoformat(str(day["date"])): _totals_of(day) for day in days}, as_of=_as_of(days, now)
        )
        return Reconciled(
            report=key,
            complete=document["complete"] is True,
            days={
                date.fromisoformat(str(day["date"])): bool(day["complete"]) for day in days if day["state"] != "today"
            },
        )

    def _days(self, walk: Walk, days: Sequence[date], report: str) -> list[dict[str, Json]]:
        spans, retention = self._cursors.unclean(), self._ledger.retention()
        documents = []
        for day in days:
            document = day_document(self._day(day, walk, spans), as_of=iso(walk.end), report=report)
            deletes = deletes_on(day, retention)
            documents.append({**document, "deletes_on": deletes.isoformat() if deletes else None})
        return documents

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

    def _day(self, day: date, walk: Walk, spans: Sequence[Unclean]) -> Day:
        return self._days_of.read(
            day,
            listed=walk.listed.get(day.isoformat(), 0),
            unclean=is_unclean(day, spans),
            today=midnight(day + timedelta(days=1)) > walk.end,
        )


def _asked_name(start: datetime) -> str:
    return f"{_ASKED}{iso(midnight(start.date()))}"


def has_news(counted: Mapping[str, int], *, is_new: bool) -> bool:
    """Whether a day's seal may have to say something else; not while something of it is still on its way."""
    waits = counted.get("pending", 0) + counted.get("queued", 0)
    is_open = any(counted.get(name) for name in ("failed", "quarantined", "altered", "absent"))
    return bool(counted) and not waits and (is_new or not is_open)


def _totals_of(day: Mapping[str, Json]) -> dict[str, int]:
    """The day's counts as totals keep them."""
    names = (*SETTLED, "accepted", "failed", "quarantined", "altered", "absent", "in_work")
    return {name: int(str(day[name])) for name in names}


def _as_of(days: Sequence[Mapping[str, Json]], now: datetime) -> datetime | None:
    """A report that reaches today makes all totals fresh."""
    return now if any(day["date"] == now.date().isoformat() for day in days) else None


def _last_day(end: datetime) -> date:
    """The day of the last moment before `end`."""
    return (end - timedelta(microseconds=1)).date()
