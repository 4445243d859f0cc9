"""A day's recordings by its seals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from functions.archiver.bucket.bucket import Bucket, NotThere
from functions.archiver.bucket.verifying import Finding
from functions.archiver.clock import from_iso
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.sealing.document import Line, NoSeal, day_folder, name_of, number_in, read_seal


class SealedDay:
    """The lines of all seals of one day. A seal that cannot be read counts as none: `seal verify` says so."""

    def __init__(self, bucket: Bucket, source: str, day: str) -> None:
        self._bucket = bucket
        self._lines: dict[str, Line] = {}
        self._sidecars: dict[str, str | None] = {}
        for key in bucket.keys(day_folder(source, date.fromisoformat(day))):
            if number_in(key):
                self._read(key)

    def _read(self, key: str) -> None:
        try:
            with self._bucket.read(key) as chunks:
                seal = read_seal(b"".join(chunks))
        except (NotThere, ArchiveTrouble, NoSeal):
            return
        for line in seal.statement.lines:
            self._lines.setdefault(line.name, line)
            self._sidecars[line.name] = line.metadata_sha256  # the newest seal counts: it may have been written again

    def holds(self, item: Mapping[str, Any]) -> bool:
        """Whether a seal names this recording."""
        return self._name(item) in self._lines

    def archived_at_of_unknown(self, items: Iterable[Mapping[str, Any]]) -> list[datetime]:
        """When those recordings were archived that a seal names, and that are none of these, nor have their bytes."""
        kept = [item for item in items if "key" in item]
        names, digests = {self._name(item) for item in kept}, {item.get("sha256") for item in kept}
        unknown = (line for name, line in self._lines.items() if name not in names and line.sha256 not in digests)
        return [from_iso(line.archived_at) for line in unknown if line.archived_at]

    def sidecar_of(self, item: Mapping[str, Any]) -> str | None:
        """The SHA-256 of the recording's sidecar by the newest seal; None where none has it."""
        return self._sidecars.get(self._name(item))

    def compared(self, item: Mapping[str, Any], finding: Finding) -> Finding:
        """The finding, or that the ledger itself says otherwise than when its day was sealed."""
        sealed = self._lines.get(self._name(item))
        if finding.result == "same" and sealed is not None and sealed.sha256 != item["sha256"]:
            return replace(finding, result="altered", why="its day was sealed with another SHA-256")
        return finding

    @staticmethod
    def _name(item: Mapping[str, Any]) -> str:
        return name_of(str(item["key"]), item.get("version_id"))
