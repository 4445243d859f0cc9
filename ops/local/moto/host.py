"""An emulator's AWS under the functions of a local run. Nothing lasts in it: the folder is read anew by each run."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from functions.archiver.aws.engine import AwsEngine
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.ledger.dynamodb import DynamoTable
from functions.archiver.settings.deployment import Deployment
from functions.archiver.settings.environment import Settings
from functions.archiver.throttling.lanes import Message
from ops.local.archive import FolderArchive
from ops.local.books import Books, ScannedBooks
from ops.local.engine.lanes import DEDUPLICATION_SECONDS, Delivery
from ops.local.moto.embedded_aws import EmbeddedAws, calls_counted_as
from ops.local.moto.ledger_table import TABLE
from ops.local.moto.template import Template

_WAIT_SECONDS = 0.02
_QUEUE = {"FifoQueue": True, "VisibilityTimeout": 960}
_VERSIONED = {"VersioningConfiguration": {"Status": "Enabled"}}


class MotoHost:
    """One bucket, one table, and a queue for each source; objects are written through into the folder."""

    def __init__(self, archive: FolderArchive, deployment: Deployment, secrets: Mapping[str, str], log: object) -> None:
        self._aws = EmbeddedAws()
        self._log = cast("IO[str]", log)
        resources: dict[str, Any] = {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": _VERSIONED},
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": TABLE},
        }
        for number in range(len(deployment.sources)):
            resources[f"Queue{number}"] = {"Type": "AWS::SQS::Queue", "Properties": _QUEUE}
        template = Template({"Resources": resources})
        self._aws.make(template, secrets)
        self._physical = template.physical
        self._queues = {
            source.name: MotoQueue(self._aws, template.physical[f"Queue{number}"])
            for number, source in enumerate(deployment.sources)
        }

        def keep(key: str, pieces: Iterator[bytes]) -> Path:
            path = archive.bucket.names.path(key)
            archive.bucket.workshop.replace(path, pieces)
            return path

        self._aws.keep = keep
        session = self._aws.session()
        self.table = DynamoTable(session.client("dynamodb"), template.physical["Table"])
        self.bucket = S3Bucket(session.client("s3"), template.physical["Bucket"])
        self.books: Books = ScannedBooks(self.table)

    @property
    def calls(self) -> Mapping[str, Counter[str]]:
        """AWS calls by function; the emulator's own are left out."""
        return {name: calls for name, calls in self._aws.calls.items() if name not in ("setup", "poller")}

    def engine(self, settings: Settings, function: str) -> AwsEngine:
        """AWS's adapters on the emulator."""
        queue = self._queues[settings.source.name]
        given = Settings(
            bucket=self._physical["Bucket"],
            table=self._physical["Table"],
            queue_url=queue.url,
            archive=settings.archive,
            source=settings.source,
        )
        return AwsEngine(given, self._aws.session(counted_as=function), log=self._log)

    def queue(self, source: str) -> MotoQueue:
        """The other end of a source's queue."""
        return self._queues[source]


class MotoQueue:
    """The receiving end of a FIFO queue, with the memory for deduplication ids that moto lacks."""

    def __init__(self, aws: EmbeddedAws, url: str) -> None:
        self.url = url
        self._sqs = aws.session(counted_as="poller").client("sqs")
        self._seen: dict[str, float] = {}
        self._receipts: dict[int, str] = {}
        self._numbers = iter(range(1, 2**62))
        self._lock = threading.Lock()
        self._busy = 0
        self._closed = False

    def receive(self, *, timeout: float = 0.0) -> Delivery | None:
        """Looks every few milliseconds."""
        until = time.monotonic() + timeout
        while not self._closed:
            delivery = self._receive()
            if delivery is not None or time.monotonic() >= until:
                return delivery
            time.sleep(_WAIT_SECONDS)
        return None

    def close(self) -> None:
        """Gives out nothing more."""
        self._closed = True

    def _receive(self) -> Delivery | None:
        with self._lock, calls_counted_as("poller"):
            answer = self._sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=1, MessageSystemAttributeNames=["All"]
            )
            for message in answer.get("Messages", []):
                delivery = self._delivery(message)
                if delivery.receive_count > 1 or self._is_new(delivery.message.sending):
                    self._busy += 1
                    return delivery
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return None

    def _delivery(self, message: Any) -> Delivery:
        number, attributes = next(self._numbers), message["Attributes"]
        self._receipts[number] = message["ReceiptHandle"]
        given = Message(
            body=message["Body"], group=attributes["MessageGroupId"], sending=attributes["MessageDeduplicationId"]
        )
        return Delivery(message=given, receipt=number, receive_count=int(attributes["ApproximateReceiveCount"]))

    def _is_new(self, sending: str) -> bool:
        now = time.monotonic()
        self._seen = {key: at for key, at in self._seen.items() if now - at < DEDUPLICATION_SECONDS}
        known = sending in self._seen
        self._seen[sending] = now
        return not known

    def delete(self, delivery: Delivery) -> None:
        """It is done with."""
        with self._lock, calls_counted_as("poller"):
            self._busy -= 1
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=self._receipts.pop(delivery.receipt))

    def release(self, delivery: Delivery) -> None:
        """Visible again at once."""
        with self._lock, calls_counted_as("poller"):
            self._busy -= 1
            handle = self._receipts.pop(delivery.receipt)
            self._sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0)

    def idle(self) -> bool:
        """Whether no message waits or is in flight."""
        wanted: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        with self._lock, calls_counted_as("poller"):
            if self._busy:
                return False
            answer = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=wanted)
        return all(int(answer["Attributes"][name]) == 0 for name in wanted)
