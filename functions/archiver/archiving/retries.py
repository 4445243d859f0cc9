"""The next move of an item whose work brought no audio: a pure decision, which the archiver carries out.

`next_move` reads as a table, from the particular outcome to the general. `due_now` is the clock against which
`due_at` is compared.
"""

from __future__ import annotations

import enum
from dataclasses import replace
from datetime import datetime, timedelta

from functions.archiver.entry import Entry
from functions.archiver.errors import (
    ArchiveTrouble,
    Busy,
    Closed,
    EndedEarly,
    Gone,
    NotFound,
    NotReady,
    OfTheSource,
    Outcome,
    Rejected,
    Throttled,
    Unauthorized,
    Unfetchable,
)
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.settings.queue import MAX_RECEIVE_COUNT

MAX_ATTEMPTS = 8
ATTEMPT_DELAYS = tuple(timedelta(minutes=m) for m in (1, 5, 20, 60, 180, 360, 720))
NOT_READY_DELAYS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 20, 30, 60))
READY_DEADLINE = timedelta(hours=72)
FOLLOW_UP_DEADLINE = timedelta(hours=24)
BETWEEN_TWO_404 = timedelta(hours=1)
MAX_TROUBLES = 2
"""After so many source errors on one recording, while the source answers otherwise, the next one is its own."""


class Step(enum.Enum):
    """The step to take with the item."""

    ASK_SOURCE = "ask the source"  # ask whether the source answers at all, then decide again
    RELEASE = "release"  # not the recording's fault: due later, no attempt
    WAIT = "wait"  # its audio is not there yet
    CONFIRM = "confirm"  # one 404 proves nothing
    RETRY = "retry"  # one attempt more
    GONE = "gone"
    FAIL = "fail"
    KEEP = "keep"  # what lies in quarantine stays there, whatever became of a person's retry
    DROP = "drop"  # a follow-up is given up


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One step with its reason, when the item is due again, and how many `attempts` more are booked.

    `closes` is the trouble for which the source is left alone for a while; a released item waits at least as long.
    `troubled` notes a trouble that closes nothing. `asked_for` is the part of `due_in` that a host has asked for.
    """

    step: Step
    reason: str
    due_in: timedelta = timedelta()
    attempts: int = 0
    closes: OfTheSource | ArchiveTrouble | None = None
    troubled: bool = False
    asked_for: timedelta = timedelta()


def next_move(entry: Entry, outcome: Outcome | ArchiveTrouble, due_now: datetime, source_answers: bool | None) -> Move:
    """The move after `outcome`. `source_answers` is None until the source was asked for a list.

    One that asks to be left alone is not asked then: whether it answers has to be known from before.
    """
    outcome, reason = _whose(entry, outcome), outcome.reason
    match outcome:
        case ArchiveTrouble():  # costs no attempt; a recording that meets it alone is retried with growing delays
            due_in = _delay(ATTEMPT_DELAYS, entry.troubles)
            return Move(step=Step.RELEASE, reason=reason, due_in=due_in, closes=outcome)
        case Closed():
            return Move(step=Step.RELEASE, reason=reason, closes=outcome)
        case OfTheSource():
            return _source_trouble(entry, outcome, due_now, source_answers)
        case _ if isinstance(outcome, NotReady) or entry.kind != "recording":
            # A follow-up waits for its deadline, whatever it meets.
            return _wait(entry, reason, due_now)
        case _ if entry.stored and not isinstance(outcome, Busy):
            return Move(step=Step.KEEP, reason=reason)
        case Gone():
            return Move(step=Step.GONE, reason=reason)
        case NotFound():
            return _missing(entry, reason, due_now, source_answers)
        case Unfetchable():
            return Move(step=Step.FAIL, reason=reason, attempts=1)
        case Busy():
            return _busy(entry, outcome)
        case _:
            return _after_rejection(entry, reason)


def is_last_attempt(entry: Entry) -> bool:
    """Whether one more attempt that brings nothing makes the recording *failed*."""
    return entry.attempts + 1 >= MAX_ATTEMPTS


def after_a_death(entry: Entry, *, deaths: int, receive_count: int) -> Move | None:
    """The move when the last run died and its attempt is booked; None: work on it again at once."""
    reason = f"the downloader died {deaths} times" if deaths > 1 else "the downloader died once"
    if is_last_attempt(entry):
        return _final(entry, reason)
    if receive_count >= MAX_RECEIVE_COUNT:  # SQS would bury a readable message
        return Move(step=Step.RELEASE, reason=reason, due_in=_delay(ATTEMPT_DELAYS, entry.attempts))
    return None


def _source_trouble(entry: Entry, trouble: OfTheSource, due_now: datetime, source_answers: bool | None) -> Move:
    throttled = isinstance(trouble, Throttled)
    if source_answers is None and not throttled:
        return Move(step=Step.ASK_SOURCE, reason=trouble.reason)
    if not source_answers:
        return Move(step=Step.RELEASE, reason=trouble.reason, closes=trouble)
    if isinstance(trouble, Unauthorized) or throttled or entry.troubles >= MAX_TROUBLES:
        own = Rejected(f"{trouble.reason}, while the provider answers otherwise")
        return replace(next_move(entry, own, due_now, source_answers), closes=trouble if throttled else None)
    due_in = _delay(ATTEMPT_DELAYS, entry.troubles)
    return Move(step=Step.RELEASE, reason=trouble.reason, due_in=due_in, closes=trouble)


def _busy(entry: Entry, busy: Busy) -> Move:
    """Trouble of another host costs no attempt. Only this recording waits, each time for longer."""
    asked = timedelta(seconds=busy.retry_after or 0.0)
    due_in = max(asked, _delay(ATTEMPT_DELAYS, entry.troubles))
    return Move(step=Step.RELEASE, reason=busy.reason, due_in=due_in, troubled=True, asked_for=asked)


def _whose(entry: Entry, outcome: Outcome | ArchiveTrouble) -> Outcome | ArchiveTrouble:
    """A body of another host that ends early is that host's trouble; if it recurs too often, the recording's."""
    if not isinstance(outcome, EndedEarly) or not outcome.elsewhere:
        return outcome
    return Rejected(outcome.reason) if entry.troubles >= MAX_TROUBLES else Busy(outcome.reason)


def _wait(entry: Entry, reason: str, due_now: datetime) -> Move:
    deadline = READY_DEADLINE if entry.kind == "recording" else FOLLOW_UP_DEADLINE
    if due_now - (entry.unfinished_since or due_now) < deadline:
        return Move(step=Step.WAIT, reason=reason, due_in=_delay(NOT_READY_DELAYS, entry.unfinished_looks))
    if entry.kind != "recording":
        return Move(step=Step.DROP, reason=reason)
    if entry.stored:
        return Move(step=Step.KEEP, reason=reason)
    return Move(step=Step.FAIL, reason=f"not ready within {deadline.days} days: {reason}")


def _missing(entry: Entry, reason: str, due_now: datetime, source_answers: bool | None) -> Move:
    if entry.missing_since is None or due_now - entry.missing_since < BETWEEN_TWO_404:
        return Move(step=Step.CONFIRM, reason=reason, due_in=BETWEEN_TWO_404)
    if source_answers is None:
        return Move(step=Step.ASK_SOURCE, reason=reason)
    return Move(step=Step.GONE, reason=f"{reason}, twice with an hour between, while the provider answers otherwise")


def _after_rejection(entry: Entry, reason: str) -> Move:
    if is_last_attempt(entry):
        return _final(entry, reason, attempts=1)
    return Move(step=Step.RETRY, reason=reason, attempts=1, due_in=_delay(ATTEMPT_DELAYS, entry.attempts))


def _final(entry: Entry, reason: str, *, attempts: int = 0) -> Move:
    if entry.kind != "recording":
        return Move(step=Step.DROP, reason=reason)
    if entry.stored:
        return Move(step=Step.KEEP, reason=reason)
    return Move(step=Step.FAIL, reason=reason, attempts=attempts)


def _delay(delays: tuple[timedelta, ...], count: int) -> timedelta:
    return delays[min(count, len(delays) - 1)]
