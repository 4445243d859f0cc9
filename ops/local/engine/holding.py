"""Whether a condition holds for an item, as DynamoDB would say."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeGuard

from functions.archiver.ledger.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    Equals,
    Exists,
    Missing,
    OneOf,
)
from functions.archiver.ledger.table import Item


def holds(condition: Condition, item: Item) -> bool:
    """Whether it does; `item` is empty where there is none."""
    match condition:
        case AllOf(parts):
            return all(holds(part, item) for part in parts)
        case AnyOf(parts):
            return any(holds(part, item) for part in parts)
        case Exists(name):
            return name in item
        case Missing(name):
            return name not in item
        case Equals(name, value):
            return _same(item.get(name), value)
        case OneOf(name, values):
            return any(_same(item.get(name), value) for value in values)
        case AtMost(name, value):
            return _is_number(number := item.get(name)) and number <= value
        case AtLeast(name, value):
            return _is_number(number := item.get(name)) and number >= value


def _same(found: object, value: object) -> bool:
    """Equal and of one type: to Python, True is 1."""
    return _kind(found) == _kind(value) and found == value


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    return "number" if _is_number(value) else type(value).__name__


def _is_number(value: object) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
