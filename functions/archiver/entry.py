"""A recording as the ledger knows it, and as an item of the table holds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal

from functions.archiver import attributes
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.story import Event
from functions.archiver.object_keys import Place
from functions.archiver.recording import Contradiction, Json, Recording, Rendition

Kind = Literal["recording", "lookup", "transcript"]
DiscoveredBy = Literal["schedule", "webhook", "backfill", "reconcile"]


class State(StrEnum):
    """Where a recording stands."""

    PENDING = "pending"
    QUEUED = "queued"
    ARCHIVED = "archived"
    GONE = "gone"
    FAILED = "failed"
    QUARANTINED = "quarantined"  # stable bytes of no known kind, kept
    ALTERED = "altered"  # archived once, and its bytes are no longer what they were
    ABSENT = "absent"  # archived once, and its bytes are not there
    ERASED = "erased"  # of no item: a tombstone keeps it from coming back


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A recording's object in the archive. `crc32` is as S3 writes it, of what went up in parts.

    `contradictions` are what the provider claimed and the bytes, which have the last word, showed to be otherwise.
    `rendition` is what was asked for, where the provider offers several.
    """

    key: str
    version_id: str | None = None
    size_bytes: int
    sha256: str
    content_type: str
    crc32: str | None = None
    codec: str | None = None
    channels: int | None = None
    contradictions: tuple[Contradiction, ...] = ()
    rendition: Rendition | None = None

    def to_item(self) -> dict[str, Json]:
        """As attributes of the ledger's item."""
        return attributes.to_item(self, attributes.STORED)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Stored | None:
        """The stored object by an item or a sidecar; None when it names none."""
        return cls(**attributes.from_json(item, attributes.STORED)) if "sha256" in item else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """The right to work on one waiting item: which one, and until when it is nobody else's (the lease's end).

    `hinted` once it is read that an event alone names it; no message carries that.
    """

    kind: Kind
    source: str
    id: str
    lease_ms: int
    hinted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """The little that a listing needs of an item it meets again."""

    state: State
    unfinished: bool
    said: str | None = None
    day: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An item that is due, as an index shows it; `due_ms` is what a claim on it is conditional on."""

    pk: str
    due_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One recording, or follow-up, as the ledger knows it. Times are UTC.

    `noted` is what an attempt was about to write when it was last heard of: an object that is just that is its own.
    `attempts` are the recording's own failures, `troubles` the source's while this recording was asked for, `queued`
    how often it was put into a lane. `missing_since` is the first 404, `unfinished_since` the first *not ready*.
    `accepted`: a person knows of its failure and leaves it so. `held`: a case keeps it.
    `deleting_since`: we have asked, or are about to ask, the source to delete it. `deleted_at_source`: it did.
    `metadata_sha256` is of its sidecar, as it was written last; None where that is older than such digests.
    `gone_at_source`: it had lost it by itself when we were about to ask.
    `story` is what happened, in short.
    `day` is the UTC date under which it is archived: recorded on, or found on where the provider tells no time. It is
    fixed with the first facts, so a provider that changes its mind cannot make a second object of one recording.
    """

    kind: Kind
    recording: Recording
    state: State
    source: str
    due_ms: int | None = None
    day: date
    found_at: datetime
    discovered_by: DiscoveredBy
    attempts: int = 0
    troubles: int = 0
    queued: int = 0
    reason: str | None = None
    missing_since: datetime | None = None
    unfinished_since: datetime | None = None
    unfinished_looks: int = 0
    noted: Stored | None = None
    stored: Stored | None = None
    archived_at: datetime | None = None
    metadata_sha256: str | None = None
    failed_at: datetime | None = None
    accepted: bool = False
    held: bool = False
    deleting_since: datetime | None = None
    deleted_at_source: datetime | None = None
    gone_at_source: datetime | None = None
    story: tuple[Event, ...] = ()
    described: bool = True

    @property
    def place(self) -> Place:
        """Where it belongs in the archive."""
        return Place(source=self.source, day=self.day, recording_id=self.recording.id)
