"""An embedded AWS that also counts what DynamoDB would bill: its emulator's own figures are wrong.

Write units: the item as it was or as it is, whichever is larger, by the started KB; each index that its entry changes
in costs as much again. Read units: started blocks of 4 KB, half of that where the read need not be consistent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from ops.local.moto.embedded_aws import REGION, EmbeddedAws, calling

_WRITES = ("PutItem", "UpdateItem", "DeleteItem")
_INDEXES = {"due": ("due_group", "due_at"), "day": ("day", "pk")}
_WRITE_BYTES, _READ_BYTES = 1024, 4096

Attributes = Mapping[str, Any]
"""An item as it goes over the wire: each value under the letter of its type."""


class MeteredAws(EmbeddedAws):
    """Under `units.write` and `units.read` in `calls`, beside the calls themselves."""

    def _send(self, event_name: str, request: AWSPreparedRequest, **unused: Any) -> AWSResponse:
        service, operation = event_name.split(".")[1:]
        if service != "dynamodb":
            return super()._send(event_name, request, **unused)
        with self._lock:
            asked = json.loads(cast("bytes", request.body))
            key = asked.get("Key") or {"pk": asked.get("Item", {}).get("pk")}
            before = _item(asked, key) if operation in _WRITES else {}
            answer = super()._send(event_name, request, **unused)
            counted = self.calls[calling.get()]
            if operation in _WRITES:
                counted["units.write"] += write_units(before, _item(asked, key))
            elif operation in ("GetItem", "BatchGetItem", "Query"):
                units = math.ceil(2 * _read_units(operation, asked, answer.content)) / 2
                counted["units.read"] += units  # type: ignore[assignment]  # a Counter adds halves as well
        return answer


def write_units(before: Attributes, after: Attributes) -> int:
    """Of one write, or of one whose condition failed, after which the item is as it was."""
    units = max(1, math.ceil(max(item_size(before), item_size(after)) / _WRITE_BYTES))
    for partition, sort in _INDEXES.values():
        keys = [
            tuple(str(item[name]) for name in (partition, sort)) if {partition, sort} <= item.keys() else None
            for item in (before, after)
        ]
        if keys[0] != keys[1]:
            units += sum(key is not None for key in keys)
    return units


def item_size(item: Attributes) -> int:
    """What an item takes, as DynamoDB's documentation counts: names and values."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Attributes) -> int:
    ((letter, content),) = value.items()
    match letter:
        case "S":
            return len(content.encode())
        case "N":
            return len(content.strip("-0.").replace(".", "")) // 2 + 2
        case "L":
            return 3 + sum(1 + _size(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(each) for name, each in content.items())
        case "B":
            return len(content) * 3 // 4
        case _:
            return 1


def _read_units(operation: str, asked: Mapping[str, Any], content: bytes) -> float:
    answered = json.loads(content)
    if operation == "GetItem":
        return _blocks(item_size(answered.get("Item", {})), consistent=asked.get("ConsistentRead", False))
    if operation == "Query":
        read = sum(item_size(each) for each in answered.get("Items", []))
        return _blocks(read, consistent=asked.get("ConsistentRead", False))
    return sum(_batch_units(table, answered) for table in asked["RequestItems"].items())


def _batch_units(asked: tuple[str, Mapping[str, Any]], answered: Mapping[str, Any]) -> float:
    """Each key is read by itself; a projection makes no read cheaper, so items are taken from the table whole."""
    name, wanted = asked
    return sum(
        _blocks(item_size(_item({"TableName": name}, key)), consistent=wanted.get("ConsistentRead", False))
        for key in wanted["Keys"]
    )


def _blocks(size: int, *, consistent: bool) -> float:
    return max(1, math.ceil(size / _READ_BYTES)) * (1.0 if consistent else 0.5)


def _item(asked: Mapping[str, Any], key: Mapping[str, Any]) -> Attributes:
    """As the table holds it; empty where it does not."""
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[asked["TableName"]]
    if key["pk"] is None:
        return {}
    found: Any = table.items.get(DynamoType(key["pk"]))
    attributes: Attributes = found.to_json()["Attributes"] if found else {}
    return attributes


def items(name: str) -> Iterator[Attributes]:
    """All items of a table."""
    for found in dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[name].items.values():
        given: Any = found
        yield given.to_json()["Attributes"]
