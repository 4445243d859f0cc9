"""One row of the search index: what is shown and searched of a recording, and nothing that proves anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

DIRECTIONS = ("in", "out", "unknown")

_DIRECTION_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("in", "inbound", "incoming", "i", "terminating", "received"), "in"),
    **dict.fromkeys(("out", "outbound", "outgoing", "o", "originating", "outbound-api", "outbound-dial"), "out"),
}


def direction_of(text: str | None) -> str:
    """`in`, `out` or `unknown`, whatever word the provider has for it."""
    return _DIRECTION_WORDS.get((text or "").strip().lower(), "unknown")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A recording in the index. `recorded_at` is UTC, None where the provider gives no time; `day` is the archive's."""

    source: str
    recording_id: str
    call_id: str | None
    recorded_at: datetime | None
    day: date
    duration_seconds: float | None
    direction: str
    from_number: str | None
    to_number: str | None
    agent: str | None
    state: str
    key: str | None
    bytes: int | None
    sha256: str | None
    codec: str | None
    held: bool
    transcript: bool

    @property
    def sort_ms(self) -> int:
        """Milliseconds since 1970 by which it is sorted: when it was recorded, else the beginning of its day."""
        moment = self.recorded_at or datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        return round(moment.timestamp() * 1000)
