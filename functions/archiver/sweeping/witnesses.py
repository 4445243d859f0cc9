"""The witnesses of a source's recordings, and their common statement about one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from functions.archiver.bucket.bucket import Bucket, Head, NotThere, Version
from functions.archiver.bucket.digest import digest_of
from functions.archiver.clock import Clock
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.at_source import AtSource
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.provider.paging import every_page
from functions.archiver.provider.provider import Provider
from functions.archiver.reconciling.days import midnight
from functions.archiver.reconciling.report import bytes_differ
from functions.archiver.recording import Recording
from functions.archiver.sealing.document import name_of
from functions.archiver.sweeping.rules import (
    Proof,
    Suspicious,
    check_head,
    check_listed,
    line_of,
    why_not_yet,
    why_unlocked,
)
from functions.archiver.sweeping.seals import SealedDay, StoredSeals

Shown = Mapping[str, Recording]
"""What the source lists of a day, by id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Witnesses:
    """Ledger, seals, bucket and the source itself, where `provider` asks with the right to delete."""

    source: str
    ledger: Ledger
    marks: AtSource
    bucket: Bucket
    seals: StoredSeals
    provider: Callable[[], Provider]
    clock: Clock
    after: timedelta
    seconds_left: Callable[[], float] = lambda: 900.0

    def check_bucket(self, day: date, entries: Sequence[Entry]) -> None:
        """Every archived recording of the day is in its place, as the latest version of its key. Raises Suspicious."""
        by_key: dict[str, list[Version]] = defaultdict(list)
        for version in self.bucket.versions(f"audio/source={self.source}/date={day.isoformat()}/"):
            by_key[version.key].append(version)
        for entry in entries:
            what = bytes_differ(entry, by_key) if entry.state is State.ARCHIVED else None
            if what:
                self._check_erasure(entry)
                raise Suspicious(f"the bucket contradicts the ledger about a recording of {day}: {what}")

    def _check_erasure(self, entry: Entry) -> None:
        """Raises Suspicious with the way out where an erasure is the reason that something is not there."""
        if self.ledger.tombstones.erased([entry.recording.id]):
            raise Suspicious(
                f"the erasure of a recording of {entry.day} has begun and not ended: "
                "`recordings erase --deferred` ends what was cut short"
            )

    def look(self, day: date) -> Shown:
        """Lists the day at the source. Raises the source's outcomes."""
        shown: dict[str, Recording] = {}
        for page in every_page(self.provider(), midnight(day), midnight(day + timedelta(days=1))):
            shown |= {recording.id: recording for recording in page.recordings}
        return shown

    def compare(self, entries: Sequence[Entry], shown: Shown) -> None:
        """Raises Suspicious where the source's list contradicts an archived recording, or a deleted one."""
        for entry in entries:
            recording = shown.get(entry.recording.id)
            if recording is None or entry.state is not State.ARCHIVED or entry.stored is None:
                continue
            # Contradictions that were known when it was archived stand in the whole item alone.
            unlike = recording.size_bytes not in (None, entry.stored.size_bytes)
            whole = self.ledger.find(entry.recording.id) if unlike else None
            check_listed(whole or entry, recording, lists_deleted=self.provider().declaration.lists_deleted)

    def prove(self, recording_id: str, sealed: SealedDay) -> Proof | str:
        """The recording as ledger, seal and bucket have it at this moment, or why it stays. Raises Suspicious."""
        now = self.clock.now()
        entry = self.ledger.find(recording_id)
        why = "expired" if entry is None else why_not_yet(entry, now, self.after)
        if entry is None or entry.stored is None or why is not None:
            return why or "not archived"
        stored = entry.stored
        line = line_of(entry, sealed.lines.get(name_of(stored.key, stored.version_id)))
        if line is None:
            return "not in the seal of its day"
        head = self._head(stored)
        if head is None:
            self._check_erasure(entry)
        checksum = check_head(stored, head, entry.day)
        unlocked = why_unlocked(head, now) if head and self.bucket.locks else None
        if unlocked:
            return unlocked
        until = head.lock.until if head and head.lock else None
        return Proof(entry=entry, line=line, seal=sealed.ref, checked_at=now, checksum=checksum, locked_until=until)

    def _head(self, stored: Stored) -> Head | None:
        """The very version. A folder counts no checksum by itself: there the file is read."""
        head = self.bucket.head(stored.key, version_id=stored.version_id)
        if head is None or self.bucket.locks:
            return head
        try:
            digest = digest_of(self.bucket, stored.key, version_id=stored.version_id)
        except NotThere:
            return None
        return replace(head, size_bytes=digest.size_bytes, sha256=digest.sha256)
