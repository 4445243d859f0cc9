"""A recording of the ledger as a row of the search index."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from functions.archiver.ledger.items import day_in
from ops.index.rows import Row, direction_of

ATTRIBUTES = (
    *("pk", "kind", "source", "recording_id", "call_id", "recorded_at", "day", "duration_seconds", "direction"),
    *("from_number", "to_number", "agent", "state", "key", "bytes", "sha256", "codec", "held", "has_transcript"),
    "expires_at",
)
"""What of an item a row needs."""


def row_of(item: Mapping[str, Any], now: datetime) -> Row | None:
    """None for what is no recording, and for one whose term is over though the table holds it yet."""
    if item.get("kind") != "recording" or "day" not in item:
        return None
    if "expires_at" in item and item["expires_at"] <= now.timestamp():
        return None
    seconds, size = item.get("duration_seconds"), item.get("bytes")
    return Row(
        source=str(item["source"]),
        recording_id=str(item["recording_id"]),
        call_id=item.get("call_id"),
        recorded_at=_moment(item.get("recorded_at")),
        day=date.fromisoformat(day_in(item)),
        duration_seconds=None if seconds is None else float(seconds),
        direction=direction_of(item.get("direction")),
        from_number=item.get("from_number"),
        to_number=item.get("to_number"),
        agent=item.get("agent"),
        state=str(item["state"]),
        key=item.get("key"),
        bytes=None if size is None else int(size),
        sha256=item.get("sha256"),
        codec=item.get("codec"),
        held=bool(item.get("held")),
        transcript=bool(item.get("has_transcript")),
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
