"""All that an archive knows of one recording: ledger, sidecar, object, versions, seal, story and what is next."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.archiver.attributes import ENTRY, RECORDING, STORED, to_document
from functions.archiver.bucket.bucket import Bucket, Head, NotThere, Version
from functions.archiver.clock import from_ms
from functions.archiver.entry import Entry, State
from functions.archiver.ledger.holds import cases_of
from functions.archiver.ledger.items import entry_of, pk_of
from functions.archiver.ledger.table import Item
from functions.archiver.object_keys import Place
from functions.archiver.sealing.document import SIGNATURE, name_of
from ops.archive.archive import Archive
from ops.index.rows import Row
from ops.shell.command_line import command_line

KEPT = (State.ARCHIVED, State.QUARANTINED, State.ALTERED)
"""States in which there are bytes."""

_READ_AT_MOST = 4 * 1024 * 1024
_VERIFIED = {"verified": "same", "altered": "altered", "absent": "absent"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event of a recording's story. `what` is the ledger's word; `by` a person, where one did it."""

    at: datetime
    what: str
    by: str | None = None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """The line of a day's seal that names the recording: `sequence` is the seal's place in the source's chain."""

    key: str
    sequence: int
    sha256: str
    signed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """One recording. `head` is what the engine says of the very version that was archived; None where it has none.

    With `erasure_begun` somebody is erasing it, or was cut short while doing so.
    """

    entry: Entry
    item: Item
    sidecar: Mapping[str, Any] | None
    head: Head | None
    others: Sequence[Version]
    seal: Seal | None
    erasure_begun: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """The fields of the sidecar, or what the ledger knows of them, with the state."""
        known = {
            "source": self.entry.source,
            **to_document(self.entry.recording, RECORDING),
            **(to_document(self.entry.stored, STORED) if self.entry.stored else {}),
            **to_document(self.entry, ENTRY),
            "transcript": None,
            "provider_document": dict(self.entry.recording.raw),
        }
        return {**known, **(self.sidecar or {}), "state": self.entry.state.value, "reason": self.entry.reason}

    @property
    def held_for(self) -> list[str]:
        """The cases that it is on hold for."""
        return list(cases_of(self.item))

    @property
    def is_held(self) -> bool:
        """By the ledger's word, or by S3's."""
        return bool(self.item.get("held")) or bool(self.head and self.head.held)

    @property
    def story(self) -> list[Event]:
        """Its events, oldest first. Items from before stories were kept show their beginning and end."""
        if self.entry.story:
            return [_event(*event) for event in self.entry.story]
        events = [Event(at=self.entry.found_at, what="found", detail=self.entry.discovered_by)]
        if self.entry.archived_at:
            events.append(Event(at=self.entry.archived_at, what=self.entry.state.value, detail=self.entry.reason))
        return events

    @property
    def verified(self) -> tuple[datetime, str] | None:
        """When its bytes were last compared, and what came of it."""
        looks = [(event.at, _VERIFIED[event.what]) for event in self.story if event.what in _VERIFIED]
        return looks[-1] if looks else None

    @property
    def next(self) -> tuple[datetime | None, str] | None:
        """The next step that happens by itself, and when; or the command for a person."""
        if self.erasure_begun:
            return None, "recordings erase --deferred"
        match self.entry.state:
            case State.PENDING if self.entry.due_ms is not None:
                return from_ms(self.entry.due_ms), "it is tried again"
            case State.QUEUED if self.entry.due_ms is not None:
                return from_ms(self.entry.due_ms), "it is being fetched; its turn ends"
            case State.FAILED | State.QUARANTINED:
                return None, command_line("retry", self.entry.recording.id)
            case State.ALTERED | State.ABSENT:
                return None, "the next run asks the provider for it again"
        if "expires_at" in self.item:
            return from_ms(int(self.item["expires_at"]) * 1000), "its term is over"
        return None


def dossier_of(archive: Archive, row: Row) -> Dossier | None:
    """Reads everything; None where the ledger no longer has it."""
    item = archive.table.get(pk_of(row.source, row.recording_id))
    if item is None:
        return None
    entry, bucket = entry_of(item), archive.bucket
    stored = entry.stored
    head = bucket.head(stored.key, version_id=stored.version_id) if stored and entry.state in KEPT else None
    versions = list(bucket.versions(stored.key)) if stored else []
    return Dossier(
        entry=entry,
        item=item,
        sidecar=document(bucket, entry.place.metadata),
        head=head,
        others=[each for each in versions if stored and each.key == stored.key and not _is(each, stored.version_id)],
        seal=_seal(bucket, entry) if stored else None,
        erasure_begun=bool(archive.ledger(row.source).tombstones.erased([row.recording_id])),
    )


def _is(version: Version, version_id: str | None) -> bool:
    return version.version_id is None or version.version_id == version_id


def document(bucket: Bucket, key: str) -> Mapping[str, Any] | None:
    """A JSON object of the archive; None where there is none, or something else."""
    try:
        with bucket.read(key, end=_READ_AT_MOST) as pieces:
            found = json.loads(b"".join(pieces))
    except (NotThere, ValueError):
        return None
    return found if isinstance(found, dict) else None


def transcript_of(bucket: Bucket, place: Place) -> str | None:
    """The provider's transcript as text."""
    found = document(bucket, place.transcript)
    return str(found["text"]) if found and found.get("text") else None


def _event(seconds: int, what: str, detail: str) -> Event:
    at = from_ms(seconds * 1000)
    if what == "retried":
        return Event(at=at, what=what, by=detail or None)
    return Event(at=at, what=what, detail=detail or None)


# seals


def _seal(bucket: Bucket, entry: Entry) -> Seal | None:
    """The line of the newest seal of its day that names it."""
    stored = entry.stored
    assert stored is not None
    keys = list(bucket.keys(f"seals/source={entry.source}/date={entry.day.isoformat()}/"))
    seals = [key for key in keys if key.endswith(".jsonl")]
    if not seals or stored.version_id is None:
        return None
    name = name_of(stored.key, stored.version_id)
    lines = _lines(bucket, seals[-1])
    head = next(lines, {})
    line = next((line for line in lines if line.get("name") == name), None)
    if line is None:
        return None
    sequence = int(head.get("sequence", 0))
    signed = seals[-1] + SIGNATURE in keys
    return Seal(key=seals[-1], sequence=sequence, sha256=str(line.get("sha256")), signed=signed)


def _lines(bucket: Bucket, key: str) -> Iterator[dict[str, Any]]:
    rest = b""
    with bucket.read(key) as pieces:
        for piece in pieces:
            *whole_lines, rest = (rest + piece).split(b"\n")
            yield from map(_object, whole_lines)
    if rest:
        yield _object(rest)


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def proof_sentence(dossier: Dossier, time: str | None) -> str:
    """One sentence about the bytes; `time` is when they were archived, for people."""
    state, seal = dossier.entry.state, dossier.seal
    if state not in (State.ARCHIVED, State.QUARANTINED):
        return ""
    looked = dossier.verified
    sealed = "day sealed" + (" and signed" if seal.signed else "") if seal else "day not sealed yet"
    when = time or "an unknown day"
    if looked is None:
        return f"Fetched on {when} with this SHA-256, not compared since, {sealed}."
    return f"Same bytes as fetched on {when}, compared on {looked[0]:%-d %b %Y}, {sealed}."
