"""What the table on AWS does beyond the port: keys that a batch leaves out are asked for again, later and later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from functions.archiver.errors import ArchiveTrouble
from functions.archiver.ledger.dynamodb import DynamoTable
from tests.doubles.aws import TABLE, Aws, dynamodb
from tests.doubles.aws import aws as fresh_aws
from tests.doubles.clock import FakeClock
from tests.harness.ledger import ledger_of, recording


@pytest.fixture
def aws() -> Iterator[Aws]:
    with fresh_aws() as made:
        yield made


def test_known_asks_once_for_each_hundred(aws: Aws, clock: FakeClock) -> None:
    ledger = ledger_of(aws, clock)
    for number in range(0, 250, 50):
        ledger.insert(recording(f"rec-{number}"), "schedule")
    aws.calls.clear()
    known = ledger.known([f"rec-{number}" for number in range(250)])
    assert sorted(known) == sorted(f"rec-{number}" for number in range(0, 250, 50))
    assert aws.calls == {"dynamodb.BatchGetItem": 3}


class Busy:
    """DynamoDB that reads so many items of a batch and leaves the others out."""

    def __init__(self, reads: Iterator[int]) -> None:
        self._reads = reads
        self.asked: list[int] = []

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> object:  # noqa: N803 - boto3's name
        request = RequestItems[TABLE]
        read = next(self._reads)
        self.asked.append(len(request["Keys"]))
        left = request["Keys"][read:]
        answer: dict[str, object] = {"Responses": {TABLE: [{"pk": key["pk"]} for key in request["Keys"][:read]]}}
        return answer | ({"UnprocessedKeys": {TABLE: {**request, "Keys": left}}} if left else {"UnprocessedKeys": {}})


def table_of(busy: Busy, pauses: list[float]) -> DynamoTable:
    return DynamoTable(cast("Any", busy), TABLE, sleep=pauses.append)


def test_keys_that_a_batch_leaves_out_are_asked_for_again_after_growing_pauses(aws: Aws) -> None:
    pauses: list[float] = []
    busy = Busy(iter([2, 0, 1, 2]))
    assert set(table_of(busy, pauses).get_many(list("abcde"), ["x"])) == set("abcde")
    assert busy.asked == [5, 3, 3, 2]
    assert pauses == sorted(set(pauses))
    assert len(pauses) == 3


def test_a_table_that_keeps_leaving_keys_out_is_trouble_of_the_archive_and_no_endless_loop(aws: Aws) -> None:
    pauses: list[float] = []
    busy = Busy(iter([1] + [0] * 100))
    with pytest.raises(ArchiveTrouble, match="DynamoDB does not work for us: UnprocessedKeys"):
        table_of(busy, pauses).get_many(list("abcde"), ["x"])
    assert sum(pauses) < 30


def test_what_somebody_else_has_put_into_an_item_keeps_nobody_from_reading_it(aws: Aws) -> None:
    foreign: Any = {"tags": {"SS": ["a", "b"]}, "seen": {"NS": ["1"]}, "blob": {"B": b"x"}, "blobs": {"BS": [b"x"]}}
    item: Any = {"pk": {"S": "acme#recording#1"}, "state": {"S": "archived"}, "bytes": {"N": "7"}, **foreign}
    dynamodb().put_item(TableName=TABLE, Item=item)
    ours = {"pk": "acme#recording#1", "state": "archived", "bytes": 7}
    assert aws.item("acme#recording#1") == ours
    assert aws.items() == {"acme#recording#1": ours}
    known = aws.table.get_many(["acme#recording#1"], ["state", "tags"])
    assert known == {"acme#recording#1": {"pk": "acme#recording#1", "state": "archived"}}
    assert aws.table.update("acme#recording#1", put={"state": "gone"}) == {**ours, "state": "gone"}
