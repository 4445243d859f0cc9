"""Which recordings are verified, a day at a time, from either kind of archive."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import groupby

from functions.archiver.ledger.items import day_in, pk_of
from functions.archiver.ledger.table import Item
from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive
from ops.local.healing import is_kept, items_of
from ops.shell.moments import in_zone
from ops.verify import forgotten
from ops.verify.sidecars import NEEDED


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which recordings. `sample` of each source are chosen at random; the same `seed` chooses the same ones."""

    ids: tuple[str, ...] = ()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    sample: int | None = None
    seed: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it takes whole days, so that objects of no recording can be told."""
        return not self.ids and self.sample is None

    def of(self, items: Iterable[Item], zone: tzinfo) -> Iterator[Item]:
        """Those that are meant, of one source."""
        for item in items:
            named = not self.ids or item["recording_id"] in self.ids
            if named and self.takes_day(day_in(item), zone):
                yield item

    def takes_day(self, day: str, zone: tzinfo) -> bool:
        """Whether any of a day (UTC) is within --from and --to, which are days in the archive's zone."""
        first = in_zone(self.since, zone).date().isoformat() if self.since else ""
        last = in_zone(_end_of(self.until), zone).date().isoformat() if self.until else "9999"
        return first <= day <= last


def _end_of(until: datetime) -> datetime:
    """The last moment of a date; a time of day is itself the end."""
    return until if until.time() != time.min else until + timedelta(days=1, microseconds=-1)


class SelectedItems:
    """The recordings of an archive that a selection takes. Each reading is one pass over the ledger's items."""

    def __init__(self, archive: Archive, selection: Selection) -> None:
        self._archive = archive
        self._selection = selection

    def days(self, source: str) -> Iterator[tuple[str, list[Item]]]:
        """The kept recordings that are meant, by day, the oldest first."""
        kept = filter(is_kept, self._selection.of(self._of(source), self._archive.zone))
        for day, items in groupby(self._sample(kept), key=day_in):
            yield day, list(items)

    def everything(self, source: str) -> Iterator[Item]:
        """Every recording of the source, by day."""
        if isinstance(self._archive, FolderArchive):
            yield from self._archive.table.by_day(source)
            return
        for day in sorted(self._days_of(source)):
            yield from items_of(self._archive.table, source, date.fromisoformat(day), also=(*NEEDED, *forgotten.NEEDED))

    def _of(self, source: str) -> Iterator[Item]:
        if not self._selection.ids or isinstance(self._archive, FolderArchive):
            yield from self.everything(source)
            return
        pks = [pk_of(source, id_) for id_ in self._selection.ids]
        found = (self._archive.table.get(pk) for pk in pks)
        yield from sorted((item for item in found if item and "day" in item), key=day_in)

    def _days_of(self, source: str) -> set[str]:
        """The days with recordings: one scan of the table, which costs less than asking for each day there was."""
        if not hasattr(self, "_known_days"):
            self._known_days: dict[str, set[str]] = {}
            for item in self._archive.table.scan():
                if item.get("kind") == "recording" and "day" in item:
                    self._known_days.setdefault(str(item["source"]), set()).add(day_in(item))
        days = self._known_days.get(source, set())
        return {day for day in days if self._selection.takes_day(day, self._archive.zone)}

    def _sample(self, items: Iterable[Item]) -> Iterable[Item]:
        """All, or so many by a digest of seed and key: what else is there changes nothing in whether one is chosen."""
        if self._selection.sample is None:
            return items
        seed = self._selection.seed
        chosen = heapq.nsmallest(
            self._selection.sample,
            items,
            key=lambda item: hashlib.sha256(f"{seed}\n{item['source']}\n{item['recording_id']}".encode()).digest(),
        )
        return sorted(chosen, key=day_in)
