"""Values as DynamoDB writes them: as boto3's resources write and read them."""

from __future__ import annotations

import math
from decimal import Decimal, DecimalException
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.ledger.wire_format import read, value_read, value_written, written

NUMBERS = st.integers(-(10**38) + 1, 10**38 - 1) | st.decimals("-1e10", "1e10", places=9)
VALUES = st.recursive(
    st.none() | st.booleans() | st.text() | NUMBERS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(), parts, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES))
def test_an_item_is_written_and_read_as_boto3_does(item: dict[str, Any]) -> None:
    theirs = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    assert written(item) == theirs
    assert read(theirs) == item == {name: TypeDeserializer().deserialize(each) for name, each in theirs.items()}


def test_true_is_no_number_and_a_tuple_is_a_list() -> None:
    assert value_written(True) == {"BOOL": True}
    assert value_written((1, "a")) == {"L": [{"N": "1"}, {"S": "a"}]}


def test_a_float_keeps_its_shortest_digits() -> None:
    assert value_written(0.1) == {"N": "0.1"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, Decimal("NaN"), {1, 2}, b"bytes", object()])
def test_what_the_ledger_never_writes_is_refused(value: object) -> None:
    with pytest.raises((TypeError, DecimalException)):
        value_written({"nested": [value]})


@pytest.mark.parametrize("number", [10**38 + 1, Decimal(1).scaleb(127), Decimal("0." + "1" * 39)])
def test_a_number_that_dynamodb_would_round_is_refused(number: int | Decimal) -> None:
    with pytest.raises(DecimalException):
        value_written(number)


@pytest.mark.parametrize("value", [{"B": b"x"}, {"SS": ["a"]}, {}, {"S": "a", "N": "1"}])
def test_a_value_of_another_kind_is_none_of_the_ledgers(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"the ledger has no value|values to unpack"):
        value_read(value)
