"""Archives that hold something, for verbs and the page that read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from functions.archiver.audio.kinds import Audio
from functions.archiver.bucket.sidecar import sidecar
from functions.archiver.bucket.store import Store
from functions.archiver.bucket.upload import UNKNOWN
from functions.archiver.entry import Stored, Ticket
from functions.archiver.recording import NO_TRANSCRIPT, Recording
from functions.archiver.settings.deployment import Archive as ArchiveSettings
from functions.archiver.settings.deployment import Deployment
from functions.archiver.settings.storage_classes import StoragePolicy
from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive
from ops.archive.identity import keep_identity
from ops.local.engine.sqlite_table import SqliteTable
from tests.harness.deployed import a_source

Run = Callable[..., int]
"""Runs a verb on an archive; its exit code."""

NOON = datetime(2026, 11, 27, 12, 0, 3, tzinfo=UTC)
WAV = Audio(extension="wav", content_type="audio/wav")
AUDIO = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(2000)


def a_folder(root: Path, *sources: str, zone: str = "Europe/Berlin") -> FolderArchive:
    """An empty local archive whose ledger may be written."""
    root.mkdir(parents=True, exist_ok=True)
    settings = ArchiveSettings(name="phones", timezone=zone)
    keep_identity(root, Deployment(archive=settings, sources=tuple(map(a_source, sources or ("acme",)))))
    SqliteTable(root / ".archive" / "ledger.sqlite").close()
    return FolderArchive(root, writes=True)


def found(archive: Archive, recording_id: str, *, source: str = "acme", **facts: Any) -> Ticket:
    """A recording that was found, in a lane."""
    told: Mapping[str, Any] = {
        "call_id": f"call-{recording_id}",
        "recorded_at": NOON,
        "duration_seconds": 61.5,
        "direction": "inbound",
        "from_number": "+44 7700 900123",
        "to_number": "020 7946 0018",
        "agent": "Anna Example",
        "raw": {"provider": "says so"},
    } | facts
    ticket = archive.ledger(source).insert_queued(Recording(id=recording_id, **told), "schedule")
    assert ticket is not None
    return ticket


def archived(
    archive: Archive,
    recording_id: str,
    *,
    audio: bytes = AUDIO,
    source: str = "acme",
    kind: Audio = WAV,
    codec: str = "pcm",
    **facts: Any,
) -> Stored:
    """A recording that is archived with its sidecar, as the downloader leaves it."""
    ticket = found(archive, recording_id, source=source, **facts)
    return downloaded(archive, ticket, audio=audio, kind=kind, codec=codec)


def downloaded(
    archive: Archive, ticket: Ticket, *, audio: bytes = AUDIO, kind: Audio = WAV, codec: str = "pcm"
) -> Stored:
    """What is in a lane, archived."""
    ledger = archive.ledger(ticket.source)
    entry = ledger.entry(ticket)
    store = Store(archive.bucket, policy=StoragePolicy(storage="STANDARD", expire_after_days=None))
    upload = store.upload(entry, lambda stored: ledger.note(ticket, stored))
    upload.feed(audio, kind, len(audio))
    stored = replace(upload.finish(kind), codec=codec if kind is WAV else None)
    archived_at = datetime.now(UTC)
    digest = store.write_sidecar(entry.place, sidecar(entry, stored, NO_TRANSCRIPT, archived_at))
    written = replace(entry, archived_at=archived_at, metadata_sha256=digest)
    if kind is UNKNOWN:
        ledger.mark_quarantined(ticket, stored, "its bytes are of no known kind", story=entry.story, written=written)
    else:
        ledger.mark_archived(ticket, stored, story=entry.story, written=written)
    return stored
