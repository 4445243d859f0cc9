"""One record of who has seen, heard or taken what, written before it happens."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, Protocol

from functions.archiver.object_keys import digest_of

What = Literal["view", "listen", "download", "url", "export", "hold", "release", "erase"]

MAX_REASON = 500


class NotRecorded(Exception):
    """The record could not be written, so what it is about must not happen. The text is for the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """`recording` is the digest of source and id; `recording_id` is None once the recording was erased.

    `version` is the version of the program that wrote it. `previous` chains the lines of a local archive.
    """

    at: datetime
    who: str
    what: str
    source: str
    recording: str
    recording_id: str | None
    reason: str
    version: str
    previous: str | None = None

    @classmethod
    def of(
        cls, what: What, source: str, recording_id: str, *, at: datetime, who: str, reason: str, version: str
    ) -> Access:
        """A new one."""
        digest = digest_of(source, recording_id)
        return cls(
            at=at,
            who=who,
            what=what,
            source=source,
            recording=digest,
            recording_id=recording_id,
            reason=_without(recording_id, digest, reason)[:MAX_REASON],
            version=version,
        )

    def document(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "at": self.at.isoformat(),
            "who": self.who,
            "what": self.what,
            "source": self.source,
            "recording_id": self.recording_id,
            "recording": self.recording,
            "reason": self.reason,
            "version": self.version,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Access:
        """From what `document` wrote. Raises KeyError, TypeError, ValueError for anything else."""
        return cls(
            at=datetime.fromisoformat(document["at"]),
            who=str(document["who"]),
            what=str(document["what"]),
            source=str(document["source"]),
            recording=str(document["recording"]),
            recording_id=document.get("recording_id"),
            reason=str(document["reason"]),
            version=str(document["version"]),
            previous=document.get("previous"),
        )

    def digest(self) -> str:
        """The digest without the id, so that an erasure, which takes the id away, leaves the chain whole."""
        form = replace(self, recording_id=None).document() | {"previous": self.previous}
        text = json.dumps(form, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _without(recording_id: str, digest: str, reason: str) -> str:
    """A reason that names its own recording names it by its digest: no erasure reaches what lies on AWS."""
    return re.sub(rf"(?<![\w-]){re.escape(recording_id)}(?![\w-])", digest[:12], reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """Records of some days, oldest first. `broken` names the places where the log is not what it was written as."""

    accesses: Sequence[Access]
    broken: Sequence[str] = ()


class AccessLog(Protocol):
    """Where an archive keeps its records."""

    @property
    def writers(self) -> int:
        """How many may write at a time."""

    def write(self, access: Access) -> None:
        """Returns when the record is safe. Raises NotRecorded."""

    def read(self, first: date, last: date) -> Records:
        """The records of these days (UTC), both included."""

    def of(self, recording: str) -> Sequence[Access]:
        """The records about one recording, by its digest. Raises ArchiveTrouble."""


def chain_faults(accesses: Iterator[tuple[int, Access]]) -> Iterator[str]:
    """A sentence for each line that does not follow from the one before it."""
    previous: str | None = None
    for line, access in accesses:
        if access.previous != previous:
            yield f"line {line} does not follow from the line before it: lines were changed, taken out or put in"
        previous = access.digest()
