"""Which recordings may be deleted at their source. Pure: what is asked of ledger, seal and bucket is handed in.

What is not ripe stays and is counted by its reason. What contradicts something else raises Suspicious, and then nothing
more is deleted at all: deleting is the only step here that nobody can take back.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from functions.archiver.archiving.completeness import LISTED_SIZE
from functions.archiver.archiving.content_types import names_format
from functions.archiver.bucket.bucket import Head
from functions.archiver.bucket.digest import crc_text
from functions.archiver.clock import iso
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Readiness, Recording
from functions.archiver.sealing.document import Line

LEAST_A_ROUND = 10
"""A small source may delete so many in a round, however few it had in the last days."""

WEEK_DAYS = 7

_UNKNOWN_AT_MOST = 10


class Suspicious(Exception):
    """Something looks wrong, in words for a person: nothing more is deleted until a round finds it in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SealRef:
    """The seal that vouches for a recording."""

    key: str
    sequence: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """One recording that may go, and what was found of it right before. `locked_until` is None in a folder."""

    entry: Entry
    line: Line
    seal: SealRef
    checked_at: datetime
    checksum: str
    locked_until: datetime | None


def limit_of(archived_last_week: int) -> int:
    """How many may be deleted in a round: twice the mean of the last 7 days, and at least ten."""
    return max(LEAST_A_ROUND, math.ceil(2 * archived_last_week / WEEK_DAYS))


def why_not_yet(entry: Entry, now: datetime, after: timedelta) -> str | None:
    """Why the ledger keeps a recording at its source for now; None for one that may go if all else agrees."""
    if entry.deleted_at_source or entry.gone_at_source:
        return "done"
    if entry.state is not State.ARCHIVED or entry.stored is None or entry.accepted:
        return "not archived"
    if entry.held:
        return "held"
    if entry.archived_at is None or now - entry.archived_at < after:
        return "waiting"
    return None


def line_of(entry: Entry, line: Line | None) -> Line | None:
    """The recording's line in the seal of its day; None where the seal does not name it yet. Raises Suspicious."""
    stored = entry.stored
    assert stored is not None
    if line is None or line.archived_at is None:
        return None
    sealed = (line.sha256, line.bytes, line.archived_at)
    if sealed != (stored.sha256, stored.size_bytes, iso(entry.archived_at) if entry.archived_at else None):
        raise Suspicious(f"the seal of {entry.day} says something else of a recording than the ledger")
    return line


def check_head(stored: Stored, head: Head | None, day: object) -> str:
    """The checksum that the bucket gives for the very version that was archived. Raises Suspicious."""
    if head is None:
        raise Suspicious(f"an archived recording of {day} is not in the bucket")
    if head.size_bytes != stored.size_bytes:
        raise Suspicious(f"an archived recording of {day} has another size in the bucket")
    if head.sha256 is not None:
        if head.sha256.hex() != stored.sha256:
            raise Suspicious(f"an archived recording of {day} has another SHA-256 in the bucket")
        return f"sha256 {stored.sha256}"
    if head.crc32 is None or stored.crc32 is None or crc_text(head.crc32) != stored.crc32:
        raise Suspicious(f"an archived recording of {day} has another checksum in the bucket, or none")
    return f"crc32 {stored.crc32}"


def why_unlocked(head: Head, now: datetime) -> str | None:
    """Why the bucket's lock does not allow it: only what nobody can delete from the archive may go."""
    if head.held:
        return "held"
    if head.lock is None or head.lock.until <= now:
        return "not locked"
    return None


def check_listed(entry: Entry, shown: Recording | None, *, lists_deleted: bool) -> None:
    """Checks the source's own description of the recording. Raises Suspicious where it contradicts the archive."""
    if shown is None:
        return
    ready = shown.readiness is Readiness.READY
    if entry.deleted_at_source and ready and not lists_deleted:
        raise Suspicious(f"the source still lists a recording of {entry.day} that it said it had deleted")
    stored, size = entry.stored, shown.size_bytes
    if entry.deleted_at_source or stored is None or size is None or size == stored.size_bytes or not ready:
        return
    if not names_format(shown.content_type or "", stored.content_type):
        return  # the size is that of another form than the one that was sent
    known = any(each.what == LISTED_SIZE and each.claimed == f"{size} bytes" for each in stored.contradictions)
    if not known:
        raise Suspicious(f"the source lists a recording of {entry.day} with another size than was archived")


def check_count(day: object, *, listed: int, known: int) -> None:
    """Raises Suspicious where the source lists far more of a day than its seal knows."""
    if listed > 2 * known + _UNKNOWN_AT_MOST:
        raise Suspicious(f"the source lists {listed} recordings of {day}, and its seal knows {known}")
