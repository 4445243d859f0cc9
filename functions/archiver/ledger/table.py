"""The DynamoDB table as the ledger and the pace use it: single items, conditional writes, two sparse indexes.

Attribute names may be reserved words of DynamoDB, so every expression is built with placeholders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource

Item = dict[str, Any]
"""One item as boto3 gives it. Leaves this package's edge only as the dataclasses of `ledger`."""

BATCH = 100
"""DynamoDB reads at most this many items in one call."""

_WIRE = TypeDeserializer()


class Refused(Exception):
    """A condition did not hold. `item` is what the table holds instead; None where it holds nothing."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition does not hold")
        self.item = item


class Table:
    """One table with partition key `pk` and the indexes `due` and `day`."""

    def __init__(self, dynamodb: DynamoDBServiceResource, name: str) -> None:
        self._dynamodb = dynamodb
        self._table = dynamodb.Table(name)
        self._name = name

    def get(self, pk: str) -> Item | None:
        """The item, read consistently."""
        return self._table.get_item(Key={"pk": pk}, ConsistentRead=True).get("Item")

    def get_many(self, pks: Sequence[str], attributes: Sequence[str]) -> dict[str, Item]:
        """The items that exist, by pk, with `pk` and `attributes` only. One call for each hundred."""
        unique = list(dict.fromkeys(pks))
        found: dict[str, Item] = {}
        for start in range(0, len(unique), BATCH):
            for item in self._get_batch(unique[start : start + BATCH], attributes):
                found[item["pk"]] = item
        return found

    def _get_batch(self, pks: Sequence[str], attributes: Sequence[str]) -> Iterator[Item]:
        names = {f"#a{n}": name for n, name in enumerate(dict.fromkeys(("pk", *attributes)))}
        wanted: Any = {
            self._name: {
                "Keys": [{"pk": pk} for pk in pks],
                "ProjectionExpression": ", ".join(names),
                "ExpressionAttributeNames": names,
                "ConsistentRead": True,
            }
        }
        while wanted:
            answer = self._dynamodb.batch_get_item(RequestItems=wanted)
            yield from answer["Responses"].get(self._name, [])
            wanted = answer.get("UnprocessedKeys")

    def put_new(self, item: Mapping[str, object]) -> bool:
        """Puts an item that must not exist yet; False when it does."""
        try:
            self._table.put_item(Item=_present(item), ConditionExpression=Attr("pk").not_exists())
        except ClientError as error:
            _raise_unless_refused(error)
            return False
        return True

    def update(
        self,
        pk: str,
        *,
        put: Mapping[str, object],
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: ConditionBase | None = None,
    ) -> Item:
        """Sets, removes and adds attributes in one write if `when` holds; the item as it is then.

        Raises Refused with the present item when it does not.
        """
        expression = _Update(put, remove, add or {})
        optional: dict[str, Any] = {
            "ExpressionAttributeValues": expression.values,
            "ConditionExpression": when,
        }
        try:
            answer = self._table.update_item(
                Key={"pk": pk},
                UpdateExpression=expression.text,
                ExpressionAttributeNames=expression.names,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **{name: value for name, value in optional.items() if value},
            )
        except ClientError as error:
            raise Refused(self._present_item(error)) from None
        return answer["Attributes"]

    def _present_item(self, error: ClientError) -> Item | None:
        _raise_unless_refused(error)
        raw: Any = error.response.get("Item")
        if not raw:
            return None
        # The resource layer does not undo the wire format inside an error.
        return {name: _WIRE.deserialize(value) for name, value in raw.items()}

    def delete(self, pk: str, *, when: ConditionBase) -> bool:
        """Deletes the item if `when` holds."""
        try:
            self._table.delete_item(Key={"pk": pk}, ConditionExpression=when)
        except ClientError as error:
            _raise_unless_refused(error)
            return False
        return True

    def query(
        self,
        index: Literal["due", "day"],
        key: ConditionBase,
        *,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Item]:
        """Items of one partition of an index by its sort key, at most `limit`. Eventually consistent."""
        found: list[Item] = []
        start: dict[str, Any] = {}
        while True:
            bound: dict[str, Any] = {} if limit is None else {"Limit": limit - len(found)}
            answer = self._table.query(
                IndexName=index,
                KeyConditionExpression=key,
                ScanIndexForward=not newest_first,
                **bound,
                **start,
            )
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer or (limit is not None and len(found) >= limit):
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def scan(self) -> Iterator[Item]:
        """Every item. For a whole export; no function on AWS may do this."""
        start: dict[str, Any] = {}
        while True:
            answer = self._table.scan(ConsistentRead=True, **start)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


class _Update:
    """An UpdateExpression with placeholders for every name and value."""

    def __init__(self, put: Mapping[str, object], remove: Sequence[str], add: Mapping[str, int]) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        present = _present(put)
        gone = [*remove, *(name for name, value in put.items() if value is None)]
        clauses = [
            ("SET", [f"{self._name(n)} = {self._value(v)}" for n, v in present.items()]),
            ("REMOVE", [self._name(n) for n in gone]),
            ("ADD", [f"{self._name(n)} {self._value(v)}" for n, v in add.items()]),
        ]
        self.text = " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts)

    def _name(self, name: str) -> str:
        placeholder = f"#u{len(self.names)}"
        self.names[placeholder] = name
        return placeholder

    def _value(self, value: object) -> str:
        placeholder = f":u{len(self.values)}"
        self.values[placeholder] = value
        return placeholder


def _present(item: Mapping[str, object]) -> dict[str, Any]:
    return {name: _number(value) for name, value in item.items() if value is not None}


def _number(value: object) -> object:
    return Decimal(str(value)) if isinstance(value, float) else value


def _raise_unless_refused(error: ClientError) -> None:
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error


__all__ = ["Attr", "ConditionBase", "Item", "Key", "Refused", "Table"]
