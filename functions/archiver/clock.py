"""The times of the service: what the wall says, and how far waiting has come.

On AWS all are the same. A local run looks ahead instead of waiting for hours: only the comparisons of `due_at` and of
leases see that. What is written, pace, tokens, cursors and cool-downs keep real time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Wall clock, sleep, and the time against which `due_at` is compared."""

    def now(self) -> datetime:
        """Real time, UTC."""
        return datetime.now(UTC)

    def due_now(self) -> datetime:
        """The time that decides whether something is due, UTC. It is compared and never written."""
        return self.now()

    def verdict_now(self) -> datetime:
        """The time by which a verdict on waiting is given: gone, or failed by a deadline, UTC."""
        return self.now()

    def sleep(self, seconds: float) -> None:
        """Waits in real time."""
        time.sleep(seconds)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970, the unit of every time in the ledger that is compared."""
    return round(moment.timestamp() * 1000)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, as it stands in the ledger and in every document."""
    return moment.astimezone(UTC).isoformat()


def from_iso(text: str) -> datetime:
    """The moment of an ISO 8601 text with a zone. Raises ValueError."""
    return datetime.fromisoformat(text)


def from_ms(milliseconds: float) -> datetime:
    """The UTC moment of `to_ms`."""
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)
