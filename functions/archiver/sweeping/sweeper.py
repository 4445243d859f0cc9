"""Deletes at the source what is archived, verified, sealed, locked and past its waiting time: once a day, day by day.

Before anything goes, four witnesses have to agree about each recording: the ledger's item, the line in the stored seal
of its day, the very version in the bucket with its checksum and its lock, and what the source itself lists. Where they
do not, nothing more is deleted, and somebody is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from functions.archiver.alerting.notes import Notebook
from functions.archiver.clock import Clock
from functions.archiver.errors import Misconfigured, OfTheSource, Outcome
from functions.archiver.ledger.table import Table
from functions.archiver.ledger.totals import Totals
from functions.archiver.listing.cursors import CursorStore
from functions.archiver.reconciling.days import every_day
from functions.archiver.sealing.book import Head, Plan, head_in
from functions.archiver.sweeping.book import EVERY, Book, Round
from functions.archiver.sweeping.day import SweptDay
from functions.archiver.sweeping.rules import WEEK_DAYS, Suspicious, limit_of
from functions.archiver.sweeping.witnesses import Witnesses
from functions.archiver.throttling.pace import Pace

RECENT_DAYS = 7
"""The days that became ripe last are looked at in each round."""

OLDER_DAYS = 30
"""So many of the days before are looked at as well, in turn: some of them may have been archived late."""

_DAY = timedelta(days=1)


@dataclass(kw_only=True)
class Sweeper:
    """The deletions of one source. `witnesses` are made for the chain of seals that ends in a head; `notes` is where
    the tick reads that they stopped.
    """

    source: str
    table: Table
    cursors: CursorStore
    witnesses: Callable[[Head | None], Witnesses]
    notes: Notebook
    totals: Totals
    pace: Pace
    clock: Clock
    after: timedelta
    seconds_left: Callable[[], float] = lambda: 900.0

    def run(self, *, rehearse: bool = False) -> Round | None:
        """Begins the day's round, or goes on with it; the round, None where another run is at it.

        With `rehearse` a new round begins now, in which everything happens but the deletions.
        """
        if not self.cursors.acquire():
            return None
        try:
            return self._run(Book(self.cursors), rehearse=rehearse)
        finally:
            self.cursors.release()

    def _run(self, book: Book, *, rehearse: bool) -> Round | None:
        now = self.clock.now()
        if rehearse or book.round is None or now - book.round.begun_at >= EVERY:
            book.round = self._begun(book.round, now, rehearse=rehearse)
            book.save()
        round_ = book.round
        if round_.ended_at is not None or self.pace.gate().closed_until is not None:
            return round_
        try:
            self._check_source()
            self._confirm(round_)
            if not self._sweep(book, round_):
                return round_
        except Suspicious as wrong:
            round_.stopped = str(wrong)
        except Misconfigured as mistake:
            round_.stopped = str(mistake)
        except OfTheSource as trouble:
            self.pace.cool_down(trouble)
            book.save()
            return round_
        except Outcome:
            book.save()
            return round_  # a list that could not be read to its end is read again in an hour
        round_.ended_at = self.clock.now()
        book.save()
        self.notes.deletion_stopped(round_.stopped)
        return round_

    # a round

    def _begun(self, before: Round | None, now: datetime, *, rehearse: bool) -> Round:
        days, older = self._days(before, now)
        after_days = self.after // _DAY
        first_time = before is None or before.after_days > after_days or not before.is_rehearsed
        return Round(
            begun_at=now,
            after_days=after_days,
            limit=limit_of(self.totals.archived(now.date() - WEEK_DAYS * _DAY, now.date() - _DAY)),
            rehearsal=rehearse or first_time,
            days=days,
            older=older,
            to_confirm=sorted({*before.to_confirm, *before.touched}) if before else [],
        )

    def _days(self, before: Round | None, now: datetime) -> tuple[list[date], date | None]:
        """The days to look at, and where the walk through the older ones goes on."""
        plan = Plan.load((self.table.get(f"{self.source}#reconciler") or {}).get("seals", "{}"))
        if plan.first is None:
            return [], None
        last = (now - self.after).date()
        recent = [day for day in every_day(last - (RECENT_DAYS - 1) * _DAY, last) if day >= plan.first]
        older = every_day(plan.first, last - RECENT_DAYS * _DAY)
        at = before.older if before and before.older else plan.first
        chosen = [*(day for day in older if day >= at), *(day for day in older if day < at)][:OLDER_DAYS]
        suspect = before.days[:1] if before and before.stopped else []
        days = [*suspect, *(day for day in (*recent, *chosen) if day not in suspect)]
        return days, chosen[-1] + _DAY if chosen else None

    def _check_source(self) -> None:
        """Raises Suspicious where the source's archive is not sound."""
        notes = self.notes.read()
        if notes.broken_chain:
            raise Suspicious("the chain of seals is broken")
        if notes.changed:
            raise Suspicious(f"{notes.changed} recordings are altered or absent")

    def _confirm(self, round_: Round) -> None:
        witnesses = self._witnesses()
        while round_.to_confirm:
            SweptDay(witnesses, round_.to_confirm[0], room=0, rehearsal=True).confirm()
            del round_.to_confirm[0]

    def _sweep(self, book: Book, round_: Round) -> bool:
        """Day by day; whether the round is at its end."""
        witnesses = self._witnesses()
        while round_.days and round_.room:
            if self.seconds_left() <= 0:
                return False
            swept = SweptDay(witnesses, round_.days[0], room=round_.room, rehearsal=round_.rehearsal)
            try:
                done = swept.sweep()
            finally:
                round_.deleted += swept.deleted
                round_.gone += swept.gone
                round_.touched += [round_.days[0]] if swept.deleted and round_.days[0] not in round_.touched else []
            if not done and round_.room and self.seconds_left() <= 0:
                book.save()
                return False
            self.pace.answered()
            round_.left += swept.left
            round_.eligible += swept.eligible
            del round_.days[0]
            book.save()
        return True

    def _witnesses(self) -> Witnesses:
        return self.witnesses(head_in(self.table.get(f"{self.source}#reconciler") or {}))
