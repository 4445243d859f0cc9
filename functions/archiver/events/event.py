"""An event: one fact about a recording, a day or a source that programs outside may want to know.

It names no number, no agent and no word that was spoken. docs/schemas/event.json has its form.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum

from functions.archiver.clock import iso
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Json
from functions.archiver.settings.events import bus_source

SCHEMA = "recordings.event/1"
MAX_REASON = 500


class Type(StrEnum):
    """Kinds of events, as `detail-type` names them."""

    ARCHIVED = "Recording archived"
    FAILED = "Recording failed"
    GONE = "Recording gone"
    ERASED = "Recording erased"
    PLACED = "Hold placed"
    RELEASED = "Hold released"
    SEALED = "Day sealed"
    INCOMPLETE = "Day incomplete"
    BLOCKED = "Source blocked"
    RECOVERED = "Source recovered"


@dataclass(frozen=True, kw_only=True, slots=True)
class Detail:
    """An event's content. `recording` is the digest of source and id, which stays when the id has to go.

    Of a day: `day`, and for its seal the key, its `sequence` in the chain and its SHA-256, which is the chain's head.
    Of a hold `reason` is the case.
    """

    id: str
    source: str
    recording_id: str | None = None
    recording: str | None = None
    call_id: str | None = None
    recorded_at: str | None = None
    bucket: str | None = None
    key: str | None = None
    version_id: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    content_type: str | None = None
    reason: str | None = None
    day: str | None = None
    sequence: int | None = None

    def document(self) -> dict[str, Json]:
        """As it is sent: every field, unknown ones as null."""
        return {"schema": SCHEMA, **{each.name: getattr(self, each.name) for each in fields(self)}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An event of some archive. `at` is when the state changed."""

    type: Type
    at: datetime
    detail: Detail

    def document(self, archive: str) -> dict[str, Json]:
        """As EventBridge delivers it, without what only EventBridge knows."""
        return {
            "source": bus_source(archive),
            "detail-type": self.type.value,
            "time": iso(self.at.astimezone(UTC)),
            "detail": self.detail.document(),
        }


def event_id(source: str, about: str, state: str) -> str:
    """The same for the same fact, however often it is sent. `about` is a recording's digest, a day's seal, a moment."""
    return hashlib.sha256(f"{source}\n{about}\n{state}".encode("utf-8", "surrogatepass")).hexdigest()
