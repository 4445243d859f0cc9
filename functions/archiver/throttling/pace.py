"""How fast a source may be asked, over all functions together: one item of the ledger's table per source.

GCRA without burst: `tat` is the moment from which the next request may start, and each booking moves it on by one
interval. An unused slot lapses, because a booking never starts before now. The same item carries the cool-down: while
`closed_until` lies ahead nobody gets a slot, and neither while a person has paused the source. All of this is real
time, so that no moved clock can hurry a provider. `requests` counts all bookings, for whoever wants to know the rate.
Kinds of requests with a limit of their own have a clock, or a count of the day, in items beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from functions.archiver.clock import Clock, from_ms, to_ms
from functions.archiver.errors import (
    MAX_RETRY_AFTER_SECONDS,
    ArchiveTrouble,
    Closed,
    OfTheSource,
    Throttled,
    Unauthorized,
)
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.conditions import AtLeast, AtMost, Condition, Missing
from functions.archiver.ledger.table import Item, Refused, Table
from functions.archiver.provider.declaration import Limit
from functions.archiver.throttling.day_budget import DayBudget
from functions.archiver.throttling.pause import Pause, pause_of

MINUTE_WITH_MARGIN_MS = 60_500
"""A minute plus half a second: requests may arrive that late without any 60 s exceeding the rate."""

MIN_MARGIN_MS = 60_400
"""What a minute's requests have to take after the interval is rounded to whole milliseconds."""

_LATE_MS = 400
_LONGEST_HOLD_SLEPT_MS = 65_000
_LONG_WAIT_MS = 2_500
"""After a longer wait a caller checks again that the source is still open before it asks."""
_FIRST_COOL_DOWN = {Throttled: 5.0, Unauthorized: 10.0, ArchiveTrouble: 60.0}
_FIRST_COOL_DOWN_OTHERWISE = 1.0
_GROWTH = 1.5
_LONGEST_COOL_DOWN = 900.0
_LOOK_AT_A_PAUSE_AGAIN = timedelta(minutes=5)
"""A pause may be ended at any time, so a caller that meets one comes back this soon, whatever end it has now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """Whether a source is open. `strikes` counts failures in a row; `refused` means that its credentials are.

    `closed_until` is the end of a cool-down or of a `pause`, whichever keeps it closed for longer.
    `work_seconds` is about how long one recording holds a lane, None before the first.
    """

    closed_until: datetime | None
    reason: str | None
    strikes: int
    refused: bool
    work_seconds: float | None
    pause: Pause | None = None


class Pace:
    """The request clock of one source. A `wary` one looks after each wait whether the source is still open."""

    def __init__(
        self,
        table: Table,
        *,
        source: str,
        requests_per_minute: float,
        lanes: int,
        clock: Clock,
        limits: Sequence[Limit] = (),
        wary: bool = False,
        on_request: Callable[[str], None] = lambda kind: None,
        item: str = "pace",
    ) -> None:
        self.requests_per_minute = requests_per_minute
        self.lanes = lanes
        self._table = table
        self._pk = f"{source}#{item}"
        self._source = source
        self._interval_ms = interval_ms(requests_per_minute)
        # Every lane and the two listings may each wait for one slot; anything further ahead is not contention.
        self._horizon_ms = (lanes + 3) * self._interval_ms + 1000
        self._clock = clock
        self._looks_again_after_ms = 1 if wary else _LONG_WAIT_MS
        self._on_request = on_request
        self._expect_queue = False
        self._strikes = 0
        self.refused = False
        """Whether the source refused the credentials when it was last heard of, as far as this process knows."""
        self._work_ms: int | None = None
        self._waited = 0.0
        self._own_limits: dict[str, list[DayBudget | Pace]] = {
            kind: [DayBudget(table, source=source, limit=limit, clock=clock), *self._by_minute(limit, lanes)]
            for limit in limits
            for kind in limit.kinds
        }

    def _by_minute(self, limit: Limit, lanes: int) -> list[Pace]:
        """The clock of kinds of requests that have a rate of their own, in an item of its own."""
        if limit.per_minute is None:
            return []
        return [
            Pace(
                self._table,
                source=self._source,
                requests_per_minute=limit.per_minute,
                lanes=lanes,
                clock=self._clock,
                item=f"pace#{limit.kinds[0]}",
            )
        ]

    def book(self, kind: str) -> None:
        """Waits for the next free slot and takes it. Raises Closed when the source is not to be asked now.

        `kind` says what the request is for; one with a limit of its own has to wait for that as well.
        """
        for slots in self._own_limits.get(kind, ()):
            slots.book(kind)
        while True:
            wait_ms = self._reserve() - self._now_ms()
            self._sleep(wait_ms)
            if wait_ms >= self._looks_again_after_ms:
                # Meanwhile somebody else may have been refused, and some providers punish each request until the end.
                self._mind_closure(self._table.get(self._pk) or {}, self._now_ms())
            if self._now_ms() - self._slot_ms <= _LATE_MS:
                break  # a slot that was slept through would bunch with the next one: take another
        self._on_request(kind)

    def hold(self, seconds: float) -> None:
        """Gives no slot for so long, at most an hour, slots that were booked ahead included; no failure is counted."""
        until = self._now_ms() + round(min(seconds, MAX_RETRY_AFTER_SECONDS) * 1000)
        with suppress(Refused):  # somebody else holds it for longer
            self._table.update(self._pk, put={"held_until": until}, when=_past("held_until", until))

    def _sleep(self, ms: int) -> None:
        if ms > 0:
            self._waited += ms / 1000
            self._clock.sleep(ms / 1000)

    def _mind_closure(self, item: Item, now: int) -> bool:
        """Sleeps through a short hold, and says so. Raises Closed for a long one, and while the source cools down."""
        closed_until, held_until = int(item.get("closed_until", 0)), int(item.get("held_until", 0))
        if paused := pause_of(item, from_ms(now)):
            raise Closed(f"{self._source} is {paused.sentence}", until=_met_again(paused, now))
        if closed_until > now:
            raise Closed(_closed_reason(item), until=from_ms(closed_until))
        if held_until - now > _LONGEST_HOLD_SLEPT_MS:
            raise Closed(f"{self._source} has no request left", until=from_ms(held_until))
        self._sleep(held_until - now)
        return held_until > now

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())

    def _reserve(self) -> int:
        for _ in range(20):
            now = self._now_ms()
            try:
                self._slot_ms = self._book_behind(now) if self._expect_queue else self._book_free(now)
                return self._slot_ms
            except Refused as refusal:
                self._learn(refusal.item, now)
        raise Closed(
            f"no slot could be booked for {self._source}: its pace is contended",
            until=self._clock.now() + timedelta(seconds=5),
        )

    def _book_free(self, now: int) -> int:
        """The slot `now`, when none is booked beyond it."""
        self._remember(
            self._table.update(
                self._pk,
                put={"tat": now + self._interval_ms, **self._measurements()},
                add={"requests": 1},
                when=_open(now) & _past("tat", now),
            )
        )
        return now

    def _book_behind(self, now: int) -> int:
        """The slot after the last booked one, when that is not too far ahead."""
        item = self._table.update(
            self._pk,
            put=self._measurements(),
            add={"tat": self._interval_ms, "requests": 1},
            when=_open(now) & AtLeast("tat", now + 1) & AtMost("tat", now + self._horizon_ms),
        )
        self._remember(item)
        return int(item["tat"]) - self._interval_ms

    def _learn(self, item: Item | None, now: int) -> None:
        item = item or {}
        if self._mind_closure(item, now):
            return
        tat = int(item.get("tat", 0))
        if tat > now + self._horizon_ms:
            raise Closed(f"{self._source} is booked out", until=from_ms(tat - self._interval_ms))
        self._expect_queue = tat > now

    def _remember(self, item: Item) -> None:
        self._strikes = int(item.get("strikes", 0))
        self.refused = bool(item.get("refused", False))

    def _measurements(self) -> dict[str, int]:
        return {} if self._work_ms is None else {"work_ms": self._work_ms}

    def worked(self, seconds: float) -> None:
        """Records how long one recording held its lane; the time spent waiting for slots is subtracted.

        Travels with the next booking, so it costs no write of its own.
        """
        busy, self._waited = max(seconds - self._waited, 0.0), 0.0
        known = busy if self._work_ms is None else 0.8 * self._work_ms / 1000 + 0.2 * busy
        self._work_ms = max(round(known * 1000), 1)

    def cool_down(self, outcome: OfTheSource | ArchiveTrouble) -> datetime:
        """Closes the source, longer with each failure in a row; until when it is closed.

        The failure is its own, or the archive's, which then could not keep what the source would send.
        """
        if isinstance(outcome, Closed):
            return outcome.until
        seconds = min(
            _FIRST_COOL_DOWN.get(type(outcome), _FIRST_COOL_DOWN_OTHERWISE) * _GROWTH ** min(self._strikes, 20),
            _LONGEST_COOL_DOWN,
        )
        if isinstance(outcome, Throttled) and outcome.retry_after is not None:
            seconds = max(outcome.retry_after, 1.0)
        until = to_ms(self._clock.now()) + round(seconds * 1000)
        self._close(until, outcome)
        return from_ms(until)

    def _close(self, until: int, outcome: OfTheSource | ArchiveTrouble) -> None:
        facts = {
            "closed_until": until,
            "closed_reason": outcome.reason,
            "refused": isinstance(outcome, Unauthorized),
        }
        earlier = Missing("closed_until") | AtMost("closed_until", until - 1)
        try:
            self._remember(self._table.update(self._pk, put=facts, add={"strikes": 1}, when=earlier))
        except Refused:
            self._strikes += 1  # another process has closed it for longer already

    def answered(self) -> None:
        """The source did what was asked: a run of failures ends. One write, and only after a failure."""
        if not self._strikes:
            return
        try:
            item = self._table.update(
                self._pk,
                put={"strikes": 0, "refused": False},
                remove=["closed_until", "closed_reason"],
                when=_past("closed_until", self._now_ms()),
            )
        except Refused:
            return  # another request was told to wait a moment ago, so this answer is out of date
        self._remember(item)

    def gate(self) -> Gate:
        """Whether the source is open right now; one read."""
        item, now = self._table.get(self._pk) or {}, self._now_ms()
        closed_until, held_until = int(item.get("closed_until", 0)), int(item.get("held_until", 0))
        closed, held = closed_until > now, held_until - now > _LONGEST_HOLD_SLEPT_MS
        paused = pause_of(item, from_ms(now))
        ends = [from_ms(closed_until)] * closed + [from_ms(held_until)] * held
        ends += [paused.until or _met_again(paused, now)] if paused else []
        reason = _closed_reason(item) if closed else "no request is left" if held else None
        return Gate(
            closed_until=max(ends, default=None),
            reason=reason or (paused.sentence if paused else None),
            strikes=int(item.get("strikes", 0)),
            refused=bool(item.get("refused", False)),
            work_seconds=float(item["work_ms"]) / 1000 if "work_ms" in item else None,
            pause=paused,
        )


def interval_ms(requests_per_minute: float) -> int:
    """Whole milliseconds between two requests; rounded up where rounding would eat the margin of a minute."""
    interval = round(MINUTE_WITH_MARGIN_MS / requests_per_minute)
    return interval if interval * requests_per_minute >= MIN_MARGIN_MS else interval + 1


def _open(now: int) -> Condition:
    return _past("closed_until", now) & _past("held_until", now) & _past("paused_until", now)


def _met_again(pause: Pause, now: int) -> datetime:
    """When to come back to a paused source."""
    soon = from_ms(now) + _LOOK_AT_A_PAUSE_AGAIN
    return min(pause.until, soon) if pause.until else soon


def _past(name: str, moment: int) -> Condition:
    return Missing(name) | AtMost(name, moment)


def _closed_reason(item: Item) -> str:
    return f"the source is cooling down: {item.get('closed_reason', 'a failure')}"
