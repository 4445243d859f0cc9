"""The table's items as DynamoDB and its stream write them: every value with its type.

boto3 writes this form too, but only for its resources, which take longer to load than everything of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any

from functions.archiver.ledger.table import Item

Written = dict[str, Any]
"""A value with its type as the only key."""

_NUMBERS = Context(prec=38, Emin=-128, Emax=126, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])
"""Numbers that DynamoDB takes. One that it would round is refused."""

_OF_OTHERS = frozenset(("B", "BS", "NS", "SS"))


def written(item: Mapping[str, object]) -> dict[str, Written]:
    """An item. Raises TypeError and DecimalException for what no table takes."""
    return {name: value_written(value) for name, value in item.items()}


def value_written(value: object) -> Written:
    """One value. Raises as `written`."""
    match value:
        case None:
            return {"NULL": True}
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | Decimal():
            return {"N": _number(value)}
        case float():
            return {"N": _number(Decimal(str(value)))}
        case Mapping():
            return {"M": written(value)}
        case list() | tuple():
            return {"L": [value_written(each) for each in value]}
    raise TypeError(f"a {type(value).__name__} is none of the ledger's values")


def read(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """An item; its numbers are Decimal. Raises ValueError for what the ledger never writes."""
    return {name: value_read(value) for name, value in item.items()}


def read_from_table(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """An item without what somebody else has put into it: sets and bytes, which the ledger never writes."""
    return read({name: value for name, value in item.items() if not value.keys() & _OF_OTHERS})


def value_read(value: Mapping[str, Any]) -> Any:
    """One value. Raises as `read`."""
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return Decimal(content)
        case "M":
            return read(content)
        case "L":
            return [value_read(each) for each in content]
        case "NULL":
            return None
    raise ValueError(f"the ledger has no value of the kind {kind!r}")


def _number(value: int | Decimal) -> str:
    number = _NUMBERS.create_decimal(value)
    if not number.is_finite():
        raise TypeError(f"{number} is no number")
    return str(number)
