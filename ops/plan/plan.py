"""A forecast of time and cost: whether the pace catches up before the provider deletes, and dollars by class.

Plain arithmetic over a steady number of calls a day; what it assumes stands beside each constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ops.plan.prices import DAYS_A_MONTH, Prices

REQUESTS_EACH = 2.0
"""Requests for one recording: its facts or its link, and its audio."""

BYTES_A_SECOND = 8_000
"""Of audio whose size nobody told: 64 kbit/s, as WAV in µ-law has. MP3 is mostly smaller."""

YEARS = (1, 3, 7)
_MINUTES_A_DAY = 1440


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """A source's load. `history` is how far back its recordings reach at the beginning; `retention` is how long
    the provider keeps them, None where it tells no time. `kept_days` is the archive's own term, None for ever.
    """

    calls_per_day: float
    bytes_each: float
    requests_per_minute: float
    listings_per_day: float
    page_size: int
    history: timedelta
    retention: timedelta | None
    kept_days: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """`catches_up_in_days` is None where the pace does not even hold today's calls. `lost` is about how many recordings
    the provider deletes before their turn. `dollars` are by storage class: putting the backlog there, then the
    bill of a month after so many years.
    """

    backlog: float
    requests_needed_per_day: float
    requests_allowed_per_day: float
    catches_up_in_days: float | None
    lost: float
    put_backlog_dollars: Mapping[str, float]
    month_dollars: Mapping[str, Mapping[int, float]]


def plan(load: Load, prices: Prices) -> Plan:
    """The sums."""
    allowed = load.requests_per_minute * _MINUTES_A_DAY
    each = REQUESTS_EACH + 1 / load.page_size
    listing = load.listings_per_day
    needed = load.calls_per_day * each + listing
    backlog = load.calls_per_day * load.history / timedelta(days=1)
    spare = (allowed - needed) / each
    return Plan(
        backlog=backlog,
        requests_needed_per_day=needed,
        requests_allowed_per_day=allowed,
        catches_up_in_days=backlog / spare if spare > 0 else None,
        lost=_lost(load, spare),
        put_backlog_dollars={
            name: backlog * (prices.recording + each_class.put) for name, each_class in prices.storage.items()
        },
        month_dollars={name: {years: _month(load, prices, name, years) for years in YEARS} for name in prices.storage},
    )


def _lost(load: Load, spare: float) -> float:
    """How many recordings of the backlog are lost.

    The backlog is archived oldest first, `spare` recordings a day, while the provider deletes one day's recordings each
    day. Where the history is shorter than the retention, the deletion begins later by the difference.
    """
    if load.retention is None or not load.calls_per_day:
        return 0.0
    day = timedelta(days=1)
    start, span = max(load.retention - load.history, timedelta()) / day, min(load.history, load.retention) / day
    done = max(spare, 0.0) * (start + span)
    return max(load.calls_per_day * span - done, 0.0) if spare < load.calls_per_day else 0.0


def _month(load: Load, prices: Prices, storage_class: str, years: int) -> float:
    """The bill of the month after `years`: new recordings, everything that is kept by then, and the source itself."""
    price = prices.storage[storage_class]
    days = years * 365.25 + load.history / timedelta(days=1)
    kept = min(days, max(load.kept_days, price.min_days)) if load.kept_days else days
    new = load.calls_per_day * DAYS_A_MONTH * (prices.recording + price.put)
    return new + load.calls_per_day * kept * price.month(load.bytes_each) + prices.source_month
