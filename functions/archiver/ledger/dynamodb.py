"""The table on AWS: DynamoDB.

Attribute names may be reserved words of DynamoDB, so every expression is built with placeholders.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import DecimalException
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from functions.archiver.aws.trouble import trouble_of
from functions.archiver.errors import ArchiveTrouble, Service
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
from functions.archiver.ledger.table import Index, Item, Refused, Unacceptable
from functions.archiver.ledger.wire_format import read_from_table, value_written, written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 100
"""DynamoDB reads at most this many items in one call."""

_ROUNDS = 8
_FIRST_PAUSE_SECONDS = 0.05

_KEYS = {"due": ("due_group", "due_at"), "day": ("day", "pk")}
_named = trouble_of(Service.DYNAMODB)


class DynamoTable:
    """One table with partition key `pk` and the indexes `due` and `day`.

    With `by_hand` an update gives back no more of an item than it has set: that is all that the policy of an operator
    lets a write show.
    """

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        name: str,
        *,
        by_hand: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._returns: Literal["ALL_NEW", "UPDATED_NEW"] = "UPDATED_NEW" if by_hand else "ALL_NEW"
        self._dynamodb = dynamodb
        self._name = name
        self._sleep = sleep

    @_named
    def get(self, pk: str) -> Item | None:
        with _TranslatedErrors():
            item = self._dynamodb.get_item(TableName=self._name, Key=_key(pk), ConsistentRead=True).get("Item")
        return None if item is None else read_from_table(item)

    @_named
    def get_many(self, pks: Sequence[str], attributes: Sequence[str]) -> dict[str, Item]:
        """One call for each hundred. Raises ArchiveTrouble when the table keeps leaving keys out."""
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
                "Keys": [_key(pk) for pk in pks],
                "ProjectionExpression": ", ".join(names),
                "ExpressionAttributeNames": names,
                "ConsistentRead": True,
            }
        }
        for round_ in range(_ROUNDS):
            answer = self._dynamodb.batch_get_item(RequestItems=wanted)
            yield from map(read_from_table, answer["Responses"].get(self._name, []))
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return
            self._sleep(_FIRST_PAUSE_SECONDS * 2**round_)
        raise ArchiveTrouble(Service.DYNAMODB, "UnprocessedKeys")

    @_named
    def put_new(self, item: Mapping[str, object]) -> bool:
        try:
            with _TranslatedErrors():
                self._dynamodb.put_item(
                    TableName=self._name, Item=written(_present(item)), ConditionExpression="attribute_not_exists(pk)"
                )
        except Refused:
            return False
        return True

    @_named
    def update(
        self,
        pk: str,
        *,
        put: Mapping[str, object],
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: Condition | None = None,
    ) -> Item:
        expression = _Expression()
        arguments: dict[str, Any] = {"UpdateExpression": expression.update(put, remove, add or {})}
        if when is not None:
            arguments["ConditionExpression"] = expression.condition(when)
        with _TranslatedErrors():
            answer = self._dynamodb.update_item(
                TableName=self._name,
                Key=_key(pk),
                ReturnValues=self._returns,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **arguments,
                **expression.placeholders(),
            )
        return {"pk": pk, **read_from_table(answer.get("Attributes", {}))}

    @_named
    def delete(self, pk: str, *, when: Condition) -> bool:
        expression = _Expression()
        condition = expression.condition(when)
        try:
            with _TranslatedErrors():
                self._dynamodb.delete_item(
                    TableName=self._name, Key=_key(pk), ConditionExpression=condition, **expression.placeholders()
                )
        except Refused:
            return False
        return True

    @_named
    def query(self, index: Index, key: KeyRange, *, limit: int | None = None, newest_first: bool = False) -> list[Item]:
        pages = self._pages(index, key, limit=limit, ScanIndexForward=not newest_first)
        return [read_from_table(item) for page in pages for item in page["Items"]]

    @_named
    def count(self, index: Index, key: KeyRange, *, prefix: str = "") -> int:
        return sum(page["Count"] for page in self._pages(index, key, prefix=prefix, Select="COUNT"))

    def _pages(
        self, index: Index, key: KeyRange, *, limit: int | None = None, prefix: str = "", **arguments: Any
    ) -> Iterator[Mapping[str, Any]]:
        expression = _Expression()
        arguments |= {"IndexName": index, "KeyConditionExpression": expression.key(index, key)}
        if prefix:
            arguments["FilterExpression"] = expression.begins_with("pk", prefix)
        arguments |= expression.placeholders()
        while limit is None or limit > 0:
            if limit is not None:
                arguments["Limit"] = limit
            page = self._dynamodb.query(TableName=self._name, **arguments)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            limit = None if limit is None else limit - page["Count"]
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def scan(self) -> Iterator[Item]:
        start: dict[str, Any] = {}
        while True:
            with trouble_of(Service.DYNAMODB):
                answer = self._dynamodb.scan(TableName=self._name, ConsistentRead=True, **start)
            yield from map(read_from_table, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    @_named
    def scan_part(
        self, segment: int, segments: int, attributes: Sequence[str], start: Mapping[str, Any] | None
    ) -> tuple[list[Item], dict[str, Any] | None]:
        """One page of one of `segments` parts of the table, and where the next begins; None at the end.

        For a person's own index: half the price of a consistent read, and a moment behind.
        """
        names = {f"#a{n}": name for n, name in enumerate(attributes)}
        arguments: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
        answer = self._dynamodb.scan(
            TableName=self._name,
            Segment=segment,
            TotalSegments=segments,
            ProjectionExpression=", ".join(names),
            ExpressionAttributeNames=names,
            **arguments,
        )
        return [read_from_table(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")


class _TranslatedErrors:
    """Turns what DynamoDB, or its form before it, says of a call into the errors of the port."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TypeError | DecimalException):
            raise Unacceptable(f"a value that DynamoDB has no form for: {error}") from None
        if not isinstance(error, ClientError):
            return
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            raise Refused(_present_item(error)) from None
        if code == "ValidationException":
            raise Unacceptable(error.response["Error"]["Message"]) from None


def _key(pk: str) -> dict[str, Any]:
    return {"pk": value_written(pk)}


def _present_item(error: ClientError) -> Item | None:
    raw: Any = error.response.get("Item")
    return read_from_table(raw) if raw else None


class _Expression:
    """The expressions of one call, with a placeholder for every name and value."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, object] = {}

    def placeholders(self) -> dict[str, Any]:
        """The placeholders as arguments of the call; DynamoDB takes no empty map."""
        named = {"ExpressionAttributeNames": self._names, "ExpressionAttributeValues": written(self._values)}
        return {name: value for name, value in named.items() if value}

    def update(self, put: Mapping[str, object], remove: Sequence[str], add: Mapping[str, int]) -> str:
        gone = [*remove, *(name for name, value in put.items() if value is None)]
        clauses = [
            ("SET", [f"{self._name(n)} = {self._value(v)}" for n, v in _present(put).items()]),
            ("REMOVE", [self._name(n) for n in gone]),
            ("ADD", [f"{self._name(n)} {self._value(v)}" for n, v in add.items()]),
        ]
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts)

    def condition(self, condition: Condition) -> str:
        match condition:
            case AllOf(parts):
                return " AND ".join(f"({self.condition(part)})" for part in parts)
            case AnyOf(parts):
                return " OR ".join(f"({self.condition(part)})" for part in parts)
            case Exists(name):
                return f"attribute_exists({self._name(name)})"
            case Missing(name):
                return f"attribute_not_exists({self._name(name)})"
            case OneOf(name, values):
                return f"{self._name(name)} IN ({', '.join(self._value(value) for value in values)})"
            case Equals(name, value):
                return f"{self._name(name)} = {self._value(value)}"
            case AtMost(name, number):
                return f"{self._name(name)} <= {self._value(number)}"
            case AtLeast(name, number):
                return f"{self._name(name)} >= {self._value(number)}"

    def key(self, index: Index, key: KeyRange) -> str:
        partition, sort = (self._name(name) for name in _KEYS[index])
        equal = f"{partition} = {self._value(key.partition)}"
        low = None if key.at_least is None else self._value(key.at_least)
        high = None if key.at_most is None else self._value(key.at_most)
        if low and high:
            return f"{equal} AND {sort} BETWEEN {low} AND {high}"
        if low:
            return f"{equal} AND {sort} >= {low}"
        if high:
            return f"{equal} AND {sort} <= {high}"
        del self._names[sort]
        return equal

    def begins_with(self, name: str, prefix: str) -> str:
        return f"begins_with({self._name(name)}, {self._value(prefix)})"

    def _name(self, name: str) -> str:
        placeholder = f"#n{len(self._names)}"
        self._names[placeholder] = name
        return placeholder

    def _value(self, value: object) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = value
        return placeholder


def _present(item: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in item.items() if value is not None}
