"""The service's AWS resources inside this process, as the stack makes them, and a count of the calls they get.

moto stands in for AWS. Its conditional writes are not atomic between threads (`LockedTable` is for tests with threads),
its indexes are consistent at once, and it neither forgets nor checks as strictly as AWS does.
"""

from __future__ import annotations

import functools
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest
from botocore.handlers import BUILTIN_HANDLERS
from moto import mock_aws
from moto.core.models import RESPONSES_METHODS

from functions.archiver.ledger.conditions import Condition
from functions.archiver.ledger.dynamodb import DynamoTable
from functions.archiver.ledger.table import Item, Table
from ops.local.moto.ledger_table import TABLE as SHAPE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

REGION: Final = "eu-central-1"
TABLE = "ledger"
BUCKET = "archive"
QUEUE = "lanes.fifo"

_calls: Counter[str] = Counter()


def _bytes_for_moto(request: AWSPreparedRequest, **_: object) -> None:
    """Goes ahead of moto's own handler: moto knows no bytearray."""
    if isinstance(request.body, bytearray):
        request.body = bytes(request.body)


BUILTIN_HANDLERS.insert(0, ("before-send", _bytes_for_moto))


# For `requests`, through which nothing here reaches AWS, moto would make some thousand answers for each test.
RESPONSES_METHODS.clear()


# Each session would parse the service models again, which takes longer than most tests.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)


@functools.cache
def _session() -> boto3.Session:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    session.events.register("before-call", _count)
    return session


def _count(event_name: str, **_: object) -> None:
    _calls[event_name.removeprefix("before-call.")] += 1


@functools.cache
def dynamodb() -> DynamoDBClient:
    """Made once: a client costs more time than a test."""
    return _session().client("dynamodb")


@functools.cache
def sqs() -> SQSClient:
    return _session().client("sqs")


@functools.cache
def s3() -> S3Client:
    return _session().client("s3")


@dataclass(frozen=True, kw_only=True)
class Aws:
    """One table, one FIFO queue, one versioned bucket. `calls` counts by `service.Operation`."""

    table: Table
    queue_url: str
    bucket: str = BUCKET
    calls: Counter[str] = field(default_factory=Counter)

    def with_queue(self, name: str) -> Aws:
        """The same with another FIFO queue."""
        return replace(self, queue_url=_made_queue(name))

    def item(self, pk: str) -> Item | None:
        """The item as the table holds it."""
        return self.table.get(pk)

    def items(self) -> dict[str, Item]:
        """All items by their key."""
        return {item["pk"]: item for item in self.table.scan()}

    def messages(self) -> list[dict[str, Any]]:
        """Everything in the queue as an event source mapping would hand it over; the queue is empty afterwards."""
        found: list[dict[str, Any]] = []
        while True:
            answer = sqs().receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, AttributeNames=["All"])
            for message in answer.get("Messages", []):
                sqs().delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                found.append({"body": message["Body"], "attributes": message["Attributes"]})
            if not answer.get("Messages"):
                return found

    def document(self, key: str) -> dict[str, Any]:
        """A JSON object of the bucket."""
        body = s3().get_object(Bucket=self.bucket, Key=key)["Body"].read()
        document: dict[str, Any] = json.loads(body)
        return document


@contextmanager
def aws(*, object_lock: bool = False) -> Iterator[Aws]:
    """Fresh resources, gone at the end of the block."""
    with mock_aws():
        dynamodb().create_table(TableName=TABLE, **SHAPE)
        s3().create_bucket(
            Bucket=BUCKET,
            CreateBucketConfiguration={"LocationConstraint": REGION},
            ObjectLockEnabledForBucket=object_lock,
        )
        s3().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        queue_url = _made_queue(QUEUE)
        _calls.clear()
        yield Aws(table=DynamoTable(dynamodb(), TABLE), queue_url=queue_url, calls=_calls)


def _made_queue(name: str) -> str:
    attributes: Any = {"FifoQueue": "true", "VisibilityTimeout": "960"}
    return sqs().create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


class LockedTable(DynamoTable):
    """A table whose writes exclude each other, as DynamoDB's do and moto's do not."""

    lock = threading.Lock()

    def update(
        self,
        pk: str,
        *,
        put: Mapping[str, object],
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: Condition | None = None,
    ) -> Item:
        with self.lock:
            return super().update(pk, put=put, remove=remove, add=add, when=when)

    def put_new(self, item: Mapping[str, object]) -> bool:
        with self.lock:
            return super().put_new(item)
