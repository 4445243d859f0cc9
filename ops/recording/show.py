"""The verb `show`: what a recording is, where it lies, its proof, its story, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from functions.archiver.bucket.bucket import Bucket, NotThere, Unreadable
from functions.archiver.entry import State
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.object_keys import digest_of
from ops.accesses.access import Access
from ops.accesses.recording import log_of
from ops.archive.archive import Archive
from ops.archive.opening import open_archive
from ops.find.names import rows_meant
from ops.index.rows import Row
from ops.recording.dossier import Dossier, Seal, dossier_of, proof_sentence
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.texts import bytes_text, length_text
from ops.shell.verb import Shared

_FIRST = 16
_BEGINNINGS = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip file",
    b"%PDF": "a PDF",
    b"RIFF": "a RIFF file of an unknown kind",
    b"OggS": "Ogg of an unknown kind",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"#!": "a script",
    b"<": "HTML or XML",
    b"{": "JSON",
    b"[": "JSON",
}


def show(shared: Shared, what: str) -> ExitCode:
    """One recording, or all of a call; exit code 6 where bytes are not what they were. Raises Failure."""
    archive = open_archive(shared)
    output = shared.output(archive.zone)
    code = ExitCode.DONE
    for number, row in enumerate(rows_meant(archive, what, output.progress)):
        known = dossier_of(archive, row)
        if known is None:
            raise Failure(ExitCode.NOT_FOUND, f"{row.recording_id!r} is no longer in the ledger", kind="no_recording")
        if number and not output.as_json:
            output.line("")
        _Shown(archive, output, row, known).say()
        if known.entry.state in (State.ALTERED, State.ABSENT):
            code = ExitCode.ALTERED
    return code


class _Shown:
    def __init__(self, archive: Archive, output: Output, row: Row, known: Dossier) -> None:
        self._archive = archive
        self._output = output
        self._row = row
        self._known = known
        self._accesses = _accesses(archive, row)
        self._first = _first_bytes(archive.bucket, known) if known.entry.state is State.QUARANTINED else None

    def say(self) -> None:
        self._output.document(self._document())
        if self._output.as_json:
            return
        for name, value in (*self._what(), *self._where(), *self._proof()):
            if value:
                self._output.line(f"{name:<11}{value}")
        for number, event in enumerate(self._known.story):
            more = " ".join(filter(None, (event.detail and f"({event.detail})", event.by and f"by {event.by}")))
            line = f"{self._time(event.at)}  {event.what} {more}".rstrip()
            self._output.line(f"{'story' if not number else '':<11}{line}")
        for number, access in enumerate(self._accesses or ()):
            why = f": {access.reason}" if access.reason else ""
            line = f"{self._time(access.at)}  {access.what} by {access.who}{why}"
            self._output.line(f"{'accesses' if not number else '':<11}{line}")
        if self._accesses is None:
            self._output.line(f"{'accesses':<11}not readable under this policy")
        if self._known.next:
            at, what = self._known.next
            self._output.line(f"{'next':<11}{f'{self._time(at)}  ' if at else ''}{self._output.again(what)}")

    def _time(self, moment: datetime | None) -> str:
        return self._output.time(moment)

    def _what(self) -> Iterator[tuple[str, str | None]]:
        row = self._row
        yield "recording", row.recording_id
        yield "source", row.source
        yield "call", row.call_id
        yield "recorded", self._time(row.recorded_at) if row.recorded_at else "the provider gives no time"
        yield "length", length_text(row.duration_seconds) if row.duration_seconds is not None else None
        yield "parties", f"{row.direction}: {row.from_number or 'unknown'} → {row.to_number or 'unknown'}"
        yield "agent", row.agent
        yield "state", _with(row.state, self._known.entry.reason)

    def _where(self) -> Iterator[tuple[str, str | None]]:
        stored, head = self._known.entry.stored, self._known.head
        if stored is None:
            return
        yield "kept at", stored.key
        yield "", ", ".join(filter(None, (bytes_text(stored.size_bytes), stored.content_type, stored.codec)))
        if head and head.storage_class != "STANDARD":
            yield "class", head.storage_class
        if self._first is not None:
            yield "begins", f"{self._first.hex(' ')}  {guess(self._first)}"

    def _proof(self) -> Iterator[tuple[str, str | None]]:
        known = self._known
        stored, head = known.entry.stored, known.head
        if stored is None:
            return
        yield "sha256", stored.sha256
        yield "version", stored.version_id
        archived_at = known.entry.archived_at
        yield "proof", proof_sentence(known, self._time(archived_at) if archived_at else None)
        if head and head.lock:
            yield "locked", f"until {self._time(head.lock.until)} ({head.lock.mode.lower()})"
        if known.is_held:
            yield "on hold", ", ".join(known.held_for) or "yes"
        if known.others:
            yield "others", f"{len(known.others)} foreign versions lie at this key"

    def _document(self) -> dict[str, Any]:
        known, stored = self._known, self._known.entry.stored
        at, what = known.next or (None, None)
        looked = known.verified
        return {
            "recording": known.document,
            "proof": {
                "sha256": stored.sha256 if stored else None,
                "bytes": stored.size_bytes if stored else None,
                "version_id": stored.version_id if stored else None,
                "s3": _s3(known),
                "seal": _seal(known.seal),
                "verified": {"at": looked[0], "result": looked[1]} if looked else None,
            },
            "holds": known.held_for,
            "accesses": None
            if self._accesses is None
            else [
                {"at": each.at, "who": each.who, "what": each.what, "reason": each.reason} for each in self._accesses
            ],
            "story": [
                {"at": event.at, "what": event.what, "by": event.by, "detail": event.detail} for event in known.story
            ],
            "next": {"at": at, "what": self._output.again(what)} if what else None,
            "first_bytes": self._first.hex() if self._first is not None else None,
            "guess": guess(self._first) if self._first is not None else None,
        }


def _accesses(archive: Archive, row: Row) -> Sequence[Access] | None:
    """Accesses to the recording; None where the person's policy does not show them."""
    try:
        return log_of(archive).of(digest_of(row.source, row.recording_id))
    except ArchiveTrouble as trouble:
        if not trouble.code.startswith("AccessDenied"):
            raise
        return None


def _with(state: str, reason: str | None) -> str:
    return f"{state}: {reason}" if reason else state


def _s3(known: Dossier) -> dict[str, Any] | None:
    head = known.head
    if head is None:
        return None
    checksum = head.sha256.hex() if head.sha256 else f"crc32 {head.crc32:08x}" if head.crc32 is not None else None
    return {
        "last_modified": head.last_modified,
        "storage_class": head.storage_class,
        "checksum": checksum,
        "lock": {"mode": head.lock.mode, "until": head.lock.until} if head.lock else None,
        "legal_hold": head.held,
    }


def _seal(seal: Seal | None) -> dict[str, Any] | None:
    if seal is None:
        return None
    return {"key": seal.key, "sequence": seal.sequence, "sha256": seal.sha256, "signed": seal.signed}


def _first_bytes(bucket: Bucket, known: Dossier) -> bytes | None:
    stored = known.entry.stored
    if stored is None:
        return None
    try:
        with bucket.read(stored.key, version_id=stored.version_id, end=_FIRST) as pieces:
            return b"".join(pieces)
    except (NotThere, Unreadable):
        return None


def guess(first: bytes) -> str:
    """A guess at bytes of no known kind, by their beginning."""
    stripped: bytes = first.lstrip()
    for beginning, what in _BEGINNINGS.items():
        if first.startswith(beginning) or stripped.startswith(beginning):
            return what
    if first and all(32 <= byte < 127 or byte in b"\r\n\t" for byte in first):
        return "text"
    return "of no known kind"
