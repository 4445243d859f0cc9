"""The engine of an archive on AWS: DynamoDB, S3, SQS, Secrets Manager, and CloudWatch for logs and metrics."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, cast

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from functions.archiver.aws.clients import Clients
from functions.archiver.aws.exchange import lightened
from functions.archiver.aws.trouble import passing_trouble, trouble_of
from functions.archiver.bucket.s3 import CONFIG, S3Bucket
from functions.archiver.clock import Clock
from functions.archiver.engine import Log, Message
from functions.archiver.errors import ArchiveTrouble, Misconfigured, Service
from functions.archiver.ledger.dynamodb import DynamoTable
from functions.archiver.ledger.shared_token import SharedTokens
from functions.archiver.settings.environment import ArchiveSettings, Settings
from functions.archiver.settings.events import bus_source
from functions.archiver.settings.metrics import NAMESPACE, OF_ALL_SOURCES, Metric
from functions.archiver.settings.parameters import signing_alias
from functions.archiver.throttling.intake import TICK_SECONDS
from functions.archiver.throttling.sqs import SqsLanes
from functions.providers import load

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from functions.archiver.events.event import Event
    from functions.archiver.events.sending import Announcer

SECRET_SECONDS = 300
"""How long a secret's value is kept in the process."""


class KmsSeal:
    """Encrypts under a KMS key, for one source of one archive by the encryption context."""

    def __init__(self, kms: KMSClient, key: str, *, archive: str, source: str) -> None:
        self._kms = kms
        self._key = key
        self._context = {"archive": archive, "source": source}

    @trouble_of(Service.KMS)
    def seal(self, plain: bytes) -> bytes:
        """One call of KMS."""
        answer = self._kms.encrypt(KeyId=self._key, Plaintext=plain, EncryptionContext=self._context)
        return answer["CiphertextBlob"]

    @trouble_of(Service.KMS)
    def unseal(self, sealed: bytes) -> bytes | None:
        """One call of KMS."""
        try:
            answer = self._kms.decrypt(KeyId=self._key, CiphertextBlob=sealed, EncryptionContext=self._context)
        except (self._kms.exceptions.InvalidCiphertextException, self._kms.exceptions.IncorrectKeyException):
            return None
        return answer["Plaintext"]


class KmsSigner:
    """Signs with an ECC_NIST_P256 key of KMS."""

    def __init__(self, kms: KMSClient, key: str) -> None:
        self._kms = kms
        self._key = key

    @functools.cached_property
    def _public_key(self) -> bytes:
        with trouble_of(Service.KMS):
            return self._kms.get_public_key(KeyId=self._key)["PublicKey"]

    def public_key(self) -> bytes:
        """One call of KMS in each process."""
        return self._public_key

    def sign(self, body: bytes) -> bytes:
        """One call of KMS, which sees the digest alone."""
        with trouble_of(Service.KMS):
            answer = self._kms.sign(
                KeyId=self._key,
                Message=hashlib.sha256(body).digest(),
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        return answer["Signature"]


class EventBridgeBus:
    """The default bus of the account."""

    def __init__(self, client: EventBridgeClient, archive: str) -> None:
        self._client = client
        self._source = bus_source(archive)

    @trouble_of(Service.EVENTBRIDGE)
    def put(self, events: Sequence[Event]) -> list[str | None]:
        """One call; its answer is good news even where it took nothing, so each entry is looked at."""
        answer = self._client.put_events(
            Entries=[
                {
                    "Source": self._source,
                    "DetailType": event.type.value,
                    "Time": event.at,
                    "Detail": json.dumps(event.detail.document()),
                }
                for event in events
            ]
        )
        if not answer["FailedEntryCount"]:
            return [None] * len(events)
        return [entry.get("ErrorCode") for entry in answer["Entries"]]


def announcer_of(settings: ArchiveSettings, session: boto3.Session | None = None) -> Announcer:
    """Makes events of the stream's records, under the credentials of the function."""
    from functions.archiver.events.sending import Announcer  # here, for no other function needs it

    log = cast("Log", Logger(service=settings.archive.name, location=None))
    bus = EventBridgeBus(_session(session).client("events"), settings.archive.name)

    def count(unsent: int) -> None:
        _count(settings.archive.name, OF_ALL_SOURCES, {Metric.EVENTS_UNSENT: unsent})

    return Announcer(bus, log, bucket=settings.bucket, sleep=time.sleep, count=count)


def _session(given: boto3.Session | None) -> boto3.Session:
    """Whose credentials are used: those given, or those of the process."""
    return given or cast("boto3.Session", Clients())


def _count(archive: str, source: str, metrics: Mapping[Metric, float]) -> None:
    """Writes one line of embedded metric format."""
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit  # here, for a download counts nothing

    emf = EphemeralMetrics(namespace=NAMESPACE)
    emf.add_dimension(name="archive", value=archive)
    emf.add_dimension(name="source", value=source)
    for metric, value in metrics.items():
        unit = MetricUnit.Seconds if metric.in_seconds else MetricUnit.Count
        emf.add_metric(name=metric.value, unit=unit, value=value)
    emf.flush_metrics()


class AwsEngine:
    """One source's part of AWS; clients are made when they are needed."""

    tick_seconds = TICK_SECONDS

    def __init__(self, settings: Settings, session: boto3.Session | None = None, *, log: IO[str] | None = None) -> None:
        self.settings = settings
        self._session = _session(session)
        self._secrets: dict[str, tuple[str, float]] = {}
        source = settings.source.name
        logger = Logger(service=f"{settings.archive.name}/{source}", stream=log, source=source, location=None)
        handler = logger.registered_handler
        if log is not None and isinstance(handler, logging.StreamHandler):
            # Loggers live as long as the process: one of an earlier run would go on writing to that run's stream.
            handler.stream = log
        self.log = cast("Log", logger)

    def make_clients(self, *, bucket: bool) -> None:
        """Makes those that nearly every invocation needs, without a call of any. Raises Misconfigured."""
        _ = self.table, self.lanes, self._secrets_manager
        if bucket:
            _ = self._s3

    @functools.cached_property
    def table(self) -> DynamoTable:
        """The table of the environment."""
        return DynamoTable(lightened(self._session.client("dynamodb")), self.settings.table)

    @functools.cached_property
    def bucket(self) -> S3Bucket:
        """The bucket of the environment. Raises Misconfigured for one of the user's own that keeps no versions."""
        archive = self.settings.archive
        bucket = S3Bucket(self._s3, self.settings.bucket, kms_key=archive.kms_key)
        if archive.bucket is not None and not bucket.is_versioned():
            raise Misconfigured(
                f"the bucket {archive.bucket} keeps no versions, so nothing in it is safe from being overwritten: "
                f"aws s3api put-bucket-versioning --bucket {archive.bucket} --versioning-configuration Status=Enabled"
            )
        return bucket

    @functools.cached_property
    def _s3(self) -> S3Client:
        return lightened(self._session.client("s3", config=CONFIG))

    @functools.cached_property
    def lanes(self) -> SqsLanes:
        """The queue of the environment. Raises Misconfigured when it names none."""
        if self.settings.queue_url is None:
            raise Misconfigured("the variable QUEUE_URL is missing")
        return SqsLanes(
            lightened(self._session.client("sqs")),
            queue_url=self.settings.queue_url,
            lanes=self.settings.source.max_parallel_downloads,
        )

    @functools.cached_property
    def tokens(self) -> SharedTokens | None:
        """In the table, encrypted by the archive's key; None without a key, or where the provider limits no tokens."""
        archive, source = self.settings.archive, self.settings.source
        if archive.kms_key is None or not load(source.provider).declaration.shares_token:
            return None
        seal = KmsSeal(self._session.client("kms"), archive.kms_key, archive=archive.name, source=source.name)
        return SharedTokens(self.table, seal, source=source.name, clock=Clock())

    @functools.cached_property
    def signer(self) -> KmsSigner | None:
        """The archive's own key, by its alias; None without `sign = true`."""
        archive = self.settings.archive
        return KmsSigner(self._session.client("kms"), signing_alias(archive.name)) if archive.sign else None

    def secret(self, name: str, *, fresh: bool = False) -> str:
        """From Secrets Manager."""
        value, until = self._secrets.get(name, ("", 0.0))
        # Wall clock: the monotonic one may stand still while a Lambda is frozen.
        if fresh or time.time() >= until:
            value = self._fetched(name)
            self._secrets[name] = value, time.time() + SECRET_SECONDS
        return value

    def _fetched(self, name: str) -> str:
        try:
            # One that holds bytes in place of a text is told like one that is empty.
            return self._secrets_manager.get_secret_value(SecretId=name).get("SecretString", "")
        except (ClientError, BotoCoreError) as error:
            if code := passing_trouble(error):
                raise ArchiveTrouble(Service.SECRETS, code) from None
            raise Misconfigured(f"the secret {name} does not exist or cannot be read") from None

    @functools.cached_property
    def _secrets_manager(self) -> SecretsManagerClient:
        return self._session.client("secretsmanager")

    def count(self, metrics: Mapping[Metric, float]) -> None:
        """As one line of embedded metric format."""
        _count(self.settings.archive.name, self.settings.source.name, metrics)

    @trouble_of(Service.SNS)
    def tell(self, message: Message) -> None:
        """To one of the archive's two topics, and into the log, which is all where a function was given no topics."""
        self.log.info("told", subject=message.subject, text=message.text, urgent=message.urgent)
        topics = self.settings.topics
        if topics is not None:
            topic = topics.urgent if message.urgent else topics.alerts
            sns = self._session.client("sns")
            sns.publish(TopicArn=topic, Subject=message.subject, Message=message.text)
