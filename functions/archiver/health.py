"""How a source fares, in one word and one sentence: the tick and `status` judge by the same rules.

Nothing here reads anything; `vitals` collects the signs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.listing.cursors import Unclean
from functions.archiver.throttling.pause import Pause

TICKS_EVERY = timedelta(minutes=15)
"""A source of a deployed archive whose tick is older than this is stopped; the tick comes every minute."""

RUNS_EVERY = timedelta(hours=26)
"""The same for a local archive, which a run a day looks after well enough."""

LOSING = timedelta(days=3)
"""So long before the provider deletes what waits somebody is told."""

BEHIND = timedelta(days=1)
FAILED_LATELY = timedelta(days=7)
"""A failure older than this is no news any more; the counts show it all the same."""


class SourceState(StrEnum):
    """The states of a source, the most urgent first."""

    UNKNOWN = "unknown"  # it could not be asked, which is never healthy
    STOPPED = "stopped"
    BLOCKED = "blocked"
    PAUSED = "paused"
    LOSING = "losing"
    BEHIND = "behind"
    FAILING = "failing"
    UNSURE = "unsure"
    HEALTHY = "healthy"

    @property
    def is_well(self) -> bool:
        """Whether nobody has to look: it is healthy, or paused because a person wants it so."""
        return self in (SourceState.HEALTHY, SourceState.PAUSED)

    def first_command(self, source: str) -> str | None:
        """The command to type first about a source in this state."""
        verb = _FIRST_COMMANDS.get(self)
        return f"recordings {verb.format(source=source)}" if verb else None


_FIRST_COMMANDS = {
    SourceState.UNKNOWN: "doctor {source}",
    SourceState.STOPPED: "doctor {source}",
    SourceState.BLOCKED: "doctor {source}",
    SourceState.PAUSED: "resume {source}",
    SourceState.LOSING: "report {source}",
    SourceState.BEHIND: "report {source}",
    SourceState.FAILING: "find --source {source} --state failed",
    SourceState.UNSURE: "report {source}",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """The signs of a source at one moment. Times are UTC.

    `ticked_at`: the last dispatch tick, or the end of the last local run. `refused`: the provider refuses the
    credentials, in the words of `closed_reason`. `oldest_due`: since when the oldest item that waits has been due.
    `deletion_margin`: how long until the provider deletes it, below zero when it may have; None where nobody knows.
    `failed_lately`: failures of the last days that nobody has accepted. `listed_until`: everything recorded before it
    was listed; None before the first listing. `imported`: nobody lists it, for all it holds was brought by imports.
    """

    now: datetime
    ticked_at: datetime | None
    refused: bool = False
    closed_until: datetime | None = None
    closed_reason: str | None = None
    pause: Pause | None = None
    oldest_due: datetime | None = None
    deletion_margin: timedelta | None = None
    failed_lately: int = 0
    unclean: tuple[Unclean, ...] = ()
    listed_until: datetime | None = None
    imported: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """The state of a source, why it is in it, and until when where that is known."""

    state: SourceState
    reason: str | None = None
    until: datetime | None = None


def health_of(signs: Signs, *, ticks_every: timedelta = TICKS_EVERY) -> Health:
    """The first state that holds."""
    return next(_states(signs, ticks_every), Health(state=SourceState.HEALTHY))


def _states(signs: Signs, ticks_every: timedelta) -> Iterator[Health]:
    """Every state that holds, the most urgent first."""
    late = signs.ticked_at is None or signs.now - signs.ticked_at > ticks_every
    if late and not signs.imported:
        since = f"since {_time(signs.ticked_at)}" if signs.ticked_at else "yet"
        yield Health(state=SourceState.STOPPED, reason=f"nothing has looked after it {since}")
    if signs.refused:
        reason = signs.closed_reason or "the provider refuses the credentials"
        yield Health(state=SourceState.BLOCKED, reason=reason, until=signs.closed_until)
    if signs.pause:
        yield Health(state=SourceState.PAUSED, reason=signs.pause.sentence, until=signs.pause.until)
    margin = signs.deletion_margin
    if margin is not None and margin < LOSING:
        yield Health(state=SourceState.LOSING, reason=_losing(margin), until=signs.now + margin)
    if signs.oldest_due and signs.now - signs.oldest_due > BEHIND:
        waited = in_words(signs.now - signs.oldest_due)
        yield Health(state=SourceState.BEHIND, reason=f"a recording has been due for {waited}")
    if signs.failed_lately:
        yield Health(state=SourceState.FAILING, reason=f"{_recordings(signs.failed_lately)} failed in the last 7 days")
    yield from _states_of_listing(signs, ticks_every)


def _states_of_listing(signs: Signs, ticks_every: timedelta) -> Iterator[Health]:
    if signs.unclean:
        first = signs.unclean[0]
        span = f"{_time(first.start)} to {_time(first.end)}"
        yield Health(state=SourceState.UNSURE, reason=f"not read cleanly: {span}: {first.reason}")
    if signs.imported:
        return
    if signs.listed_until is None:
        yield Health(state=SourceState.UNSURE, reason="its first listing has not come to its end")
    elif signs.now - signs.listed_until > BEHIND + ticks_every:
        yield Health(state=SourceState.UNSURE, reason=f"listed up to {_time(signs.listed_until)} only")


def _losing(margin: timedelta) -> str:
    if margin < timedelta():
        return f"the provider may have begun to delete what waits {in_words(-margin)} ago"
    return f"the provider deletes what waits in {in_words(margin)}"


def in_words(span: timedelta) -> str:
    """A span for people, in the largest unit that it fills."""
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if span >= unit:
            number = span // unit
            return f"{number} {name}{'s' * (number != 1)}"
    return "less than a minute"


def _recordings(number: int) -> str:
    return f"{number} recording{'s' * (number != 1)}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
