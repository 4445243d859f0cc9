"""What every table promises, whatever holds it: conditional writes, indexes in order, and items as they went in.

moto stands for DynamoDB. It cannot show that writes of two processes exclude each other, nor that an index lags behind.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.archiver.ledger.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    Equals,
    Exists,
    KeyRange,
    Missing,
    OneOf,
)
from functions.archiver.ledger.table import Index, Item, Refused, Table

PK = "acme#recording#1"
RESERVED = ["state", "source", "key", "bytes", "day", "name", "value", "add", "select", "body", "#", "?", "a.b", "[0]"]
ODD_KEYS = ["a b", "a/b%2F..", "ümlaut-😀", "'; DROP TABLE items; --", "?", "%", "_", "A", "a", "\x00", "x" * 1024]


def waits(table: Table, pk: str, due_at: int, group: str = "acme#fresh") -> None:
    assert table.put_new({"pk": pk, "due_group": group, "due_at": due_at})


def found(table: Table, key: KeyRange, index: Index = "due", **how: Any) -> list[str]:
    return [item["pk"] for item in table.query(index, key, **how)]


# items


def test_an_item_comes_back_as_it_went_in(table: Table) -> None:
    item = {
        "pk": PK,
        "text": 'Grüße\n\x00 {"":"1"} \'😀',
        "empty": "",
        "number": 12,
        "negative": -3,
        "part": 1.5,
        "long": 12345678901234567890123456789012345678,
        "small": Decimal("1E-130"),
        "large": Decimal("9.9E+125"),
        "yes": True,
        "no": False,
        "map": {"size": 3, "inner": {"list": [1, "a", None, False, {"x": Decimal("0.1"), "y": 0.5}]}},
        "list": [],
    }
    assert table.put_new(item)
    assert table.get(PK) == item


def test_what_is_none_is_left_out_and_what_is_not_there_is_none(table: Table) -> None:
    table.put_new({"pk": PK, "reason": None})
    assert table.get(PK) == {"pk": PK}
    assert table.get("acme#recording#2") is None


def test_booleans_come_back_as_booleans_and_numbers_as_numbers(table: Table) -> None:
    table.put_new({"pk": PK, "yes": True, "one": 1})
    item = table.get(PK) or {}
    assert item["yes"] is True
    assert not isinstance(item["one"], bool)
    assert isinstance(item["one"], int | Decimal)


@pytest.mark.parametrize("pk", ODD_KEYS)
def test_keys_may_hold_anything_and_stay_apart(table: Table, pk: str) -> None:
    for each in ODD_KEYS:
        assert table.put_new({"pk": each, "day": f"acme#{each[:99]}"})
    assert not table.put_new({"pk": pk})
    assert (table.get(pk) or {})["pk"] == pk
    assert found(table, KeyRange(f"acme#{pk[:99]}"), "day") == [pk]
    assert table.delete(pk, when=Exists("pk"))
    assert {item["pk"] for item in table.scan()} == set(ODD_KEYS) - {pk}


def test_attributes_may_have_any_name(table: Table) -> None:
    item = {"pk": PK, **dict.fromkeys(RESERVED, "x")}
    table.put_new(item)
    assert table.get(PK) == item
    assert table.get_many([PK], RESERVED) == {PK: item}
    for name in RESERVED:
        table.update(PK, put={name: "y"}, when=Equals(name, "x") & Exists(name) & OneOf(name, ("x", "z")))
    after = table.update(PK, put={"pk2": 1}, remove=RESERVED)
    assert after == {"pk": PK, "pk2": 1}


@pytest.mark.parametrize("size", [1024, 399_000, 400 * 1024])
def test_an_item_may_be_400_kib_large(table: Table, engine: str, size: int) -> None:
    if engine == "dynamodb" and size > 405_000:
        pytest.skip("moto takes 405,000 bytes at most")
    text = "x" * (size - len("pk" + "large" + "raw"))
    assert table.put_new({"pk": "large", "raw": text})
    assert (table.get("large") or {})["raw"] == text
    if engine != "dynamodb" or size < 200_000:  # moto counts the present item and the new value together
        table.update("large", put={"raw": text[:-1] + "y"})
        assert (table.get("large") or {})["raw"][-1] == "y"


def test_many_items_are_read_at_once_with_what_is_asked_for_and_once_each(table: Table) -> None:
    pks = [f"acme#recording#{number}" for number in range(120)]
    for pk in pks[:-1]:
        table.put_new({"pk": pk, "state": "pending", "raw": "x"})
    items = table.get_many([*pks, pks[0]], ["state", "reason"])
    assert items == {pk: {"pk": pk, "state": "pending"} for pk in pks[:-1]}
    assert table.get_many([], ["state"]) == {}


# writes


def test_what_is_there_is_not_put_again(table: Table) -> None:
    assert table.put_new({"pk": PK, "state": "pending"})
    assert not table.put_new({"pk": PK, "state": "queued"})
    assert table.get(PK) == {"pk": PK, "state": "pending"}


def test_an_update_sets_removes_and_adds_in_one_write_and_answers_with_the_whole_item(table: Table) -> None:
    table.put_new({"pk": PK, "a": 1, "b": 2, "c": 3, "n": 4})
    after = table.update(PK, put={"a": 7, "c": None}, remove=["b", "never"], add={"n": 2, "new": -1})
    assert after == table.get(PK) == {"pk": PK, "a": 7, "n": 6, "new": -1}


def test_an_update_makes_an_item_that_is_not_there(table: Table) -> None:
    assert table.update(PK, put={}, add={"fence": 1}) == {"pk": PK, "fence": 1}
    assert table.update(PK, put={}, add={"fence": 1}, when=Equals("fence", 1))["fence"] == 2


def test_an_update_whose_condition_does_not_hold_changes_nothing_and_shows_the_item(table: Table) -> None:
    item = {"pk": PK, "state": "archived", "n": 1, "claims": {"size_bytes": 9}}
    table.put_new(item)
    with pytest.raises(Refused) as refused:
        table.update(PK, put={"state": "queued"}, add={"n": 1}, when=Equals("state", "pending"))
    assert refused.value.item == item == table.get(PK)


def test_an_update_of_nothing_on_a_condition_shows_that_there_is_nothing(table: Table) -> None:
    with pytest.raises(Refused) as refused:
        table.update(PK, put={"state": "queued"}, when=Exists("pk"))
    assert refused.value.item is None
    assert table.get(PK) is None


def test_a_deletion_happens_only_on_its_condition(table: Table) -> None:
    table.put_new({"pk": PK, "state": "queued", "due_at": 5, "due_group": "g", "day": "d"})
    assert not table.delete(PK, when=Equals("due_at", 6))
    assert table.get(PK) is not None
    assert table.delete(PK, when=Equals("due_at", 5))
    assert table.get(PK) is None
    assert table.count("due", KeyRange("g")) == table.count("day", KeyRange("d")) == 0
    assert not table.delete(PK, when=Exists("pk"))


def test_of_two_that_read_the_same_lease_one_gets_it(table: Table) -> None:
    waits(table, PK, 5)
    table.update(PK, put={"due_at": 9}, when=Equals("due_at", 5))
    with pytest.raises(Refused) as refused:
        table.update(PK, put={"due_at": 8}, when=Equals("due_at", 5))
    assert (refused.value.item or {})["due_at"] == 9


# conditions

ITEM: Item = {"pk": PK, "n": 5, "text": "5", "yes": True, "zero": 0, "no": False, "empty": "", "map": {"a": 1}}
HOLD = [
    Equals("n", 5),
    Equals("text", "5"),
    Equals("yes", True),
    Equals("empty", ""),
    OneOf("n", (4, 5)),
    AtMost("n", 5),
    AtMost("zero", 0),
    AtLeast("n", 5),
    Exists("no"),
    Exists("empty"),
    Missing("none"),
    AllOf((Exists("n"), Exists("text"))),
    AnyOf((Exists("none"), Exists("text"))),
    Missing("none") | AtMost("none", 5) & Exists("none"),
    (Exists("none") | Exists("n")) & AtMost("n", 9),
    Exists("n") & (Missing("n") | AtLeast("n", 5)) & Equals("text", "5"),
]
FAIL = [
    Equals("n", 6),
    Equals("n", "5"),
    Equals("text", 5),
    Equals("yes", 1),
    Equals("yes", "true"),
    Equals("no", 0),
    Equals("zero", False),
    Equals("none", ""),
    OneOf("n", (4, 6, "5")),
    OneOf("none", ("a",)),
    AtMost("n", 4),
    AtMost("text", 9),
    AtMost("none", 9),
    AtMost("no", 9),
    AtLeast("n", 6),
    AtLeast("text", 1),
    AtLeast("none", -1),
    Exists("none"),
    Missing("n"),
    Missing("map"),
    AllOf((Exists("n"), Exists("none"))),
    AnyOf((Exists("none"), Missing("n"))),
]
MIXED_BY_MOTO = (
    Equals("yes", 1),
    Equals("no", 0),
    Equals("zero", False),
    AtMost("text", 9),
    AtMost("no", 9),
    AtLeast("text", 1),
)
"""To DynamoDB, values of different types are neither equal nor ordered."""


@pytest.mark.parametrize("condition", HOLD, ids=str)
def test_a_condition_holds(table: Table, condition: Condition) -> None:
    table.put_new(ITEM)
    assert table.update(PK, put={"seen": 1}, when=condition)["seen"] == 1


@pytest.mark.parametrize("condition", FAIL, ids=str)
def test_a_condition_does_not_hold(table: Table, engine: str, condition: Condition) -> None:
    if engine == "dynamodb" and str(condition) in map(str, MIXED_BY_MOTO):
        pytest.skip("moto compares values of different types")
    table.put_new(ITEM)
    with pytest.raises(Refused):
        table.update(PK, put={"seen": 1}, when=condition)
    assert not table.delete(PK, when=condition)


# indexes


def test_the_index_of_what_is_due_is_ordered_by_number(table: Table) -> None:
    times = [10, 9, 100, -1, 0, 1_700_000_000_000, 2]
    for time in times:
        waits(table, f"item {time}", time)
    waits(table, "of another", 1, group="acme#fresh2")
    key = KeyRange("acme#fresh")
    assert found(table, key) == [f"item {time}" for time in sorted(times)]
    assert found(table, key, newest_first=True) == [f"item {time}" for time in sorted(times, reverse=True)]
    assert found(table, key, limit=2) == ["item -1", "item 0"]
    assert found(table, key, limit=1, newest_first=True) == ["item 1700000000000"]
    assert found(table, key, limit=0) == []


def test_a_span_of_an_index_has_both_its_ends(table: Table) -> None:
    for time in range(6):
        waits(table, str(time), time)
    assert found(table, KeyRange("acme#fresh", at_least=4)) == ["4", "5"]
    assert found(table, KeyRange("acme#fresh", at_most=1)) == ["0", "1"]
    assert found(table, KeyRange("acme#fresh", at_least=2, at_most=3)) == ["2", "3"]
    assert found(table, KeyRange("acme#fresh", at_least=3, at_most=3)) == ["3"]
    assert table.count("due", KeyRange("acme#fresh", at_least=1)) == 5
    assert table.count("due", KeyRange("nobody's")) == 0


def test_items_of_an_index_are_counted_by_what_their_keys_begin_with(table: Table) -> None:
    for time, pk in enumerate(("acme#recording#1", "acme#recording#2", "acme#lookup#1", "acme#recordin")):
        waits(table, pk, time)
    assert table.count("due", KeyRange("acme#fresh"), prefix="acme#recording#") == 2
    assert table.count("due", KeyRange("acme#fresh", at_least=1), prefix="acme#recording#") == 1
    assert table.count("due", KeyRange("acme#fresh"), prefix="") == 4


def test_an_index_tells_the_keys_and_no_more(table: Table) -> None:
    table.put_new({"pk": PK, "due_group": "g", "due_at": 5, "day": "acme#2026-03-03", "raw": "x"})
    assert table.query("due", KeyRange("g")) == [{"pk": PK, "due_group": "g", "due_at": 5}]
    assert table.query("day", KeyRange("acme#2026-03-03")) == [{"pk": PK, "day": "acme#2026-03-03"}]


def test_an_item_without_both_keys_is_in_no_index(table: Table) -> None:
    table.put_new({"pk": "a", "due_group": "g"})
    table.put_new({"pk": "b", "due_at": 5})
    assert table.count("due", KeyRange("g")) == 0


def test_an_update_moves_an_item_within_its_indexes_and_out_of_them(table: Table) -> None:
    table.put_new({"pk": PK, "due_group": "g", "due_at": 5, "day": "one"})
    table.update(PK, put={"due_group": "h", "due_at": 7, "day": "two"})
    assert [table.count("due", KeyRange(group)) for group in "gh"] == [0, 1]
    assert [table.count("day", KeyRange(day)) for day in ("one", "two")] == [0, 1]
    table.update(PK, put={}, add={"due_at": 2})
    assert table.query("due", KeyRange("h"))[0]["due_at"] == 9
    table.update(PK, put={"day": None}, remove=["due_at", "due_group"])
    assert table.count("due", KeyRange("h")) == table.count("day", KeyRange("two")) == 0
    assert table.get(PK) == {"pk": PK}


def test_the_index_of_a_day_is_ordered_by_the_bytes_of_its_keys(table: Table) -> None:
    pks = ["b", "a", "B", "ä", "a#", "aa", "\uffff", "😀", "10", "9"]
    for pk in pks:
        table.put_new({"pk": pk, "day": "d"})
    assert found(table, KeyRange("d"), "day") == sorted(pks, key=str.encode)
    assert found(table, KeyRange("d", at_least="a", at_most="b"), "day") == ["a", "a#", "aa", "b"]


MORE_THAN_A_PAGE = {"sqlite": (1200, 1), "sqlite for one process": (20, 1), "dynamodb": (60, 20_000)}
"""Rows and bytes of each, so that an engine that reads page by page has to."""


def test_a_long_index_is_read_to_its_end(table: Table, engine: str) -> None:
    rows, size = MORE_THAN_A_PAGE[engine]
    for number in range(rows):
        table.put_new({"pk": f"{number:04}", "day": "d", "due_group": "g", "due_at": number, "raw": "x" * size})
    key = KeyRange("g")
    assert table.count("due", key) == table.count("day", KeyRange("d")) == rows
    assert [item["due_at"] for item in table.query("due", key)] == list(range(rows))
    assert len(table.query("due", key, limit=rows - 1)) == rows - 1
    assert sorted(item["due_at"] for item in table.scan()) == list(range(rows))


def test_a_scan_can_be_written_under(table: Table, engine: str) -> None:
    rows, size = MORE_THAN_A_PAGE[engine]
    for number in range(rows):
        table.put_new({"pk": f"{number:04}", "raw": "x" * size})
    for item in table.scan():
        table.update(item["pk"], put={"seen": 1})
    assert len(list(table.scan())) == rows
    assert all(item["seen"] == 1 for item in table.scan())


# anything


NUMBERS = st.integers(-(10**38) + 1, 10**38 - 1) | st.decimals(
    min_value=-(10**9), max_value=10**9, allow_nan=False, places=9
)
VALUES = st.recursive(
    st.text(st.characters(codec="utf-8"), max_size=9) | NUMBERS | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab#ä", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(attributes=st.dictionaries(st.text("abc#:ü ", min_size=1, max_size=4), VALUES, max_size=5))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_item_comes_back_from_a_put_and_from_an_update(table: Table, attributes: dict[str, Any]) -> None:
    table.delete(PK, when=Exists("pk"))
    table.delete("other", when=Exists("pk"))
    assert table.put_new({"pk": PK, **attributes})
    assert table.get(PK) == {"pk": PK, **attributes}
    assert table.update("other", put={**attributes, "z": 1}) == {"pk": "other", **attributes, "z": 1}
    assert table.get("other") == {"pk": "other", **attributes, "z": 1}
