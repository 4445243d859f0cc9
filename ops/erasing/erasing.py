"""Erases recordings: everything of them in the bucket, the ledger and on this machine, and leaves a tombstone of each.

Each step can be done again. The order's record comes first and the item in the ledger goes last, so an erasure that was
cut short is completed by the same command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from functions.archiver.bucket.bucket import Bucket, Head, Locked
from functions.archiver.bucket.everything import versions_of
from functions.archiver.clock import Clock
from functions.archiver.entry import State
from functions.archiver.ledger.holds import cases_of
from functions.archiver.ledger.items import pk_of
from functions.archiver.ledger.table import Item
from functions.archiver.ledger.tombstones import Tombstones
from functions.archiver.ledger.totals import Totals
from functions.archiver.object_keys import digest_of
from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive
from ops.erasing.orders import Deferred, Erased, Order, Orders, new_name
from ops.erasing.traces import Scrubber, Trace, scrub_folder, scrub_reports
from ops.holds.placing import HeldRecording, each_of, held_recording_of
from ops.index.forgetting import erase_from_index
from ops.index.rows import Row

_DOWNLOADED = "being downloaded at this moment"


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A recording that is to go, and what keeps it: the cases that hold it, or the end of its lock."""

    row: Row
    kept: HeldRecording
    keys: Sequence[str]
    why: str | None = None
    until: datetime | None = None
    queued: int = 0
    """How often it was put into a lane before its objects went."""

    @property
    def digest(self) -> str:
        """As records name it."""
        return digest_of(self.row.source, self.row.recording_id)

    @property
    def deferred(self) -> Deferred:
        """As the record says that it stays for now."""
        return Deferred(digest=self.digest, why=self.why or "", until=self.until)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The result of an order."""

    order: str
    erased: int
    deferred: Sequence[Candidate]
    index_is_clean: bool


class Erasing:
    """Works on one archive in the name of whoever is at work. With `break_glass` a governance lock keeps nothing."""

    def __init__(self, archive: Archive, *, break_glass: bool = False) -> None:
        self._archive = archive
        self._break_glass = break_glass
        self._orders = Orders(archive.bucket)
        self._is_folder = isinstance(archive, FolderArchive)

    def look(self, rows: Sequence[Row]) -> list[Candidate]:
        """The candidates, with what keeps each of them now."""
        return list(each_of(self._look, rows))

    def _look(self, row: Row) -> Candidate:
        item = self._archive.table.get(pk_of(row.source, row.recording_id)) or {}
        kept = held_recording_of(row)
        versions = [version for version in versions_of(self._archive.bucket, kept.place) if not version.deleted]
        heads = [self._archive.bucket.head(each.key, version_id=each.version_id) for each in versions]
        why, until = self._kept_by(item, [head for head in heads if head])
        return Candidate(row=row, kept=kept, keys=sorted({each.key for each in versions}), why=why, until=until)

    def _kept_by(self, item: Item, heads: Iterable[Head]) -> tuple[str | None, datetime | None]:
        cases = cases_of(item)
        if item.get("state") == State.QUEUED.value and not self._is_folder:
            return _DOWNLOADED, None
        if cases:
            return f"held by {', '.join(cases)}", None
        locked: datetime | None = None
        for head in heads:
            if head.held:
                return "held in the bucket, by no case of the ledger", None
            if head.lock and head.lock.until > datetime.now(UTC) and not self._breaks(head.lock.mode):
                locked = max(locked or head.lock.until, head.lock.until)
        return ("locked", locked) if locked else (None, None)

    def _breaks(self, mode: str) -> bool:
        return self._break_glass and mode == "GOVERNANCE"

    def order(self, found: Sequence[Candidate], *, basis: str, ticket: str) -> Outcome:
        """Erases what nothing keeps, and notes the rest as deferred."""
        now = datetime.now(UTC)
        recordings = [Erased(digest=each.digest, source=each.row.source, day=each.row.day) for each in found]
        order = Order(
            name=new_name(now),
            at=now,
            who=self._archive.person.name,
            basis=basis,
            ticket=ticket,
            recordings=recordings,
        )
        erasing = self._archive.erasing(
            break_glass=self._break_glass
        )  # before anything is written: whoever may not erase orders nothing
        self._orders.begin(order)
        return self._carry_out(order.name, found, erasing)

    def resume(self, orders: Mapping[str, set[str]], found: Sequence[Candidate]) -> Outcome:
        """Erases what earlier orders had to leave. `orders` are digests by the name of the order."""
        erasing = self._archive.erasing(break_glass=self._break_glass)
        outcomes = [
            self._carry_out(name, [each for each in found if each.digest in digests], erasing)
            for name, digests in orders.items()
        ]
        deferred = {each.digest: each for outcome in outcomes for each in outcome.deferred}
        return Outcome(
            order=outcomes[-1].order,
            erased=len(found) - len(deferred),
            deferred=list(deferred.values()),
            index_is_clean=all(outcome.index_is_clean for outcome in outcomes),
        )

    def note_erased(self, orders: Sequence[Order], rows: Sequence[Row]) -> None:
        """Notes what is erased already, and whose note never came to be because somebody's computer went off.

        `rows` are the recordings of these orders that the ledger still has. The item goes last of all, so one that has
        a tombstone and no item is erased.
        """
        left = {digest_of(row.source, row.recording_id) for row in rows}
        for order in orders:
            vanished = [each for each in order.recordings if each.digest in order.open - left]
            buried = {each.digest for each in vanished if self._is_buried(each)}
            if buried:
                deferred = [each for each in order.deferred if each.digest not in buried]
                self._orders.note(order.name, datetime.now(UTC), self._archive.person.name, sorted(buried), deferred)

    def _is_buried(self, erased: Erased) -> bool:
        stones = Tombstones(self._archive.table, source=erased.source, clock=Clock())
        return erased.digest in stones.of_day(erased.day, "erased")

    def _carry_out(self, order: str, found: Sequence[Candidate], erasing: Bucket) -> Outcome:
        free = [each for each in found if each.why is None]
        done = list(each_of(lambda each: self._erase_objects(each, erasing), free))
        erased = self._erase_facts([each for each in done if each.why is None], erasing)
        gone = {each.digest for each in erased}
        clean = self._erase_from_machine(erased)
        last_seen = {each.digest: each for each in (*found, *done)}
        deferred = [_deferred(each) for digest, each in last_seen.items() if digest not in gone]
        self._orders.note(
            order, datetime.now(UTC), self._archive.person.name, sorted(gone), [each.deferred for each in deferred]
        )
        return Outcome(order=order, erased=len(gone), deferred=deferred, index_is_clean=clean)

    def _erase_objects(self, found: Candidate, erasing: Bucket) -> Candidate:
        """The tombstone first, so that no listing brings it back meanwhile; with `why` where something keeps it."""
        ledger = self._archive.ledger(found.row.source)
        ledger.tombstones.bury(found.row.recording_id, found.row.day, "erased")
        queued = ledger.rests(found.row.recording_id, in_a_lane_too=self._is_folder)
        if queued is None:
            return replace(found, why=_DOWNLOADED)
        try:
            for version in list(versions_of(self._archive.bucket, found.kept.place)):
                erasing.delete(version.key, version_id=version.version_id)
        except Locked:
            return replace(found, why="locked")
        return replace(found, queued=queued)

    def _erase_facts(self, found: Sequence[Candidate], erasing: Bucket) -> list[Candidate]:
        """Reports and logs, then the items; those whose item is gone. A hold that came in between keeps its item."""
        scrub = Scrubber([*self._traces(found)])
        for source in sorted({each.row.source for each in found}):
            scrub_reports(self._archive.bucket, erasing, source, scrub)
        if isinstance(self._archive, FolderArchive):
            self._archive.deliver_events()  # before ids are taken out of its lines
            names = [each.row.recording_id for each in found]
            scrub_folder(self._archive.root, names, [key for each in found for key in each.keys], scrub)
        gone = [each for each in found if self._erase_item(each)]
        if isinstance(self._archive, FolderArchive):
            self._archive.deliver_events()
        for source, day in sorted({(each.row.source, each.row.day) for each in gone}):
            Totals(self._archive.table, source=source).forget(day, day)
        return gone

    def _erase_item(self, found: Candidate) -> bool:
        """In a folder nobody downloads meanwhile, whatever a run that was killed left."""
        ledger = self._archive.ledger(found.row.source)
        return ledger.erase(found.row.recording_id, in_a_lane_too=self._is_folder, queued=found.queued)

    def _traces(self, found: Sequence[Candidate]) -> Iterator[Trace]:
        """The recordings, and their calls as far as nothing else is left of them."""
        going = {(each.row.source, each.row.recording_id) for each in found}
        yield from (Trace(source=source, id=id_) for source, id_ in going)
        calls = {(each.row.source, each.row.call_id) for each in found if each.row.call_id}
        for item in self._archive.table.scan() if calls else ():
            if item.get("kind") == "recording" and (item["source"], item["recording_id"]) not in going:
                calls.discard((str(item["source"]), item.get("call_id")))
        yield from (Trace(source=source, id=call) for source, call in calls if call)

    def _erase_from_machine(self, erased: Sequence[Candidate]) -> bool:
        clean = erase_from_index(self._archive, [(each.row.source, each.row.recording_id) for each in erased])
        if isinstance(self._archive, FolderArchive):
            clean = self._archive.table.truncate_log() and clean
        return clean


def _deferred(found: Candidate) -> Candidate:
    """With the reason why it stays: what nothing kept was held, or downloaded, while it was being erased."""
    return found if found.why else replace(found, why="changed while it was being erased")
