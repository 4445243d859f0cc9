"""The engine of an archive on AWS: DynamoDB, S3, SQS, Secrets Manager, and CloudWatch for logs and metrics."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import IO, cast

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import BotoCoreError, ClientError

from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.engine import Log
from functions.archiver.errors import Misconfigured
from functions.archiver.ledger.dynamodb import DynamoTable
from functions.archiver.settings.environment import Settings
from functions.archiver.settings.metrics import NAMESPACE, Metric
from functions.archiver.throttling.sqs import SqsLanes

SECRET_SECONDS = 300
"""How long a secret's value is kept in the process."""


class AwsEngine:
    """One source's part of AWS; clients are made when they are needed."""

    troubles: tuple[type[Exception], ...] = (BotoCoreError, ClientError)

    def __init__(self, settings: Settings, session: boto3.Session | None = None, *, log: IO[str] | None = None) -> None:
        self._settings = settings
        self._session = session or boto3.Session()
        source = settings.source.name
        logger = Logger(service=f"{settings.archive.name}/{source}", stream=log, source=source)
        handler = logger.registered_handler
        if log is not None and isinstance(handler, logging.StreamHandler):
            # Loggers live as long as the process: one of an earlier run would go on writing to that run's stream.
            handler.stream = log
        self.log = cast("Log", logger)

    @functools.cached_property
    def table(self) -> DynamoTable:
        """The table of the environment."""
        return DynamoTable(self._session.resource("dynamodb"), self._settings.table)

    @functools.cached_property
    def bucket(self) -> S3Bucket:
        """The bucket of the environment."""
        return S3Bucket(self._session.client("s3"), self._settings.bucket)

    @functools.cached_property
    def lanes(self) -> SqsLanes:
        """The queue of the environment. Raises Misconfigured when it names none."""
        if self._settings.queue_url is None:
            raise Misconfigured("the variable QUEUE_URL is missing")
        return SqsLanes(
            self._session.client("sqs"),
            queue_url=self._settings.queue_url,
            lanes=self._settings.source.max_parallel_downloads,
        )

    def secret(self, name: str) -> str:
        """From Secrets Manager."""
        try:
            return str(self._secrets.get(name, max_age=SECRET_SECONDS))
        except GetParameterError:
            raise Misconfigured(f"the secret {name} does not exist or cannot be read") from None

    @functools.cached_property
    def _secrets(self) -> SecretsProvider:
        return SecretsProvider(boto3_client=self._session.client("secretsmanager"))

    def count(self, metrics: Mapping[Metric, float]) -> None:
        """As one line of embedded metric format."""
        emf = EphemeralMetrics(namespace=NAMESPACE)
        emf.add_dimension(name="source", value=self._settings.source.name)
        for metric, value in metrics.items():
            unit = MetricUnit.Seconds if metric.in_seconds else MetricUnit.Count
            emf.add_metric(name=metric.value, unit=unit, value=value)
        emf.flush_metrics()
