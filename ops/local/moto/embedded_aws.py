"""An AWS inside this process: moto behind one lock, with the template's bucket, table and queues.

moto's conditional writes are not atomic between threads, so every call goes through one lock. No credentials are
read and no call ever leaves the process: what moto does not know is an error.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any, Final, cast
from urllib.parse import unquote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.model_instances import reset_model_data
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from ops.local.moto.template import Template

REGION: Final = "eu-central-1"
_PIECE_BYTES = 1024 * 1024
_WRITES = ("before-send.s3.PutObject", "before-send.s3.CompleteMultipartUpload")

calling: ContextVar[str] = ContextVar("calling", default="setup")
"""The name under which AWS calls are counted."""


@contextmanager
def calls_counted_as(name: str) -> Iterator[None]:
    """AWS calls made in this block belong to the function `name`."""
    token = calling.set(name)
    try:
        yield
    finally:
        calling.reset(token)


class _BodyOnDisk:
    """Stands in for the buffer in which moto would hold an object's bytes in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seek(self, position: int) -> int:
        """Only ever to the start."""
        return position

    def read(self, size: int = -1) -> bytes:
        """Everything; `size` is not asked for once the object's ETag is known."""
        return self._path.read_bytes()

    def close(self) -> None:
        """There is nothing to close."""


def _pieces(buffer: IO[bytes]) -> Iterator[bytes]:
    buffer.seek(0)
    while piece := buffer.read(_PIECE_BYTES):
        yield piece


class UnknownCall(Exception):
    """A call that the embedded AWS cannot answer; it is refused rather than sent to the real one."""


class EmbeddedAws:
    """The services, a session that talks to them, and a count of the calls by function.

    moto's state belongs to the process: a new one begins with empty services, so there is one at a time.
    """

    def __init__(self) -> None:
        BackendDict.reset()
        reset_model_data()
        self._lock = threading.RLock()
        self._stubber = BotocoreStubber()
        self.calls: dict[str, Counter[str]] = defaultdict(Counter)
        self.keep: Callable[[str, Iterator[bytes]], Path] | None = None
        self.bucket = ""

    def session(self, counted_as: str | None = None) -> boto3.Session:
        """A session whose clients talk to the embedded services only; its calls are counted under that name."""
        session = boto3.Session(
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the embedded services take any
            region_name=REGION,
        )

        def send(**given: Any) -> AWSResponse:
            with calls_counted_as(counted_as or calling.get()):
                return self._send(**given)

        session.events.register_first("before-send", cast("Any", send))
        return session

    def _send(self, event_name: str, request: AWSPreparedRequest, **unused: Any) -> AWSResponse:
        service, operation = event_name.split(".")[1:]
        with self._lock:
            self.calls[calling.get()][f"{service}.{operation}"] += 1
            if isinstance(request.body, bytearray):  # which moto does not know
                request.body = bytes(request.body)
            answer = self._stubber.process_request(request)
            if answer is None:
                raise UnknownCall(f"the embedded AWS does not know {service}.{operation}")
            status, headers, body = answer
            if self.keep and event_name in _WRITES and status == 200:
                self._write_through(_key_of(request, self.bucket), self.keep)
        return AWSResponse(request.url, status, headers, MockRawResponse(body))  # type: ignore[arg-type]  # moto does so

    def _write_through(self, name: str, keep: Callable[[str, Iterator[bytes]], Path]) -> None:
        """Hands the object's bytes on, and lets go of them: from now on they are read from where they are kept."""
        object_ = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[self.bucket].keys[name]
        object_._value_buffer = _BodyOnDisk(keep(name, _pieces(object_._value_buffer)))

    def make(self, template: Template, secrets: Mapping[str, str]) -> None:
        """Makes the template's bucket, table and queues, and the secrets, and notes their physical names."""
        session = self.session()
        self._make_bucket(session, template)
        self._make_table(session, template)
        self._make_queues(session, template)
        client = session.client("secretsmanager")
        for name, value in secrets.items():
            client.create_secret(Name=name, SecretString=value)

    def _make_bucket(self, session: boto3.Session, template: Template) -> None:
        s3 = session.client("s3")
        for logical_id, properties in template.of_type("AWS::S3::Bucket"):
            name = f"{logical_id.lower()[:50]}-local"
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
            if "VersioningConfiguration" in properties:
                versioning = properties["VersioningConfiguration"]
                s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
            template.physical |= {logical_id: name, f"{logical_id}.Arn": f"arn:aws:s3:::{name}"}
            self.bucket = name

    def _make_table(self, session: boto3.Session, template: Template) -> None:
        dynamodb = session.client("dynamodb")
        wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        for logical_id, properties in template.of_type("AWS::DynamoDB::Table"):
            shape = {name: properties[name] for name in wanted if name in properties}
            answer = dynamodb.create_table(TableName=logical_id, **shape)
            arn = answer["TableDescription"]["TableArn"]
            template.physical |= {logical_id: logical_id, f"{logical_id}.Arn": arn}

    def _make_queues(self, session: boto3.Session, template: Template) -> None:
        sqs = session.client("sqs")
        # Dead-letter queues first: the others refer to them.
        queues = sorted(template.of_type("AWS::SQS::Queue"), key=lambda pair: "RedrivePolicy" in pair[1])
        for logical_id, properties in queues:
            name = f"{logical_id}.fifo" if properties.get("FifoQueue") else logical_id
            attributes: Any = _attributes(template, properties)
            answer = sqs.create_queue(QueueName=name, Attributes=attributes)
            url = answer["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            template.physical |= {
                logical_id: url,
                f"{logical_id}.Arn": arn,
                f"{logical_id}.QueueName": name,
            }


def _attributes(template: Template, properties: Mapping[str, Any]) -> dict[str, str]:
    wanted = ("FifoQueue", "VisibilityTimeout", "MessageRetentionPeriod", "ContentBasedDeduplication")
    attributes = {
        name: str(properties[name]).lower() if isinstance(properties[name], bool) else str(properties[name])
        for name in wanted
        if name in properties
    }
    if "RedrivePolicy" in properties:
        attributes["RedrivePolicy"] = json.dumps(template.resolve(properties["RedrivePolicy"]))
    return attributes


def _key_of(request: AWSPreparedRequest, bucket: str) -> str:
    parts = urlsplit(str(request.url))
    path = parts.path.lstrip("/")
    if parts.netloc.split(".")[0] != bucket:
        path = path.partition("/")[2]
    return unquote(path)
