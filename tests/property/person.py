"""Somebody at work on the archive: holds and releases cases and erases recordings, by the code of the verbs.

`protected` is what a hold promised to keep, by case: versions of objects from the moment on at which the hold was
done. `spared` are recordings that were on hold before their provider was asked to delete them. `erased` is what an
erasure said that it erased.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.bucket.everything import versions_of
from functions.archiver.clock import Clock
from functions.archiver.ledger.at_source import DELETING
from functions.archiver.ledger.holds import cases_of
from functions.archiver.ledger.items import pk_of
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.ledger.totals import Counts
from functions.archiver.object_keys import Place
from ops.archive.archive import Person as Who
from ops.erasing.erasing import Candidate, Erasing
from ops.erasing.orders import Orders
from ops.erasing.verbs import rows_of
from ops.holds.cases import Cases
from ops.holds.placing import Holding, held_recording_of
from ops.index.from_ledger import row_of
from ops.index.rows import Row
from ops.shell.output import Failure
from tests.property.faults import Faults, bucket_with, table_with
from tests.property.grounds import Ground

CASES = ("Meyer", "Schmidt ./. Co")

Version = tuple[str, str | None]


class WorldArchive:
    """The archive as a verb opens it where it is deployed: one that functions work on at the same time."""

    name = unique_name = "chaos"
    zone = ZoneInfo("UTC")
    person = Who("somebody", "somebody")
    export_signer = None
    tick_interval = timedelta(minutes=1)

    def __init__(self, table: Table, bucket: Bucket, erasing: Bucket, sources: Sequence[str]) -> None:
        self.table = table
        self.bucket = bucket
        self.sources = sources
        self._erasing = erasing

    def erasing(self, *, break_glass: bool) -> Bucket:
        return self._erasing

    def ledger(self, source: str) -> Ledger:
        return Ledger(self.table, source=source, clock=Clock())

    def counts(self, source: str) -> Counts:
        raise NotImplementedError

    def ringing(self) -> Mapping[str, Sequence[str]]:
        raise NotImplementedError


class Person:
    """Meets faults at each call, as the functions do."""

    def __init__(self, ground: Ground, table: Table, faults: Faults, random: Random, sources: Sequence[str]) -> None:
        self.random = random
        self.protected: dict[str, set[Version]] = defaultdict(set)
        self.spared: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.erased: dict[tuple[str, str], Place] = {}
        self._releases: list[tuple[str, set[tuple[str, str]]]] = []
        self._ground = ground
        self._table = table
        self._faults = faults
        self._sources = sources

    def _archive(self) -> WorldArchive:
        return WorldArchive(
            table_with(self._faults, self._table),
            bucket_with(self._faults, self._ground.bucket),
            bucket_with(self._faults, self._ground.erasing),
            self._sources,
        )

    def _found(self) -> list[Row]:
        """What this person's search finds: one or two recordings."""
        now = datetime.now(UTC)
        rows = [row for item in self._table.scan() if (row := row_of(item, now))]
        rows.sort(key=lambda row: (row.source, row.recording_id))
        return self.random.sample(rows, min(len(rows), self.random.choice((1, 1, 2))))

    def hold(self) -> None:
        case, rows = self.random.choice(CASES), self._found()
        if not rows:
            return
        try:
            Holding(self._archive()).hold(case, "a claim", rows, {})
        except Failure as refused:
            if refused.kind != "being_erased":
                raise
            return
        for row in rows:
            self._rely_on(case, row)

    def _rely_on(self, case: str, row: Row) -> None:
        if any(name == case and (row.source, row.recording_id) in going for name, going in self._releases):
            return  # somebody else is releasing it from this very case: that comes after this hold
        item = self._table.get(pk_of(row.source, row.recording_id))
        if item is None or case not in cases_of(item):
            return  # it was erased meanwhile, or its erasure had begun
        there = versions_of(self._ground.bucket, held_recording_of(row).place)
        self.protected[case] |= {(each.key, each.version_id) for each in there if not each.deleted}
        if DELETING not in item:
            self.spared[case].add((row.source, row.recording_id))

    def release(self) -> None:
        archive, name = self._archive(), self.random.choice(CASES)
        case = Cases(archive.bucket).get(name)
        if case is None:
            return
        holding = Holding(archive)
        held = holding.held_by(name)
        self.check()
        self.protected.pop(name, None)
        self.spared.pop(name, None)
        self._releases.append(release := (name, {(each.source, each.recording_id) for each in held}))
        try:
            holding.release(case, "settled", held)
        finally:
            self._releases.remove(release)

    def erase(self) -> None:
        rows = self._found()
        if not rows:
            return
        erasing = Erasing(self._archive(), break_glass=True)
        found = erasing.look(rows)
        outcome = erasing.order(found, basis="gdpr-17", ticket="4711")
        self._was_told(found, outcome.deferred)

    def erase_deferred(self) -> None:
        """As `erase --deferred` does."""
        archive = self._archive()
        orders = [order for order in Orders(archive.bucket).all() if order.open]
        digests = {order.name: order.open for order in orders}
        rows = rows_of(archive, set().union(*digests.values()))
        erasing = Erasing(archive, break_glass=True)
        erasing.note_erased(orders, rows)
        if rows:
            found = erasing.look(rows)
            self._was_told(found, erasing.resume(digests, found).deferred)

    def _was_told(self, found: Sequence[Candidate], deferred: Sequence[Candidate]) -> None:
        left = {each.digest for each in deferred}
        for each in found:
            if each.digest not in left:
                self.erased[each.row.source, each.row.recording_id] = each.kept.place

    def still_open(self) -> set[str]:
        """The digests that orders have not erased yet."""
        return {digest for order in Orders(self._ground.bucket).all() for digest in order.open}

    def check(self) -> None:
        """Whatever a hold that was done keeps is there."""
        for case, versions in self.protected.items():
            for key, version_id in versions:
                assert self._ground.bucket.head(key, version_id=version_id), f"{key} was deleted, and {case} holds it"
