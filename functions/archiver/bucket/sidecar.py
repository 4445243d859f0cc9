"""The JSON documents beside the audio: one line each, a table for Athena as they stand.

They hold all that the ledger knows of an archived recording, so that the ledger can be rebuilt from the bucket alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from functions.archiver.attributes import ENTRY, RECORDING, STORED, from_json, to_document
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.object_keys import day_of
from functions.archiver.recording import Json, Recording, Transcript


def sidecar(entry: Entry, stored: Stored, transcript: Transcript, archived_at: datetime) -> dict[str, Json]:
    """Everything known of an archived recording, the provider's own document among it."""
    archived = replace(entry, archived_at=archived_at)
    return {
        "source": entry.source,
        **to_document(entry.recording, RECORDING),
        **to_document(stored, STORED),
        **to_document(archived, ENTRY),
        "transcript": transcript.state.value,
        "provider_document": dict(entry.recording.raw),
    }


def transcript_document(entry: Entry, transcript: Transcript) -> dict[str, Json]:
    """A completed transcript, findable by recording and call."""
    recording = to_document(entry.recording, RECORDING)
    return {
        "source": entry.source,
        **{name: recording[name] for name in ("recording_id", "call_id", "recorded_at")},
        "language": transcript.language,
        "text": transcript.text,
    }


def entry_of(document: Mapping[str, Json]) -> Entry:
    """The ledger's entry that a sidecar tells of. Raises KeyError, TypeError or ValueError when it is not one."""
    fields = cast("Mapping[str, Any]", document)
    raw = fields["provider_document"]
    stored = Stored(**from_json(fields, STORED))
    return Entry(
        kind="recording",
        recording=Recording(**from_json(fields, RECORDING), raw=json.loads(raw) if isinstance(raw, str) else raw),
        state=State.QUARANTINED if stored.key.startswith("quarantine/") else State.ARCHIVED,
        source=fields["source"],
        day=day_of(stored.key),
        stored=stored,
        **from_json(fields, ENTRY),
    )


def without_document(entry: Entry) -> Entry:
    """The entry without the provider's document, which the ledger keeps only until the sidecar has it."""
    return replace(entry, recording=replace(entry.recording, raw={}))
