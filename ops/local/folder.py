"""The output folder of a local run: every object of the bucket under its key, the ledger and the run in figures.

Objects are written through as they are put, by a temporary file and a rename, so that a run killed at any moment
leaves whole files only. A second run reads back what is there and trusts nothing that does not match its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from functions.archiver.bucket.sidecar import entry_of, without_document
from functions.archiver.entry import DiscoveredBy, Entry, State
from functions.archiver.recording import Recording

LEDGER = "ledger.jsonl"
RUN = "run.json"
LOG = "log.jsonl"
_PART = ".part"
_CHUNK = 1024 * 1024


class Folder:
    """One output folder. Raises OSError with the path when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.path.mkdir(parents=True, exist_ok=True)
        for leftover in self.path.rglob(f"*{_PART}"):
            leftover.unlink()

    def write(self, key: str, chunks: Iterable[bytes]) -> Path:
        """Writes one object under its key; it appears whole or not at all."""
        target = (self.path / key).resolve()
        if not target.is_relative_to(self.path):
            raise ValueError(f"the key {key!r} leads out of {self.path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name[:200]}{_PART}")
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        part.replace(target)
        return target

    def archived(self) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
        """Every recording whose sidecar and audio are here and match, with its sidecar."""
        for sidecar in sorted(self.path.glob("metadata/source=*/date=*/*.json")):
            try:
                document = json.loads(sidecar.read_bytes())
                entry = entry_of(document)
            except (ValueError, KeyError, TypeError):
                continue  # cut short or not ours: the recording is fetched again
            if self._holds(entry):
                yield without_document(entry), document

    def _holds(self, entry: Entry) -> bool:
        stored = entry.stored
        path = self.path / stored.key if stored else self.path
        if stored is None or not path.is_file() or path.stat().st_size != stored.size_bytes:
            return False
        return digest(path) == stored.sha256

    def unfinished(self) -> Iterator[Entry]:
        """What an earlier run left gone, or not archived yet: tried again, so that a second run mends."""
        path = self.path / LEDGER
        for line in path.read_text().splitlines() if path.exists() else []:
            fields = json.loads(line)
            if fields["state"] != State.ARCHIVED.value:
                yield _left(fields)

    def write_ledger(self, entries: Iterable[Entry]) -> None:
        """`ledger.jsonl`: one line per recording, ordered by source, time and id."""
        rows = sorted((_row(entry) for entry in entries), key=_order)
        lines = (f"{json.dumps(row, ensure_ascii=False)}\n".encode("utf-8", "replace") for row in rows)
        self.write(LEDGER, lines)

    def write_run(self, figures: Mapping[str, Any]) -> None:
        """`run.json`."""
        self.write(RUN, [json.dumps(figures, indent=2).encode(), b"\n"])


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
    return sha256.hexdigest()


def _row(entry: Entry) -> dict[str, Any]:
    moment = entry.recording.recorded_at
    return {
        "source": entry.source,
        "recording_id": entry.recording.id,
        "call_id": entry.recording.call_id,
        "recorded_at": moment.isoformat() if moment else None,
        "state": entry.state.value,
        "attempts": entry.attempts,
        "reason": entry.reason,
        "key": entry.stored.key if entry.stored else None,
        "bytes": entry.stored.size_bytes if entry.stored else None,
        "sha256": entry.stored.sha256 if entry.stored else None,
    }


def _order(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["source"], row["recorded_at"] or "", row["recording_id"]


def _left(fields: Mapping[str, Any]) -> Entry:
    recorded = datetime.fromisoformat(fields["recorded_at"]) if fields["recorded_at"] else None
    gone = fields["state"] == State.GONE.value
    discovered: DiscoveredBy = "schedule"
    return Entry(
        kind="recording",
        recording=Recording(id=fields["recording_id"], call_id=fields["call_id"], recorded_at=recorded),
        state=State.GONE if gone else State.PENDING,
        source=fields["source"],
        day=(recorded or datetime.now(UTC)).date(),
        found_at=datetime.now(UTC),
        discovered_by=discovered,
        reason=fields["reason"] if gone else None,
        described=gone,
    )
