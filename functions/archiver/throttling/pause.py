"""A pause: a person wants a source left alone.

It stands beside the provider's own cool-down, and neither lifts the other. It is kept in the pace's item, because
whoever books a slot asks that item anyway. `paused_until` is what bookings are conditional on, `paused` what people are
told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from functions.archiver.clock import from_iso, from_ms, iso, to_ms
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.table import Refused, Table

_FOR_EVER = datetime(2200, 1, 1, tzinfo=UTC)
"""What `paused_until` says of a pause without an end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """A pause: who paused the source, when and why; `until` is None for one that ends when somebody resumes it."""

    by: str
    reason: str | None
    since: datetime
    until: datetime | None

    @property
    def sentence(self) -> str:
        """For a person."""
        return f"paused by {self.by}" + (f": {self.reason}" if self.reason else "")


def pause_of(item: Mapping[str, Any] | None, now: datetime) -> Pause | None:
    """The pause that a pace's item holds; None where there is none, or it has ended."""
    until_ms = int((item or {}).get("paused_until", 0))
    if item is None or until_ms <= to_ms(now):
        return None
    told = item.get("paused", {})
    return Pause(
        by=told.get("by", "somebody"),
        reason=told.get("reason"),
        since=from_iso(told["since"]) if "since" in told else now,
        until=None if until_ms >= to_ms(_FOR_EVER) else from_ms(until_ms),
    )


def pause(table: Table, source: str, given: Pause) -> None:
    """Pauses the source; one write. A pause that there was is replaced."""
    told = {"by": given.by, "reason": given.reason, "since": iso(given.since)}
    put = {
        "paused": {name: value for name, value in told.items() if value is not None},
        "paused_until": to_ms(min(given.until or _FOR_EVER, _FOR_EVER)),
    }
    table.update(_pk(source), put=put)


def resume(table: Table, source: str) -> bool:
    """Ends the pause; False when there was none. A cool-down of the provider stays."""
    try:
        table.update(_pk(source), put={}, remove=["paused", "paused_until"], when=Exists("paused_until"))
    except Refused:
        return False
    return True


def _pk(source: str) -> str:
    return f"{source}#pace"
