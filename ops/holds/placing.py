"""Puts recordings on hold, and releases them.

On S3 every version of audio, sidecar and transcript gets a legal hold, which nobody but a holder of the right to
release can take away. A folder cannot be locked against its owner: there the hold is a mark that `erase` and the
sweep of a run respect.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from functions.archiver.bucket.bucket import NotThere
from functions.archiver.bucket.everything import versions_of
from functions.archiver.clock import Clock
from functions.archiver.ledger.holds import Holds, cases_of
from functions.archiver.ledger.items import entry_of
from functions.archiver.ledger.table import Item
from functions.archiver.ledger.tombstones import Tombstones
from functions.archiver.object_keys import Place, digest_of
from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive
from ops.holds.cases import Case, Cases, Record, What
from ops.index.rows import Row
from ops.shell.output import ExitCode, Failure
from ops.shell.texts import counted

THREADS = 16
_AT_ONCE = 1000

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldResult:
    """The result of a hold or a release. `versions` are those of the bucket; `nothing_kept` recordings have none."""

    case: str
    recordings: int
    versions: int = 0
    nothing_kept: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldRecording:
    """A recording by what is needed to find its objects and its item."""

    source: str
    recording_id: str
    place: Place


def held_recording_of(row: Row) -> HeldRecording:
    """By a row of the index."""
    place = Place(source=row.source, day=row.day, recording_id=row.recording_id)
    return HeldRecording(source=row.source, recording_id=row.recording_id, place=place)


class Holding:
    """Works on one archive in the name of whoever is at work."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._cases = Cases(archive.bucket)

    def refuse_without_lock(self) -> None:
        """Raises Failure (REFUSED) for a bucket where a hold would be a word in our table and nothing more."""
        if isinstance(self._archive, FolderArchive) or self._archive.bucket.locks:
            return
        raise Failure(
            ExitCode.REFUSED,
            f"the bucket of {self._archive.name} has no Object Lock, so nothing there would keep a held recording: "
            'set object_lock = "governance" in the deployment file and deploy',
            kind="no_object_lock",
        )

    def hold(self, case: str, reason: str, rows: Sequence[Row], query: Mapping[str, Any]) -> HoldResult:
        """All of them, from now on. Done again, it completes what was cut short. Raises Failure.

        A recording whose erasure has begun is left out: it may be half gone, and a hold would keep that so for ever.
        """
        self.refuse_without_lock()
        asked = len(rows)
        rows = self._without_erased(rows)
        digests = {digest_of(row.source, row.recording_id) for row in rows}
        before = self._cases.get(case)
        if before is None or not digests <= before.recordings:
            self._add(case, "hold", reason, query, sorted(digests))
        done = list(each_of(self._hold, ((case, held_recording_of(row)) for row in rows)))
        self._deliver_events()
        return HoldResult(
            case=case,
            recordings=len(rows),
            versions=sum(done),
            nothing_kept=sum(versions == 0 for versions in done) + asked - len(rows),
        )

    def _without_erased(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Raises Failure where nothing is left."""
        ids: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            ids[row.source].append(row.recording_id)
        erased = {
            (source, id_)
            for source, of_source in ids.items()
            for id_ in Tombstones(self._archive.table, source=source, clock=Clock()).erased(of_source)
        }
        left = [row for row in rows if (row.source, row.recording_id) not in erased]
        if erased and not left:
            raise Failure(
                ExitCode.REFUSED,
                f"the erasure of {counted(len(erased))} has begun: there is nothing to hold any more",
                kind="being_erased",
            )
        return left

    def _deliver_events(self) -> None:
        """On AWS the stream does it."""
        if isinstance(self._archive, FolderArchive):
            self._archive.deliver_events()

    def _hold(self, work: tuple[str, HeldRecording]) -> int:
        """The mark first, so that whoever writes an object from then on holds it; then what is there."""
        case, kept = work
        self._holds(kept.source).hold(kept.recording_id, case)
        return self._set(kept, held=True)

    def held_by(self, case: str) -> list[HeldRecording]:
        """The recordings that the case holds now, by the marks in the ledger, all of which is read."""
        marked = (item for item in self._archive.table.scan() if item.get("kind") == "recording")
        return [_held_recording_in(item) for item in marked if case in cases_of(item)]

    def release(self, case: Case, reason: str, recordings: Sequence[HeldRecording]) -> HoldResult:
        """Other cases still hold what they hold. The record stays. Raises Failure."""
        self._add(case.name, "release", reason, {}, sorted(case.recordings))
        done = list(each_of(self._release, ((case.name, kept) for kept in recordings)))
        self._deliver_events()
        return HoldResult(case=case.name, recordings=len(recordings), versions=sum(done))

    def _release(self, work: tuple[str, HeldRecording]) -> int:
        """The bucket first: while the mark is there, a release that was cut short can be done again."""
        case, kept = work
        holds = self._holds(kept.source)
        item = self._archive.table.get(holds.key(kept.recording_id)) or {}
        if set(cases_of(item)) - {case}:
            holds.release(kept.recording_id, case)
            return 0
        released = self._set(kept, held=False)
        after = holds.release(kept.recording_id, case)
        if after and cases_of(after):  # another case came in between, and its hold was just taken off
            self._set(kept, held=True)
        return released

    def _set(self, kept: HeldRecording, *, held: bool) -> int:
        if not self._archive.bucket.locks:
            return 0
        count = 0
        for version in versions_of(self._archive.bucket, kept.place):
            if not version.deleted:
                try:
                    self._archive.bucket.set_hold(version.key, version_id=version.version_id, held=held)
                except NotThere:
                    continue  # expired since it was listed
                count += 1
        return count

    def _holds(self, source: str) -> Holds:
        return Holds(self._archive.table, source=source, clock=Clock())

    def _add(self, case: str, what: What, reason: str, query: Mapping[str, Any], recordings: Sequence[str]) -> None:
        who = self._archive.person.name
        self._cases.add(
            Record(
                case=case, what=what, at=datetime.now(UTC), who=who, reason=reason, query=query, recordings=recordings
            )
        )


def each_of(work: Callable[[_In], _Out], things: Iterable[_In]) -> Iterator[_Out]:
    """Applies `work` to each by some threads; results in order, with a bounded number under way."""
    waiting = iter(things)
    with ThreadPoolExecutor(THREADS) as threads:
        while some := list(islice(waiting, _AT_ONCE)):
            yield from threads.map(work, some)


def _held_recording_in(item: Item) -> HeldRecording:
    place = entry_of(item).place
    return HeldRecording(source=place.source, recording_id=place.recording_id, place=place)
