"""How a recording stands in an item of the ledger's table."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

from functions.archiver.clock import from_ms
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.ledger.table import Item
from functions.archiver.recording import Json, Readiness, Recording

LONGEST_DOCUMENT = 100_000
"""Characters. DynamoDB takes 400 KB in an item, and a provider's rows have about one."""


REPORTED = (
    "kind",
    "source",
    "recording_id",
    "call_id",
    "recorded_at",
    "day",
    "state",
    "due_at",
    "found_at",
    "discovered_by",
    "attempts",
    "reason",
)
"""The attributes that counts and reports need."""


def _moment(item: Item, name: str) -> datetime | None:
    return datetime.fromisoformat(item[name]) if name in item else None


def _moment_ms(item: Item, name: str) -> datetime | None:
    return from_ms(int(item[name])) if name in item else None


def _day(item: Item) -> date:
    text = item["day"].rpartition("#")[2] if "day" in item else item["found_at"][:10]
    return date.fromisoformat(text)


def _recording(item: Item) -> Recording:
    raw: dict[str, Json] = json.loads(item["raw"]) if "raw" in item else {}
    claims = item.get("claims", {})
    return Recording(
        id=item["recording_id"],
        readiness=Readiness.NOT_READY if "unfinished_since" in item else Readiness.READY,
        call_id=item.get("call_id"),
        recorded_at=_moment(item, "recorded_at"),
        recorded_at_raw=item.get("recorded_at_raw"),
        duration_seconds=float(item["duration_seconds"]) if "duration_seconds" in item else None,
        direction=item.get("direction"),
        from_number=item.get("from_number"),
        to_number=item.get("to_number"),
        agent=item.get("agent"),
        size_bytes=int(claims["size_bytes"]) if "size_bytes" in claims else None,
        content_type=claims.get("content_type"),
        link=item.get("link"),
        raw=raw,
    )


def _stored(item: Item) -> Stored | None:
    if "sha256" not in item:
        return None
    return Stored(
        key=item["key"],
        version_id=item.get("version_id"),
        size_bytes=int(item["bytes"]),
        sha256=item["sha256"],
        content_type=item["content_type"],
        crc32=item.get("crc32"),
    )


def entry_of(item: Item) -> Entry:
    return Entry(
        kind=item["kind"],
        recording=_recording(item),
        state=State(item["state"]),
        source=item["source"],
        day=_day(item),
        due_ms=int(item["due_at"]) if "due_at" in item else None,
        found_at=datetime.fromisoformat(item["found_at"]),
        discovered_by=item["discovered_by"],
        attempts=int(item.get("attempts", 0)),
        troubles=int(item.get("troubles", 0)),
        queued=int(item.get("queued", 0)),
        reason=item.get("reason"),
        missing_since=_moment_ms(item, "missing_since"),
        unfinished_since=_moment_ms(item, "unfinished_since"),
        unfinished_looks=int(item.get("looks", 0)),
        stored=_stored(item),
        archived_at=_moment(item, "archived_at"),
        described=bool(item.get("described", True)),
    )


def _document_text(recording: Recording) -> str:
    """The provider's document; of one that no item could hold, only how long it was."""
    text = json.dumps(recording.raw, separators=(",", ":"))
    return text if len(text) <= LONGEST_DOCUMENT else json.dumps({"left_out_characters": len(text)})


def facts_of(recording: Recording, *, source: str, found_on: date) -> dict[str, object]:
    """The attributes that hold what the provider says of a recording, `day` among them; unknown ones are left out."""
    recorded = recording.recorded_at.astimezone(UTC) if recording.recorded_at else None
    claims = {"size_bytes": recording.size_bytes, "content_type": recording.content_type}
    facts: dict[str, object] = {
        "recording_id": recording.id,
        "call_id": recording.call_id,
        "recorded_at": recorded.isoformat() if recorded else None,
        "recorded_at_raw": recording.recorded_at_raw,
        "day": f"{source}#{(recorded.date() if recorded else found_on).isoformat()}",
        "from_number": recording.from_number,
        "to_number": recording.to_number,
        "direction": recording.direction,
        "agent": recording.agent,
        "duration_seconds": recording.duration_seconds,
        "link": recording.link,
        "raw": _document_text(recording) if recording.raw else None,
        "claims": {name: value for name, value in claims.items() if value is not None} or None,
    }
    return {name: value for name, value in facts.items() if value is not None}
