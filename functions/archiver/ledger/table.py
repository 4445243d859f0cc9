"""The table behind the ledger, as a port: single items, conditional writes, two sparse indexes.

`dynamodb` is the table of an archive on AWS. Other engines keep the same promises and refuse the same items;
tests/contract/ports holds all of them to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any, Literal, Protocol

from functions.archiver.ledger.conditions import Condition, KeyRange

Item = dict[str, Any]
"""One item: texts, numbers, booleans, and lists and maps of these. Numbers come back as int or Decimal, whatever they
went in as. Leaves this package's edge only as the dataclasses of `entry`."""

Index = Literal["due", "day"]
"""`due` orders the items that wait by `due_group` and `due_at` (a number), `day` orders recordings by `day` and `pk`.
An item that lacks one of the two attributes is not in the index."""


class Refused(Exception):
    """A condition did not hold. `item` is what the table holds instead; None where it holds nothing."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition does not hold")
        self.item = item


class Unacceptable(ValueError):
    """No table takes such an item, key or number, however often it is asked: too long, empty or of a wrong type."""


class Table(Protocol):
    """Items by their partition key `pk`. Attributes may have any name, whatever an engine's language reserves.

    Every method but `query` and `count` sees what was written before it began. Every write is one step: two that meet
    happen one after the other, and the condition of the second is held against what the first left. Writes raise
    Unacceptable.
    """

    def get(self, pk: str) -> Item | None:
        """The item."""

    def get_many(self, pks: Sequence[str], attributes: Sequence[str]) -> dict[str, Item]:
        """The items that exist, by pk, with `pk` and `attributes` only."""

    def put_new(self, item: Mapping[str, object]) -> bool:
        """Puts an item that must not exist yet; False when it does. An attribute that is None is left out."""

    def update(
        self,
        pk: str,
        *,
        put: Mapping[str, object],
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: Condition | None = None,
    ) -> Item:
        """Sets, removes and adds attributes in one write if `when` holds; the whole item as it is then.

        None as a value removes the attribute; what is added to a missing one is added to zero; an item that does not
        exist is made. Raises Refused with the present item when the condition does not hold.
        """

    def delete(self, pk: str, *, when: Condition) -> bool:
        """Deletes the item if `when` holds; whether it did."""

    def query(self, index: Index, key: KeyRange, *, limit: int | None = None, newest_first: bool = False) -> list[Item]:
        """The keys (`pk` and those of the index) of items, by the sort key, at most `limit`. May be a moment behind."""

    def count(self, index: Index, key: KeyRange, *, prefix: str = "") -> int:
        """How many items `query` would find whose `pk` begins with `prefix`. May be a moment behind.

        Only of `due` a prefix may be asked for.
        """

    def scan(self) -> Iterator[Item]:
        """Every item, in no order. For a whole export; no function on AWS may do this."""


AT_ONCE = 500
"""Items that are held in memory together, however many are read one after the other."""


def batches(pks: Iterable[str]) -> Iterator[list[str]]:
    """The keys, so many at a time."""
    rest = iter(pks)
    while some := list(islice(rest, AT_ONCE)):
        yield some


def items_of(table: Table, pks: Iterable[str], attributes: Sequence[str]) -> Iterator[Item]:
    """The items that exist of these different keys, with `pk` and `attributes` only, a few hundred in memory."""
    for some in batches(pks):
        yield from table.get_many(some, attributes).values()


def items_of_day(table: Table, source: str, day: date, attributes: Sequence[str]) -> Iterator[Item]:
    """What the ledger holds of the recordings of one day (UTC), a few hundred in memory beside their keys."""
    keys = table.query("day", KeyRange(f"{source}#{day.isoformat()}"))
    return items_of(table, (key["pk"] for key in keys), attributes)
