"""Which items a table takes, and how one stands in a file: DynamoDB's rules, so that an archive can move to AWS.

Sizes are counted as DynamoDB counts them: names and texts by their UTF-8 bytes, a number by its digits.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html and CapacityUnitCalculations.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from functions.archiver.ledger.table import Item, Unacceptable

LONGEST_ITEM_BYTES = 400 * 1024
LONGEST_KEY_BYTES = 2048
LONGEST_SORT_KEY_BYTES = 1024
"""Of `pk` too, because it is the sort key of the index `day`."""

MAX_DIGITS = 38
LARGEST_EXPONENT, SMALLEST_EXPONENT = 125, -130
DEEPEST = 32
_MAX_DUE = 2**63 - 1


def acceptable(item: Mapping[str, object]) -> Item:
    """The item as a table keeps it: without what is None, numbers as int or Decimal. Raises Unacceptable."""
    kept: Item = {}
    size = 0
    for name, value in item.items():
        if value is not None:
            kept[name], length = _storable(value, 1)
            size += _name_bytes(name) + length
    if size > LONGEST_ITEM_BYTES:
        raise Unacceptable(f"an item of {size} bytes is larger than {LONGEST_ITEM_BYTES}")
    check_key(kept.get("pk"), "pk", LONGEST_SORT_KEY_BYTES)
    for key in ("due_group", "day"):
        if key in kept:
            check_key(kept[key], key, LONGEST_KEY_BYTES)
    due = kept.get("due_at", 0)
    if isinstance(due, bool) or not isinstance(due, int) or abs(due) > _MAX_DUE:
        raise Unacceptable("due_at has to be a whole number of milliseconds")
    return kept


def check_key(value: object, name: str, longest: int = LONGEST_KEY_BYTES) -> None:
    """Raises Unacceptable for what can be no key."""
    if not isinstance(value, str) or not value:
        raise Unacceptable(f"the key {name} has to be a text that is not empty")
    if _text_bytes(value) > longest:
        raise Unacceptable(f"the key {name} has more than {longest} bytes")


def changed(
    item: Item, *, put: Mapping[str, object], remove: Iterable[str], add: Mapping[str, int]
) -> dict[str, object]:
    """The item after an update, yet to be accepted. Raises Unacceptable for what is no update."""
    named = [*put, *remove, *add]
    if not named:
        raise Unacceptable("an update that changes nothing")
    if len(set(named)) < len(named):
        raise Unacceptable("an update that names an attribute twice")
    if "pk" in named:
        raise Unacceptable("an update of the key pk")
    after: dict[str, object] = {name: value for name, value in item.items() if name not in remove}
    after |= put
    for name, number in add.items():
        before = item.get(name, 0)
        if isinstance(before, bool) or not isinstance(before, int | Decimal):
            raise Unacceptable(f"{name} is no number to add to")
        after[name] = before + number
    return after


def to_text(item: Item) -> str:
    """An acceptable item as JSON. A number that is no int stands as `{"": "1.5"}`: no attribute has an empty name."""
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"), default=lambda number: {"": str(number)})


def from_text(text: str) -> Item:
    """The item of `to_text`."""
    item: Item = json.loads(text, object_hook=_number_or_map) if '{"":' in text else json.loads(text)
    return item


def _number_or_map(found: dict[str, Any]) -> object:
    return Decimal(found[""]) if "" in found else found


def _storable(value: object, depth: int) -> tuple[object, int]:
    """A value as it is kept, and its size in bytes."""
    match value:
        case str():
            return str.__str__(value), _text_bytes(value)
        case bool() | None:
            return value, 1
        case int() | float() | Decimal():
            return _number(value)
        case Mapping() | list() | tuple() if depth >= DEEPEST:
            raise Unacceptable(f"values are nested more than {DEEPEST} deep")
        case Mapping():
            parts = {name: _storable(part, depth + 1) for name, part in value.items()}
            size = 3 + sum(_name_bytes(name) + length + 1 for name, (_, length) in parts.items())
            return {name: part for name, (part, _) in parts.items()}, size
        case list() | tuple():
            elements = [_storable(part, depth + 1) for part in value]
            return [part for part, _ in elements], 3 + sum(length + 1 for _, length in elements)
    raise Unacceptable(f"a value of the type {type(value).__name__}")


def _number(value: int | float | Decimal) -> tuple[int | Decimal, int]:
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise Unacceptable(f"{number} is no number")
    if len(digits) > MAX_DIGITS:
        raise Unacceptable(f"a number of {len(digits)} digits has more than {MAX_DIGITS}")
    if number and not SMALLEST_EXPONENT <= number.adjusted() <= LARGEST_EXPONENT:
        raise Unacceptable(f"{number} is outside of the range of numbers")
    size = (len(digits) + 1) // 2 + 1 + (number < 0)
    return (int(number) if exponent == 0 else number), size


def _name_bytes(name: object) -> int:
    if not isinstance(name, str) or not name:
        raise Unacceptable("an attribute without a name")
    return _text_bytes(name)


def _text_bytes(text: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise Unacceptable("a text that is not Unicode") from None
