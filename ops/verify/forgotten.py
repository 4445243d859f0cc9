"""Sealed recordings that the ledger does not know any more, though nobody erased them and their term is not over.

Somebody may have taken them away with their rows: then only the seals of their day still speak of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.bucket.verifying import Finding
from functions.archiver.clock import from_iso
from functions.archiver.ledger.items import day_in
from functions.archiver.ledger.story import story_of
from functions.archiver.ledger.table import Item, Table
from functions.archiver.ledger.terms import is_over
from functions.archiver.ledger.tombstones import count_buried
from functions.archiver.object_keys import date_in
from functions.archiver.sealing.document import day_folder, number_in, seal_folder
from ops.local.healing import items_of
from ops.shell.texts import counted
from ops.verify.sealed_day import SealedDay

NEEDED = ("archived_at", "held", "expires_at", "story")
"""The attributes of an item that are looked at, besides those that tell what it keeps."""

_REPLACED = ("altered", "absent")


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """Looks for them in one source. `takes_day` says which days are meant."""

    bucket: Bucket
    table: Table
    source: str
    takes_day: Callable[[str], bool]

    def among(self, items: Iterable[Item]) -> Iterator[Finding]:
        """One finding for each day that has some. `items` are all recordings of those days, ordered by day.

        A term ends first for what was archived first. So what was archived after anything that is still there, and on
        no hold, has not gone by its term.
        """
        now, kept_since, suspects, seen = datetime.now(UTC), datetime.max.replace(tzinfo=UTC), list[str](), set[str]()
        for day, grouped in groupby(items, key=day_in):
            of_day = list(grouped)
            seen.add(day)
            kept_since = min([kept_since, *_kept_since(of_day, now)])
            if self._unknown(day, of_day):
                suspects.append(day)
        for day in sorted({*suspects, *(self._sealed_days() - seen)}):
            # Read again: what was sealed a moment ago had no row yet when its day was read.
            of_day = list(items_of(self.table, self.source, date.fromisoformat(day), also=NEEDED))
            number = sum(moment > kept_since for moment in self._unknown(day, of_day)) - self._explained(day, of_day)
            if number > 0:
                yield self._finding(day, number)

    def _unknown(self, day: str, items: Sequence[Item]) -> Sequence[datetime]:
        """When those were archived that a seal of the day names, and that are none of these items."""
        return SealedDay(self.bucket, self.source, day).archived_at_of_unknown(items)

    def _sealed_days(self) -> set[str]:
        keys = self.bucket.keys(seal_folder(self.source))
        return {day for key in keys if number_in(key) and self.takes_day(day := date_in(key))}

    def _explained(self, day: str, items: Sequence[Item]) -> int:
        """How many of the day were erased, have expired, or were fetched anew in place of other bytes."""
        of = date.fromisoformat(day)
        erased, expired = (count_buried(self.table, self.source, of, why) for why in ("erased", "expired"))
        return erased + expired + sum(map(_was_replaced, items))

    def _finding(self, day: str, number: int) -> Finding:
        why = f"{counted(number)} of {day} {'was' if number == 1 else 'were'} sealed, not erased, and not in the ledger"
        key = day_folder(self.source, date.fromisoformat(day))
        return Finding(result="absent", source=self.source, recording_id="", key=key, why=why)


def _kept_since(items: Iterable[Item], now: datetime) -> Iterator[datetime]:
    for item in items:
        if "archived_at" in item and not item.get("held") and not is_over(item, now):
            yield from_iso(str(item["archived_at"]))


def _was_replaced(item: Item) -> bool:
    return any(code in _REPLACED for _, code, _ in story_of(item.get("story", ())))
