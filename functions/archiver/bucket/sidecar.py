"""The JSON documents beside the audio: flat, one line each, a table for Athena as they stand.

They hold all that the ledger knows of an archived recording, so that the ledger can be rebuilt from the bucket alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, cast

from functions.archiver.entry import DiscoveredBy, Entry, State, Stored
from functions.archiver.recording import Json, Recording, Transcript


def sidecar(entry: Entry, stored: Stored, transcript: Transcript, archived_at: datetime) -> dict[str, Json]:
    """Everything known of an archived recording. `provider_document` is the provider's own, as JSON text."""
    recording = entry.recording
    return {
        "source": entry.source,
        "recording_id": recording.id,
        "call_id": recording.call_id,
        "recorded_at": _text(recording.recorded_at),
        "recorded_at_raw": recording.recorded_at_raw,
        "duration_seconds": recording.duration_seconds,
        "direction": recording.direction,
        "from_number": recording.from_number,
        "to_number": recording.to_number,
        "agent": recording.agent,
        "key": stored.key,
        "bytes": stored.size_bytes,
        "sha256": stored.sha256,
        "crc32": stored.crc32,
        "content_type": stored.content_type,
        "version_id": stored.version_id,
        "transcript": transcript.state.value,
        "transcript_text": transcript.text,
        "discovered_by": entry.discovered_by,
        "found_at": _text(entry.found_at),
        "archived_at": _text(archived_at),
        "attempts": entry.attempts,
        "provider_document": json.dumps(recording.raw, ensure_ascii=False, sort_keys=True),
    }


def transcript_document(entry: Entry, transcript: Transcript) -> dict[str, Json]:
    """A completed transcript, findable by recording and call."""
    return {
        "source": entry.source,
        "recording_id": entry.recording.id,
        "call_id": entry.recording.call_id,
        "recorded_at": _text(entry.recording.recorded_at),
        "language": transcript.language,
        "text": transcript.text,
    }


def entry_of(document: Mapping[str, Json]) -> Entry:
    """The ledger's entry that a sidecar tells of. Raises KeyError, TypeError or ValueError when it is not one."""
    fields = cast("Mapping[str, Any]", document)
    recording = Recording(
        id=fields["recording_id"],
        call_id=fields["call_id"],
        recorded_at=_moment(fields["recorded_at"]),
        recorded_at_raw=fields["recorded_at_raw"],
        duration_seconds=fields["duration_seconds"],
        direction=fields["direction"],
        from_number=fields["from_number"],
        to_number=fields["to_number"],
        agent=fields["agent"],
        raw=json.loads(fields["provider_document"]),
    )
    stored = Stored(
        key=fields["key"],
        version_id=fields["version_id"],
        size_bytes=int(fields["bytes"]),
        sha256=fields["sha256"],
        content_type=fields["content_type"],
        crc32=fields["crc32"],
    )
    return Entry(
        kind="recording",
        recording=recording,
        state=State.ARCHIVED,
        source=fields["source"],
        day=day_of(stored.key),
        found_at=datetime.fromisoformat(fields["found_at"]),
        discovered_by=cast("DiscoveredBy", fields["discovered_by"]),
        attempts=int(fields["attempts"]),
        stored=stored,
        archived_at=_moment(fields["archived_at"]),
    )


def day_of(key: str) -> date:
    """The date in an object's key. Raises ValueError when it has none."""
    return date.fromisoformat(key.partition("/date=")[2][:10])


def without_document(entry: Entry) -> Entry:
    """The entry without the provider's document, which the ledger keeps only until the sidecar has it."""
    return replace(entry, recording=replace(entry.recording, raw={}))


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
