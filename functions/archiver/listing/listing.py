"""How recordings are found: windows of time, walked oldest first, each closed only when it was read cleanly.

Three walks share the code. `forward` goes from `start` to a quarter of an hour ago and closes windows for good;
`recent` reads that quarter of an hour at every tick; `overlap` reads the last hours again every hour, because rows
appear late. The reconciler's walk is a fourth, over days. Rows that expire between two pages move the others up and
hide some: a window of several pages closes only after a whole pass over it that found nothing new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from functions.archiver.clock import Clock
from functions.archiver.entry import DiscoveredBy
from functions.archiver.errors import Closed, CursorRefused, OfTheSource, TooLarge, Unavailable
from functions.archiver.listing.cursors import CursorStore, Unclean, Walk
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Page, Recording, Window
from functions.archiver.throttling.intake import Intake, Taken
from functions.archiver.throttling.pace import Pace

RECENT = timedelta(minutes=15)
"""No window closes before it is this old, because rows still arrive."""

EVERY_OVERLAP = timedelta(hours=1)
NARROWEST = timedelta(minutes=1)
WIDEST = timedelta(days=366)
SHORTEST_FIRST = timedelta(days=1)

MAX_PAGES = 20
"""A window with more pages is halved: it has to be read twice within one run."""

MAX_CHECKED = 2_000
"""Recordings that a run remembers to have found in the ledger, or put there."""

MAX_BARREN_PAGES = 5
"""After this many pages in a row with no new row, the cursor is taken to be endless."""

MAX_PASSES = 3
"""A window that does not close after so many passes is halved while it keeps bringing new recordings or was not read
from end to end; otherwise it is noted as unclean, and the walk goes on."""

MAX_PAGES_AT_ALL = 1_000
"""The most pages of one pass, however narrow its window is."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)

MAX_CURSOR_CHARACTERS = 8_192
"""All cursors of a source share one item, and one goes into a URL."""

MAX_ROWS_IN_PAGES = 10
"""A page may hold this many times the rows that were asked for; a longer one is refused."""

ENOUGH_SECONDS = 60.0
"""A run with less time left than this stops cleanly."""


class OutOfTime(Exception):
    """The run has to stop now; everything is saved."""


@dataclass(kw_only=True, slots=True)
class Pass:
    """One reading of a window. It is `whole` unless it began at a saved cursor or its cursor was refused."""

    whole: bool
    pages: int = 0
    rows: int = 0
    seen: set[str] = field(default_factory=set)
    days: Counter[date] = field(default_factory=Counter)
    new: int = 0
    total: int | None = None
    problem: str | None = None
    too_big: bool = False
    unfiltered: bool = False

    def closes(self, *, first_pass_counts: bool, number: int) -> bool:
        """Whether the window is finished with: nothing can have been hidden from this pass."""
        if not self.whole or self.problem or not self.agrees_with_total():
            return False
        if self.pages == 1:
            return True
        return self.new == 0 and (number > 1 or first_pass_counts)

    def agrees_with_total(self) -> bool:
        """Whether as many rows came as the server counts, where it counts."""
        return self.total is None or self.rows >= self.total

    def complaint(self) -> str:
        """Why the window did not close, for a person."""
        if self.problem:
            return self.problem
        if not self.agrees_with_total():
            return f"the provider counts {self.total} rows and lists {self.rows}"
        if not self.whole:
            return "no run had the time to read it from end to end"
        return "every reading of it found new recordings"


@dataclass(kw_only=True, slots=True)
class Findings:
    """How much a run found. `stopped` says why it ended early, if it did.

    `again_at` is when the source may be asked again, where it was not asked because its slots were taken or it is
    closed: no failure of this run's. `late` are spans, passed by the walk before, in which something new was found.
    """

    pages: int = 0
    listed: int = 0
    new: int = 0
    stopped: str | None = None
    again_at: datetime | None = None
    late: list[Window] = field(default_factory=list)

    def facts(self) -> dict[str, object]:
        """The fields of its log line."""
        return {"pages": self.pages, "rows": self.listed, "new": self.new, "stopped": self.stopped}


class Listing:
    """Walks the windows of one source under its lease."""

    def __init__(
        self,
        *,
        provider: Provider,
        intake: Intake,
        pace: Pace,
        cursors: CursorStore,
        clock: Clock,
        start: datetime,
        overlap: timedelta,
        discovered_by: DiscoveredBy,
        seconds_left: Callable[[], float],
    ) -> None:
        self._provider = provider
        self._intake = intake
        self._pace = pace
        self._cursors = cursors
        self._clock = clock
        self._start = start
        self._overlap = overlap
        self._discovered_by: DiscoveredBy = discovered_by
        self._seconds_left = seconds_left
        self._checked: dict[str, date | None] = {}
        self.findings = Findings()

    def run(self) -> Findings:
        """One tick: the last minutes, the overlap if its hour has come, unclean windows with it, then forward."""
        return self._until_stopped(self._tick)

    def run_walk(self, name: str, start: datetime, end: datetime) -> Findings:
        """Only the walk `name`, continued where it was, or begun at `start`."""
        return self._until_stopped(lambda: self._go(self._begun(name, start, end)))

    def _until_stopped(self, work: Callable[[], None]) -> Findings:
        try:
            work()
        except OutOfTime:
            self.findings.stopped = "out of time"
        except OfTheSource as trouble:
            until = self._pace.cool_down(trouble)
            self.findings.stopped = trouble.reason
            self.findings.again_at = until if isinstance(trouble, Closed) else None
        else:
            self._pace.answered()
        return self.findings

    def _tick(self) -> None:
        now = self._clock.now()
        settled = self._floor(now - RECENT)
        self._read_recent(Window(start=max(settled, self._start), end=now))
        if self._cursors.round_due(now, EVERY_OVERLAP):
            self._go(self._begun("overlap", max(now - self._overlap, self._start), settled))
            self._cursors.round_done(now)
            self._retry_unclean()
        self._go(replace(self._begun("forward", self._start, settled), end=settled))

    def _begun(self, name: str, start: datetime, end: datetime) -> Walk:
        walk = self._cursors.walk(name)
        if walk is None or (name != "forward" and walk.position >= walk.end):
            return self._new_walk(name, start, end)
        return walk

    def _new_walk(self, name: str, start: datetime, end: datetime) -> Walk:
        return Walk(name=name, position=start, end=end, width=self._widest(_first_width(start, end)))

    def _read_recent(self, window: Window) -> None:
        """The open window: read once whatever it holds, because the next tick reads it again."""
        if window.start < window.end:
            self._read(window, cursor=None, save=lambda cursor: None)

    def _retry_unclean(self) -> None:
        """The span that has waited longest; whatever of it is unclean again goes to the end of the list."""
        for unclean in self._cursors.unclean()[:1]:
            walk = self._cursors.walk("again")
            if walk is None or walk.finished or walk.end != unclean.end:
                walk = self._new_walk("again", unclean.start, unclean.end)
            before = self.findings.new
            try:
                self._go(walk)
            finally:
                if self.findings.new > before:
                    self.findings.late.append(Window(start=unclean.start, end=unclean.end))
            self._cursors.forget_unclean(unclean)

    def _go(self, walk: Walk) -> None:
        while not walk.finished:
            walk = self._one_pass(walk)
            if walk.finished:
                self._cursors.keep(walk)  # the run ends here, and giving the lease back writes it
            else:
                self._cursors.save(walk)

    def _one_pass(self, walk: Walk) -> Walk:
        end = walk.window_end if walk.cursor else None
        window = Window(start=walk.position, end=end or min(self._ceiling(walk.position + walk.width), walk.end))
        without_cursor = replace(walk, cursor=None, window_end=None, cursor_at=None)
        if walk.cursor and self._has_died(walk):
            # The window was not read within the life of a cursor: a narrower one will be.
            return replace(without_cursor, width=self._narrower(window), passes=0)

        def save(cursor: str) -> None:
            self._cursors.save(replace(walk, cursor=cursor, window_end=window.end, cursor_at=self._clock.now()))

        return self._next(without_cursor, window, self._read(window, walk.cursor, save))

    def _has_died(self, walk: Walk) -> bool:
        life = self._provider.declaration.cursor_life
        return life is not None and walk.cursor_at is not None and self._clock.now() - walk.cursor_at >= life

    def _next(self, walk: Walk, window: Window, outcome: Pass) -> Walk:
        """Where the walk stands after a pass: its window closed, read again, halved, or noted as unclean."""
        wide = window.end - window.start > self._narrowest
        if outcome.unfiltered and (width := self._longest(walk)) > window.end - window.start:
            # The server lists everything whatever is asked for: ask once for all rather than once per window.
            return replace(walk, width=width, passes=0)
        if outcome.too_big and wide:
            return replace(walk, width=self._narrower(window), passes=0)
        if outcome.closes(first_pass_counts=walk.name != "forward", number=walk.passes + 1):
            return self._close_window(walk, window, outcome)
        if walk.passes + 1 < MAX_PASSES:
            return replace(walk, passes=walk.passes + 1)
        if wide and (outcome.new or not outcome.whole):
            return replace(walk, width=self._narrower(window), passes=0)
        complaint = outcome.complaint()
        self._cursors.note_unclean(Unclean(start=window.start, end=window.end, reason=complaint))
        return self._close_window(walk, window, outcome)

    def _close_window(self, walk: Walk, window: Window, outcome: Pass) -> Walk:
        width = walk.width
        if outcome.pages <= 1 and outcome.rows < self._provider.declaration.page_size / 2:
            width = self._widest(walk.width * 2)
        listed = Counter(walk.listed)
        if walk.name != "forward":  # the forward walk never ends, so its counts would grow for ever
            listed.update({day.isoformat(): count for day, count in outcome.days.items()})
        return replace(walk, position=window.end, width=width, passes=0, listed=dict(listed))

    def _longest(self, walk: Walk) -> timedelta:
        """All that is left of the walk, or as much as the provider takes in one request."""
        rest = walk.end - walk.position
        return min(rest, self._provider.declaration.max_window or rest)

    def _narrower(self, window: Window) -> timedelta:
        return max((window.end - window.start) / 2, self._narrowest)

    @property
    def _narrowest(self) -> timedelta:
        return self._provider.declaration.granularity or NARROWEST

    def _floor(self, moment: datetime) -> datetime:
        """The last moment up to `moment` that the provider's filter can name."""
        unit = self._provider.declaration.granularity
        return moment - (moment - _EPOCH) % unit if unit else moment

    def _ceiling(self, moment: datetime) -> datetime:
        return self._floor(moment + unit - _INSTANT) if (unit := self._provider.declaration.granularity) else moment

    def _widest(self, width: timedelta) -> timedelta:
        declared = self._provider.declaration
        unit = declared.granularity or timedelta()  # by which a window may be widened to be whole
        return min(width, max((declared.max_window or WIDEST) - unit, unit), WIDEST)

    def _read(self, window: Window, cursor: str | None, save: Callable[[str], None]) -> Pass:
        # Asked for in whole units: for less, a filter by day returns rows outside the span, as if it had been ignored.
        asked = Window(start=self._floor(window.start), end=self._ceiling(window.end))
        outcome = Pass(whole=cursor is None)
        barren = 0
        while True:
            if self._seconds_left() < ENOUGH_SECONDS:
                raise OutOfTime
            try:
                page = sensible(self._provider.page(asked, cursor), page_size=self._provider.declaration.page_size)
            except CursorRefused as refusal:
                if cursor is None:
                    raise
                outcome.problem, outcome.whole = refusal.reason, False
                return outcome
            except TooLarge:
                if outcome.unfiltered or window.end - window.start <= self._narrowest:
                    raise
                outcome.too_big = True
                return outcome
            barren = 0 if self._record(page, window, outcome) else barren + 1
            if page.next_cursor is None:
                return outcome
            if barren >= MAX_BARREN_PAGES or outcome.pages >= MAX_PAGES_AT_ALL:
                outcome.problem = "its cursor never ends"
                return outcome
            if self._is_too_big(outcome, page, window):
                outcome.too_big = True
                return outcome
            save(page.resume_cursor or page.next_cursor)
            cursor = page.next_cursor

    def _is_too_big(self, outcome: Pass, page: Page, window: Window) -> bool:
        pages = outcome.pages
        if outcome.unfiltered:
            return False
        if page.total is not None and page.rows:
            pages = max(pages, page.total // page.rows)
        return pages >= MAX_PAGES and window.end - window.start > self._narrowest

    def _is_too_old(self, recording: Recording) -> bool:
        """Whole units may begin before the source's start, and so may what a filter by another clock brings."""
        return recording.recorded_at is not None and recording.recorded_at < self._start

    def _record(self, page: Page, window: Window, outcome: Pass) -> bool:
        """Everything on the page into the ledger; whether it held a row that this pass had not seen."""
        ids = [recording.id for recording in page.recordings]
        ids += [f"call {call.call_id}" for call in page.calls]
        ids += [f"empty {id_}" for id_ in page.empty]
        unseen = set(ids) - outcome.seen
        self.findings.pages += 1
        self.findings.listed += len(unseen)
        outcome.pages += 1
        outcome.rows += len(unseen) + page.rows - len(ids)
        outcome.total = page.total if page.total is not None else outcome.total
        outcome.problem = page.problem or outcome.problem
        # Whole units may be understood with the one after them, which is no sign of an ignored filter.
        outcome.unfiltered |= page.rows > 2 * len(ids) and self._provider.declaration.granularity is None
        outcome.seen |= unseen
        fresh = [each for each in page.recordings if each.id not in self._checked and not self._is_too_old(each)]
        taken = self._intake.take(fresh, self._discovered_by) if fresh else Taken()
        outcome.problem = taken.problem or outcome.problem
        if len(self._checked) > MAX_CHECKED:
            self._checked.clear()  # a cache: it only saves reads of the ledger
        self._checked |= {recording.id: taken.days.get(recording.id) for recording in fresh}
        outcome.days.update(self._days(page.recordings, unseen, window))
        calls = self._intake.take_calls(page.calls, self._discovered_by)
        outcome.new += len(taken.new) + calls
        self.findings.new += len(taken.new) + calls
        return bool(unseen) or page.rows > len(ids)

    def _days(self, recordings: Sequence[Recording], unseen: Set[str], window: Window) -> Counter[date]:
        """How many of the window's recordings belong to each day: to that of the ledger, where it has another one,
        because it keeps the first date that it was told.
        """
        moments = {recording.id: recording.recorded_at for recording in recordings if recording.id in unseen}
        return Counter(
            self._checked.get(id_) or moment.date()
            for id_, moment in moments.items()
            if moment and window.start <= moment < window.end
        )


def _first_width(start: datetime, end: datetime) -> timedelta:
    """An eighth of the span: a long empty history is walked in a few requests, a full one is halved at once."""
    return max((end - start) / 8, SHORTEST_FIRST)


def sensible(page: Page, *, page_size: int) -> Page:
    """The page, where it can be worked with. Raises Unavailable."""
    most = MAX_ROWS_IN_PAGES * page_size
    if page.rows > most:
        raise Unavailable(f"the list has {page.rows} rows in a page, where at most {most} make sense")
    cursors = (page.next_cursor or "", page.resume_cursor or "")
    if max(map(len, cursors)) > MAX_CURSOR_CHARACTERS:
        raise Unavailable(f"the list has a cursor of more than {MAX_CURSOR_CHARACTERS} characters")
    return page
