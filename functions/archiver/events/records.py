"""The records of the table's stream, as Lambda hands them over.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from functions.archiver.events.changes import Change
from functions.archiver.ledger.table import Item
from functions.archiver.ledger.wire_format import read

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
    return read(image) if image else None
