"""The records of the table's stream, as Lambda hands them over.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from functions.archiver.events.changes import Change
from functions.archiver.ledger.table import Item

_TERM = "dynamodb.amazonaws.com"
"""Who deletes an item when its time to live is over."""


def change_in(record: Mapping[str, Any]) -> Change:
    """The change that a record tells of. Raises KeyError, TypeError, ValueError for what is no record."""
    told = record["dynamodb"]
    return Change(
        before=_item(told.get("OldImage")),
        after=_item(told.get("NewImage")),
        at=datetime.fromtimestamp(float(told["ApproximateCreationDateTime"]), UTC),
        expired=(record.get("userIdentity") or {}).get("principalId") == _TERM,
    )


def _item(image: Mapping[str, Any] | None) -> Item | None:
    return {name: _value(value) for name, value in image.items()} if image else None


def _value(value: Mapping[str, Any]) -> Any:
    """One value of DynamoDB's JSON, of the kinds that the ledger writes."""
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return Decimal(content)
        case "NULL":
            return None
        case "L":
            return [_value(each) for each in content]
        case "M":
            return {name: _value(each) for name, each in content.items()}
    raise ValueError(f"the ledger has no value of the kind {kind!r}")
