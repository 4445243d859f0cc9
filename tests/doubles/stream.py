"""The table's stream: records of real writes, and Lambda's look at them through the filter's patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from functions.archiver.ledger.conditions import Condition
from functions.archiver.ledger.table import Item, Table

Record = dict[str, Any]
BY_TERM = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_WIRE = TypeSerializer()


class StreamedTable:
    """A table that keeps a record of each write, with its images in the wire's form."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.records: list[Record] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def put_new(self, item: Mapping[str, object]) -> bool:
        return self._table.put_new(item) and self._kept(None, str(item["pk"]))

    def update(
        self,
        pk: str,
        *,
        put: Mapping[str, object],
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: Condition | None = None,
    ) -> Item:
        before = self._table.get(pk)
        after = self._table.update(pk, put=put, remove=remove, add=add, when=when)
        self._kept(before, pk)
        return after

    def delete(self, pk: str, *, when: Condition) -> bool:
        before = self._table.get(pk)
        return self._table.delete(pk, when=when) and self._kept(before, pk)

    def _kept(self, before: Item | None, pk: str) -> bool:
        self.records.append(a_record(before, self._table.get(pk), len(self.records) + 1))
        return True


def a_record(before: Item | None, after: Item | None, number: int) -> Record:
    """As Lambda hands it over."""
    images = {name: image(item) for name, item in (("OldImage", before), ("NewImage", after)) if item}
    told = {"ApproximateCreationDateTime": datetime.now(UTC).timestamp(), "SequenceNumber": f"{number:021}", **images}
    name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    return {"eventID": str(number), "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": told}


def image(item: Item) -> Record:
    """An item in the wire's form."""
    return {name: _WIRE.serialize(value) for name, value in item.items()}


def matches(pattern: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether a record passes: `exists`, `anything-but` and equality, of leaves alone."""
    return all(
        matches(wanted, value.get(name) or {})
        if isinstance(wanted, Mapping)
        else any(_leaf(each, value, name) for each in wanted)
        for name, wanted in pattern.items()
    )


def _leaf(wanted: Any, value: Mapping[str, Any], name: str) -> bool:
    there = name in value and not isinstance(value[name], Mapping | list)
    match wanted:
        case {"exists": bool() as exists}:
            return there is exists
        case {"anything-but": list() as others}:
            return there and value[name] not in others
    return there and value[name] == wanted
