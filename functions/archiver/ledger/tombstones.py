"""Tombstones: they keep a recording that was erased or has expired from coming back while its provider still lists it.

A tombstone names no recording: its key is the digest of source and id. A source has a mark from its first one on, so
that a listing of a source without any looks for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Literal

from functions.archiver.clock import Clock, iso
from functions.archiver.ledger.conditions import Equals, KeyRange
from functions.archiver.ledger.table import Refused, Table
from functions.archiver.object_keys import digest_of

Why = Literal["erased", "expired"]


class Tombstones:
    """Those of one source. They have no term."""

    def __init__(self, table: Table, *, source: str, clock: Clock) -> None:
        self._table = table
        self._source = source
        self._clock = clock

    @property
    def mark(self) -> str:
        """The key of the item that says that the source has a tombstone."""
        return f"{self._source}#tombstones"

    def bury(self, recording_id: str, day: date, why: Why) -> bool:
        """From now on nothing puts this recording into the ledger; False when that was so before.

        `day` is the recording's own, for the counts of a day.
        """
        return self.bury_digest(digest_of(self._source, recording_id), day, why)

    def bury_digest(self, digest: str, day: date, why: Why) -> bool:
        """As `bury`, where nobody knows the id any more."""
        self._table.put_new({"pk": self.mark, "since": iso(self._clock.now())})
        stone = {
            "pk": self._pk(digest),
            "kind": "tombstone",
            "source": self._source,
            "state": why,
            "buried_at": iso(self._clock.now()),
            "day": day_of_tombstones(self._source, day, why),
        }
        if self._table.put_new(stone):
            return True
        if why == "erased":
            self._take_from_term(stone)
        return False

    def _take_from_term(self, stone: Mapping[str, str]) -> None:
        """Takes the tombstone of an expired recording over for its erasure."""
        put = {name: value for name, value in stone.items() if name != "pk"}
        with suppress(Refused):  # it was erased before
            self._table.update(stone["pk"], put=put, when=Equals("state", "expired"))

    def of_day(self, day: date, why: Why) -> set[str]:
        """The digests of a day's recordings."""
        keys = self._table.query("day", KeyRange(day_of_tombstones(self._source, day, why)))
        return {key["pk"].rpartition("#")[2] for key in keys}

    def of(self, ids: Sequence[str]) -> set[str]:
        """Which of these recordings must not come back. One read for each hundred."""
        by_pk = {self._pk(digest_of(self._source, id_)): id_ for id_ in ids}
        return {by_pk[pk] for pk in self._table.get_many(list(by_pk), [])}

    def erased(self, ids: Sequence[str]) -> set[str]:
        """Those whose erasure has at least begun. One read for each hundred."""
        by_pk = {self._pk(digest_of(self._source, id_)): id_ for id_ in ids}
        found = self._table.get_many(list(by_pk), ["state"])
        return {by_pk[pk] for pk, stone in found.items() if stone.get("state") == "erased"}

    def count(self, day: date, why: Why = "erased") -> int:
        """As `count_buried`."""
        return count_buried(self._table, self._source, day, why)

    def _pk(self, digest: str) -> str:
        return f"{self._source}#tombstone#{digest}"


def count_buried(table: Table, source: str, day: date, why: Why = "erased") -> int:
    """How many of a source's recordings of a day were erased, or expired, as far as they have a tombstone."""
    return table.count("day", KeyRange(day_of_tombstones(source, day, why)))


def day_of_tombstones(source: str, day: date, why: Why) -> str:
    """The tombstones' own partitions of the index of days, which those of recordings never meet."""
    return f"{source}#{why}#{day.isoformat()}"
