"""Hands recordings over: a zip with their bytes, where they come from, and what anybody needs to check both.

Each recording is read by version and hashed before it goes into the zip, by way of a temporary file.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, Literal

from functions.archiver.bucket.bucket import Bucket, NotThere, Unreadable
from functions.archiver.clock import Clock, from_ms, iso
from functions.archiver.entry import Stored
from functions.archiver.ledger.holds import cases_of
from functions.archiver.ledger.items import entry_of, pk_of
from functions.archiver.ledger.story import LEFT_OUT
from functions.archiver.ledger.table import Item
from functions.archiver.object_keys import digest_of, safe_name
from functions.archiver.sealing.signing import Signer
from functions.archiver.vitals import VitalsReader
from ops.accesses.recording import Recorder, log_of
from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive
from ops.export.bundle import Bundle, new_bundle
from ops.export.completeness import SealedDays, add_public_keys, add_reports, add_seals, verdict_on
from ops.export.documents import certificate, custody, readme
from ops.holds.cases import Cases
from ops.index.rows import Row
from ops.shell.version import version
from ops.verify.sidecars import settled, why_altered

SCHEMA = "recordings.manifest/1"
_TOLD_BY_CASES = ("hold", "release")
PIECE_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 16 * 1024 * 1024

For = Literal["court", "access-request"]
_NOT_FOR_ACCESS = ("agent", "provider_document", "discovered_by", "attempts")
"""Fields of a sidecar that are of others than whose call it is, or of nobody's use to them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportRequest:
    """An export. `query` is what was asked for, as typed and in UTC."""

    case: str
    reason: str
    purpose: For = "court"
    query: Mapping[str, Any] = field(default_factory=dict)
    days: Mapping[str, Sequence[date]] = field(default_factory=dict)
    """Days by source that the query spans, also where nothing was found."""
    allow_unverified: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportResult:
    """The result of an export. `left_out` are not in it; `altered` counts those, in it or not, that do not verify."""

    path: Path
    recordings: int
    bytes: int
    altered: int
    left_out: Sequence[Mapping[str, Any]]


class Exporting:
    """Exports from one archive, in the name of whoever is at work."""

    def __init__(self, archive: Archive, *, signer: Signer | None = None) -> None:
        self._archive = archive
        self._signer = signer
        self._recorder = Recorder(archive)
        self._case = functools.cache(Cases(archive.bucket).get)
        self._now = datetime.now(UTC)

    def write(self, path: Path, rows: Sequence[Row], wanted: ExportRequest) -> ExportResult:
        """The zip at `path`, where nothing may be. Raises FileExistsError, OSError, NotRecorded, Failure."""
        with new_bundle(path, self._now) as bundle:
            return self._fill(bundle, path, sorted(rows, key=lambda row: row.sort_ms), wanted)

    def _fill(self, bundle: Bundle, path: Path, rows: Sequence[Row], wanted: ExportRequest) -> ExportResult:
        days: dict[str, set[date]] = defaultdict(set, {source: set(some) for source, some in wanted.days.items()})
        for row in rows:
            days[row.source].add(row.day)
        court = wanted.purpose == "court"
        complete, sealed = self._completeness(bundle, days) if court else ([], {})
        items: list[dict[str, Any]] = []
        left_out: list[dict[str, Any]] = []
        steps: list[dict[str, Any]] = []
        for row in rows:
            item = self._archive.table.get(pk_of(row.source, row.recording_id)) or {}
            made = self._add_recording(bundle, len(items) + 1, row, item, wanted)
            if "why" in made:
                left_out.append(made)
            else:
                seal = sealed[row.source].seal_of(row.day, made["key"], made["version_id"]) if court else None
                items.append(made | {"seal": seal})
                steps += list(self._steps(row, item)) if court else []
        manifest = self._manifest(wanted, items, left_out, complete)
        self._add_documents(bundle, manifest, rows, steps, court=court)
        return ExportResult(
            path=path,
            recordings=len(items),
            bytes=manifest["totals"]["bytes"],
            altered=sum(not item["same"] or item["metadata_problem"] is not None for item in items)
            + sum(bool(each["altered"]) for each in left_out),
            left_out=left_out,
        )

    # one recording

    def _add_recording(
        self, bundle: Bundle, number: int, row: Row, item: Item, wanted: ExportRequest
    ) -> dict[str, Any]:
        named = {"source": row.source, "recording_id": row.recording_id}
        stored = Stored.from_item(item)
        if stored is None:
            return {**named, "why": f"{row.state}: {item.get('reason') or 'nothing is kept of it'}", "altered": False}
        place = entry_of(item).place
        self._recorder.record("export", row.source, row.recording_id, wanted.case)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
            try:
                sha256 = _spool(self._archive.bucket, stored, spool)
            except (NotThere, Unreadable) as trouble:
                absent = isinstance(trouble, NotThere)
                why = "its bytes are not there" if absent else "its storage class has to be restored first"
                return {**named, "why": why, "altered": absent}
            same = sha256 == stored.sha256
            if not same and not wanted.allow_unverified:
                return {**named, "why": "its bytes are not what was archived", "altered": True}
            body = self._document(place.metadata)
            wrong = self._why_altered(body, item)
            if wrong and not wanted.allow_unverified:
                return {**named, "why": wrong, "altered": True}
            name = f"{number:04}-{safe_name(row.recording_id)}"
            file = f"recordings/{name}.{stored.key.removeprefix(place.audio_stem).rpartition('.')[2]}"
            bundle.add(file, _pieces(spool))
        if body is not None:
            bundle.add(f"metadata/{name}.json", [_for_access(body) if wanted.purpose == "access-request" else body])
        transcript = self._document(place.transcript)
        if transcript is not None:
            bundle.add(f"transcripts/{name}.json", [transcript])
        metadata = {"metadata_sha256": item.get("metadata_sha256"), "metadata_problem": wrong}
        return {**self._describe(row, item, stored, file, sha256), **metadata}

    def _why_altered(self, body: bytes | None, item: Item) -> str | None:
        if body is None:
            return "its sidecar is not there"
        return why_altered(body, item) and why_altered(body, settled(self._archive.table, item))

    def _document(self, key: str) -> bytes | None:
        try:
            with self._archive.bucket.read(key) as pieces:
                return b"".join(pieces)
        except NotThere:
            return None

    def _describe(self, row: Row, item: Item, stored: Stored, file: str, sha256: str) -> dict[str, Any]:
        head = self._archive.bucket.head(stored.key, version_id=stored.version_id)
        s3 = None
        if head is not None:
            s3 = {
                "last_modified": iso(head.last_modified),
                "storage_class": head.storage_class,
                "checksum": head.sha256.hex() if head.sha256 else None,
                "lock": {"mode": head.lock.mode, "until": iso(head.lock.until)} if head.lock else None,
                "legal_hold": head.held,
            }
        return {
            "file": file,
            "source": row.source,
            "recording_id": row.recording_id,
            "call_id": row.call_id,
            "recorded_at": iso(row.recorded_at) if row.recorded_at else None,
            "recorded_at_raw": item.get("recorded_at_raw"),
            "key": stored.key,
            "version_id": stored.version_id,
            "bytes": stored.size_bytes,
            "sha256_at_archiving": stored.sha256,
            "sha256_now": sha256,
            "same": sha256 == stored.sha256,
            "crc32": stored.crc32,
            "found_at": item.get("found_at"),
            "discovered_by": item.get("discovered_by"),
            "archived_at": item.get("archived_at"),
            "s3": s3,
        }

    def _steps(self, row: Row, item: Item) -> Iterator[dict[str, Any]]:
        """The steps of a recording, from its story; who placed a hold, from the case."""
        named = {"source": row.source, "recording_id": row.recording_id}
        for at, what, detail in item.get("story", ()):
            if what != LEFT_OUT:
                moment = iso(from_ms(int(at) * 1000))
                yield {**named, "at": moment, "who": "the archive", "what": what, "detail": detail}
        for case in cases_of(item):
            known = self._case(case)
            if known:
                placed = known.placed
                yield {**named, "at": iso(placed.at), "who": placed.who, "what": "on hold", "detail": case}
        yield {**named, "at": iso(self._now), "who": self._archive.person.name, "what": "exported", "detail": ""}

    # the whole

    def _completeness(
        self, bundle: Bundle, days: Mapping[str, set[date]]
    ) -> tuple[list[dict[str, Any]], dict[str, SealedDays]]:
        verdicts: list[dict[str, Any]] = []
        sealed: dict[str, SealedDays] = {}
        for source, some in sorted(days.items()):
            reports = add_reports(bundle, self._archive.bucket, source, sorted(some))
            sealed[source] = add_seals(bundle, self._archive.bucket, source, some)
            for day in sorted(some):
                said = verdict_on(day, sealed[source].newest.get(day), reports.get(day))
                verdicts.append({"source": source, **said})
        add_public_keys(bundle, self._archive.bucket)
        return verdicts, sealed

    def _manifest(
        self,
        wanted: ExportRequest,
        items: Sequence[Mapping[str, Any]],
        left_out: Sequence[Mapping[str, Any]],
        complete: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        number, _, commit = version().partition(" ")
        sources = {str(each["source"]) for each in (*items, *left_out, *complete)}
        moment = iso(self._now)
        return {
            "schema": SCHEMA,
            "id": hashlib.sha256(f"{wanted.case}\n{moment}\n{self._archive.person.name}".encode()).hexdigest()[:16],
            "case": wanted.case,
            "reason": wanted.reason,
            "for": wanted.purpose,
            "made_at": moment,
            "made_by": self._archive.person.name,
            "tool": {"version": number, "commit": commit.strip("()") or None},
            "archive": self._whose(),
            "source": {name: self._origin(name) for name in sorted(sources)},
            "query": dict(wanted.query),
            "zone": self._archive.zone.key,
            "totals": {
                "recordings": len(items),
                "bytes": sum(item["bytes"] for item in items),
                "left_out": len(left_out),
            },
            "complete": list(complete),
            "items": list(items),
            "left_out": [dict(each) for each in left_out],
        }

    def _origin(self, source: str) -> dict[str, str | None]:
        origin = VitalsReader(self._archive.table, source=source, clock=Clock()).origin()
        return {"provider": origin.provider, "host": origin.host}

    def _whose(self) -> dict[str, Any]:
        bucket = None if isinstance(self._archive, FolderArchive) else self._archive.unique_name.removeprefix("bucket ")
        return {"name": self._archive.name, "bucket": bucket, "stack": self._archive.name if bucket else None}

    def _add_documents(
        self,
        bundle: Bundle,
        manifest: Mapping[str, Any],
        rows: Sequence[Row],
        steps: list[dict[str, Any]],
        *,
        court: bool,
    ) -> None:
        if court:
            bundle.add_text("custody.csv", custody([*steps, *self._accesses(rows)]))
            bundle.add_text("certificate-902.txt", certificate(manifest))
        bundle.add_json("manifest.json", manifest)
        bundle.add_text("README.html", readme(manifest))
        bundle.add_text("verify.py", Path(__file__).with_name("verify.py").read_text(encoding="utf-8"))
        bundle.finish(self._signer)

    def _accesses(self, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
        """Earlier accesses; the export itself is already among the steps."""
        if not rows:
            return
        ids = {digest_of(row.source, row.recording_id): row for row in rows}
        log = log_of(self._archive).read(min(row.day for row in rows), self._now.date())
        for access in log.accesses:
            row = ids.get(access.recording)
            if row and access.at < self._now and access.what not in _TOLD_BY_CASES:
                yield {
                    "at": iso(access.at),
                    "who": access.who,
                    "what": access.what,
                    "source": row.source,
                    "recording_id": row.recording_id,
                    "detail": access.reason,
                }


def _spool(bucket: Bucket, stored: Stored, spool: IO[bytes]) -> str:
    """Reads the archived version into a temporary file; its SHA-256."""
    digest = hashlib.sha256()
    with bucket.read(stored.key, version_id=stored.version_id) as pieces:
        for piece in pieces:
            digest.update(piece)
            spool.write(piece)
    spool.seek(0)
    return digest.hexdigest()


def _pieces(spool: IO[bytes]) -> Iterator[bytes]:
    while piece := spool.read(PIECE_BYTES):
        yield piece


def _for_access(body: bytes) -> bytes:
    """A sidecar for the person whose call it is."""
    try:
        document = json.loads(body)
    except ValueError:
        return b"{}\n"
    kept = {name: value for name, value in document.items() if name not in _NOT_FOR_ACCESS}
    return json.dumps(kept, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
