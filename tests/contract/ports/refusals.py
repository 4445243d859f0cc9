"""What no table takes: one list for every engine.

Each entry is what somebody might try with a table that holds an item `there`, and the engines that let it pass although
DynamoDB refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from functions.archiver.ledger.conditions import Exists, KeyRange, OneOf
from functions.archiver.ledger.table import Item, Table

THERE: Item = {"pk": "there", "text": "a", "yes": True, "due_group": "g", "due_at": 5, "n": 10**38 - 1}
KIB = 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    attempt: Callable[[Table], object]
    but_not_by: tuple[str, ...] = ()


def _put(**attributes: object) -> Refusal:
    return Refusal(lambda table: table.put_new({"pk": "new", **attributes}))


def _put_unlike_moto(**attributes: object) -> Refusal:
    return Refusal(lambda table: table.put_new({"pk": "new", **attributes}), but_not_by=("dynamodb",))


def _pk(pk: object) -> Refusal:
    return Refusal(lambda table: table.put_new({"pk": pk}))


def _update(**put: object) -> Refusal:
    return Refusal(lambda table: table.update("there", put=put))


def _update_unlike_moto(**put: object) -> Refusal:
    return Refusal(lambda table: table.update("there", put=put), but_not_by=("dynamodb",))


def _nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = [value]
    return value


REFUSALS: dict[str, Refusal] = {
    "no pk": Refusal(lambda table: table.put_new({"state": "pending"})),
    "an empty pk": _pk(""),
    "a pk that is a number": _pk(5),
    "a pk of 1,025 bytes": _pk("x" * 1025),
    "a pk of 1,026 bytes in 513 letters": _pk("ä" * 513),
    "a pk of 2,049 bytes": _pk("x" * 2049),
    "an update of an empty pk": Refusal(lambda table: table.update("", put={"a": 1}), but_not_by=("dynamodb",)),
    "an update of a pk of 2,049 bytes": Refusal(lambda table: table.update("x" * 2049, put={"a": 1})),
    "a deletion of an empty pk": Refusal(lambda table: table.delete("", when=Exists("pk")), but_not_by=("dynamodb",)),
    "a read of an empty pk": Refusal(lambda table: table.get("")),
    "401 KiB": _put(raw="x" * 401 * KIB),
    "401 KiB in many attributes": _put(**{f"a{number}": "x" * KIB for number in range(401)}),
    "401 KiB in a list": _put(raw=["x" * KIB] * 401),
    "401 KiB in letters of two bytes": _put(raw="ä" * (401 * KIB // 2)),
    "401 KiB of names": _put(**{"x" * KIB + str(number): True for number in range(401)}),
    "an update to 401 KiB": _update_unlike_moto(raw="x" * 401 * KIB),
    "an index key that is empty": _put(day=""),
    "an index key that becomes empty": _update_unlike_moto(day=""),
    "a group that is empty": _put(due_group="", due_at=5),
    "a group that is a number": _put_unlike_moto(due_group=5, due_at=5),
    "a day that is a boolean": _put_unlike_moto(day=True),
    "a day of 2,049 bytes": _put_unlike_moto(day="x" * 2049),
    "a due time that is a text": _put_unlike_moto(due_group="g", due_at="5"),
    "a due time that becomes a text": _update_unlike_moto(due_at="5"),
    "a due time that is a text, without a group": _put_unlike_moto(due_at="5"),
    "a due time that is a boolean": _put_unlike_moto(due_at=True),
    "a number of 39 digits": _put(n=10**38),
    "a number of 39 digits in a map": _put(map={"n": [10**38 + 1]}),
    "a number of 39 digits behind the point": _put(n=Decimal("1." + "1" * 38)),
    "an update to 39 digits": _update(n=-(10**38) - 1),
    "a sum of 39 digits": Refusal(lambda table: table.update("there", put={}, add={"n": 1}), but_not_by=("dynamodb",)),
    "1E+126": _put_unlike_moto(n=Decimal("1E+126")),
    "1E-131": _put_unlike_moto(n=Decimal("1E-131")),
    "no number": _put(n=float("nan")),
    "infinity": _put(n=float("inf")),
    "an endless number in a map": _put(map={"n": float("inf")}),
    "an attribute without a name": _put_unlike_moto(**{"": 1}),
    "a text that is not Unicode": _put_unlike_moto(text="\ud800"),
    "a value of a type of its own": _put(a=object()),
    "lists 40 deep": _put_unlike_moto(a=_nested(40)),
    "an update of pk": _update(pk="other"),
    "an update of nothing": _update(),
    "an attribute put and removed": Refusal(lambda table: table.update("there", put={"a": 1}, remove=["a"])),
    "an attribute put and added to": Refusal(lambda table: table.update("there", put={"a": 1}, add={"a": 1})),
    "a sum with a text": Refusal(lambda table: table.update("there", put={}, add={"text": 1})),
    "a sum with a boolean": Refusal(lambda table: table.update("there", put={}, add={"yes": 1})),
    "a span that is upside down": Refusal(lambda table: table.query("due", KeyRange("g", at_least=5, at_most=4))),
    "a span of a number and a text": Refusal(lambda table: table.query("due", KeyRange("g", at_least=5, at_most="6"))),
    "a choice of nothing": Refusal(lambda table: table.update("there", put={"a": 1}, when=OneOf("text", ()))),
    "a choice of 101": Refusal(
        lambda table: table.update("there", put={"a": 1}, when=OneOf("text", tuple(map(str, range(101)))))
    ),
}
