"""Which days are sealed, and when: each as it leaves the reconciler's window, and again when it says something else.

What was sealed is looked at again as long as something of it is open, and in turn, a month of days at each round, so
that a change of any kind comes to light.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from functions.archiver.clock import Clock
from functions.archiver.listing.listing import RECENT
from functions.archiver.reconciling.days import Days
from functions.archiver.sealing.book import SealBook
from functions.archiver.sealing.chain import Chain
from functions.archiver.sealing.document import Seal
from functions.archiver.sealing.statement import Listed, statement_of

AUDITED_AT_ONCE = 30
"""So many of the days that were sealed long ago are looked at again at each round."""

ASKED_AT_ONCE = 366
"""So many of the days that a person asks for are listed and sealed before the next ones."""

_ENOUGH_SECONDS = 30.0
_DAY = timedelta(days=1)


@dataclass(kw_only=True)
class Sealer:
    """Seals the days of one source. `term` is how long recordings are kept; None for ever.

    `on_sealed` gets each seal when it is written: the chain's head belongs outside of the bucket as well. Whatever is
    raised here, LeaseLost, ChainBroken or ArchiveTrouble, the next run goes on where this one was.
    """

    source: str
    book: SealBook
    chain: Chain
    days: Days
    clock: Clock
    term: timedelta | None = None
    seconds_left: Callable[[], float] = lambda: 900.0
    on_sealed: Callable[[Seal], None] = lambda seal: None

    def begins_at(self, begin: date) -> date:
        """The first day to list, which is earlier than usual where a day has left the window unsealed."""
        until = self.book.plan.until
        return min(begin, until + _DAY) if until else begin

    def take(self, listed: Mapping[date, Listed], *, leaving: date) -> None:
        """Plans a round: these days were listed just now, and those up to `leaving` are at the window's end."""
        plan = self.book.plan
        if listed and plan.until is None:
            plan.first, plan.until = min(listed), min(listed) - _DAY
        self._leave_out_until(min(listed, default=date.min))
        self.learn(listed)
        plan.open |= {day: shown for day, shown in listed.items() if day <= leaving}
        plan.due |= plan.open.keys()
        plan.due |= self._audit()
        self.book.save()

    def _leave_out_until(self, day: date) -> None:
        """Days before this one that the source's start, moved on, has left out: nobody lists them, so they are sealed
        only as far as there is something of them.
        """
        plan = self.book.plan
        if plan.until is not None and plan.until + _DAY < day:
            plan.due |= {plan.until + _DAY * number for number in range(1, (day - plan.until).days)}
            plan.until = day - _DAY

    def learn(self, listed: Mapping[date, Listed], *, left: date = date.min) -> None:
        """Of these days that were listed just now, those are due that are sealed already, or left the window, the last
        of them on the day `left`, before anybody sealed them.
        """
        plan = self.book.plan
        again = {day: shown for day, shown in listed.items() if day <= left or day in plan.open or plan.is_sealed(day)}
        plan.open |= again
        plan.due |= again.keys()

    def look_again(self, day: date) -> None:
        """Something of this day, which has left the window, is new, so its seal is due; also its first one."""
        self.book.plan.due.add(day)

    def ask(self, first: date, last: date) -> None:
        """Notes that a person wants these days sealed; those that are not over are left out."""
        last = min(last, self._last_over())
        self.book.plan.asked = (first, last) if first <= last else None

    def _last_over(self) -> date:
        return (self.clock.now() - RECENT).date() - _DAY

    def asked(self) -> list[date]:
        """The next days that a person wants sealed, once those before are."""
        plan = self.book.plan
        if plan.asked is None or len(plan.due) > AUDITED_AT_ONCE:
            return []
        first, last = plan.asked
        return [first + _DAY * number for number in range(min((last - first).days + 1, ASKED_AT_ONCE))]

    def take_asked(self, listed: Mapping[date, Listed]) -> None:
        """Plans these days, which a person asked for; those after them come next."""
        plan = self.book.plan
        assert plan.asked is not None
        after = max(listed) + _DAY
        plan.open |= listed
        plan.due |= listed.keys()
        plan.asked = (after, plan.asked[1]) if after <= plan.asked[1] else None
        self.book.save()

    def _audit(self) -> set[date]:
        plan = self.book.plan
        if plan.first is None or plan.until is None:
            return set()
        oldest = max(plan.first, self._oldest_kept())
        days = [oldest + _DAY * number for number in range((plan.until - oldest).days + 1)]
        after = [day for day in days if plan.audited is None or day > plan.audited]
        chosen = [*after, *(day for day in days if day not in after)][:AUDITED_AT_ONCE]
        plan.audited = chosen[-1] if chosen else None
        return set(chosen)

    def _oldest_kept(self) -> date:
        """Before this day recordings may be past their term: then what is missing has gone as it should."""
        return (self.clock.now() - self.term).date() + _DAY if self.term else date.min

    def run(self) -> tuple[Seal, ...]:
        """Seals what is due, oldest first, as far as time allows; the seals that were written, without their lines.

        Raises LeaseLost, ChainBroken, ArchiveTrouble.
        """
        done: list[Seal] = []
        self._tell(done, self.chain.resume())
        plan, looked_at = self.book.plan, 0
        while plan.due and self.seconds_left() > _ENOUGH_SECONDS:
            day = min(plan.due)
            plan.due.discard(day)
            looked_at += 1
            self._tell(done, self._look_at(day))
        if looked_at:
            self.book.save()
        return tuple(done)

    def _tell(self, done: list[Seal], seal: Seal | None) -> None:
        if seal is not None:
            done.append(seal.without_lines())
            self.on_sealed(seal)

    def _look_at(self, day: date) -> Seal | None:
        """Seals the day unless its newest seal says the same."""
        last = self.chain.newest(day)
        listed = self._listing_of(day, last)
        read = self.days.read(day, listed=listed.number or 0, unclean=not listed.clean)
        if last is None and day not in self.book.plan.open and not (read.entries or read.versions or read.erased):
            return None  # nobody listed it, and there is nothing of it
        statement = statement_of(self.source, read, listed)
        self._note(day, is_open=statement.complete is not True and day >= self._oldest_kept())
        if last is not None and last.statement == statement:
            return None
        return self.chain.append(statement, last)

    def _listing_of(self, day: date, last: Seal | None) -> Listed:
        """As it was seen last; of what is not in mind any more, as its seal says."""
        if day in self.book.plan.open:
            return self.book.plan.open[day]
        if last is None or last.statement.listed is None:
            return Listed()
        complete = last.statement.complete
        return Listed(number=last.statement.listed, clean=complete is True, lists=complete is True)

    def _note(self, day: date, *, is_open: bool) -> None:
        plan = self.book.plan
        if not is_open or plan.open.get(day, Listed()).number is None:
            plan.open.pop(day, None)
        plan.first = min(plan.first, day) if plan.first else day
        if plan.until and day == plan.until + _DAY:
            plan.until = day
