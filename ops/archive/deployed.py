"""An archive on AWS."""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from functions.archiver.aws.engine import AwsEngine, KmsSigner
from functions.archiver.aws.trouble import trouble_of
from functions.archiver.bucket.bucket import is_made
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.clock import Clock
from functions.archiver.errors import Service
from functions.archiver.health import TICKS_EVERY
from functions.archiver.ledger.due import Due
from functions.archiver.ledger.dynamodb import DynamoTable
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.totals import Counts, Totals
from functions.archiver.runtime import Runtime
from functions.archiver.settings.environment import Settings
from ops.archive.archive import Person
from ops.archive.facts import ArchiveFacts, Facts, SourceFacts
from ops.shell.output import ExitCode, Failure

INVOCATION_SECONDS = 900


class DeployedArchive:
    """Found by its name through its parameters. `session` makes further clients."""

    def __init__(self, name: str, session: boto3.Session) -> None:
        self.name = name
        self.session = session
        self._settings: dict[str, Settings] = {}

    @functools.cached_property
    def _facts(self) -> Facts:
        return Facts(self.session.client("ssm"), self.name)

    @property
    def facts(self) -> ArchiveFacts:
        """Facts of the root stack. Raises Failure (MISUSE)."""
        return self._facts.archive()

    def source(self, name: str) -> SourceFacts:
        """Facts of a source's stack. Raises Failure (NOT_FOUND)."""
        return self._facts.source(name)

    @property
    def unique_name(self) -> str:
        """No two buckets of the world have one name."""
        return f"bucket {self.facts.bucket}"

    @property
    def zone(self) -> ZoneInfo:
        """As the deployment file says."""
        return ZoneInfo(self.facts.zone)

    @functools.cached_property
    def person(self) -> Person:
        """Whose credentials these are."""
        caller = self.session.client("sts").get_caller_identity()
        return Person(caller["Arn"], caller["UserId"])

    @property
    def sources(self) -> Sequence[str]:
        """By their parameters."""
        return self._facts.sources()

    @functools.cached_property
    def table(self) -> DynamoTable:
        """In DynamoDB."""
        return DynamoTable(self.session.client("dynamodb"), self.facts.table, by_hand=True)

    @functools.cached_property
    def bucket(self) -> S3Bucket:
        """In S3."""
        return S3Bucket(self.session.client("s3"), self.facts.bucket)

    @property
    def export_signer(self) -> KmsSigner | None:
        """The KMS key `export_key` of the deployment file."""
        key = self.facts.export_key
        return KmsSigner(self.session.client("kms"), key) if key else None

    @property
    def tick_interval(self) -> timedelta:
        """By a tick a minute."""
        return TICKS_EVERY

    def counts(self, source: str) -> Counts:
        """By the reconciler's totals, and live what is open."""
        clock = Clock()
        due = Due(self.table, source=source, clock=clock)
        return Totals(self.table, source=source).count(due, clock.now().date())

    def ringing(self) -> Mapping[str, Sequence[str]]:
        """By CloudWatch; one call, and one more for each hundred that ring."""
        pages = self.session.client("cloudwatch").get_paginator("describe_alarms")
        found: dict[str, list[str]] = defaultdict(list)
        try:
            for page in pages.paginate(AlarmNamePrefix=f"{self.name} / ", StateValue="ALARM"):
                for alarm in page["MetricAlarms"]:
                    source, _, words = alarm["AlarmName"].removeprefix(f"{self.name} / ").partition(": ")
                    found[source].append(words)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise Failure(ExitCode.UNAVAILABLE, f"CloudWatch does not say which alarms are ringing: {code}") from None
        return found

    def erasing(self, *, break_glass: bool) -> S3Bucket:
        """The bucket in the name of the role that may delete. Raises Failure (REFUSED) where there is none."""
        role = self.facts.break_glass if break_glass else self.facts.eraser
        if role is None:
            key = "break_glass_role" if break_glass else "access_policies"
            raise Failure(
                ExitCode.REFUSED,
                f"{self.name} was deployed without a role that may do this: set {key} in the deployment file",
                kind="no_role",
            )
        return S3Bucket(self.assumed(role).client("s3"), self.facts.bucket, bypasses_governance=break_glass)

    def assumed(self, role: str) -> boto3.Session:
        """A session in the name of a role, which CloudTrail shows with the person's name."""
        name = re.sub(r"[^\w+=,.@-]", "-", self.person.name.rpartition("/")[2])[:64].ljust(2, "-")
        answer = self.session.client("sts").assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
        return boto3.Session(
            aws_access_key_id=answer["AccessKeyId"],
            aws_secret_access_key=answer["SecretAccessKey"],
            aws_session_token=answer["SessionToken"],
            region_name=self.session.region_name,
        )

    def ledger(self, source: str) -> Ledger:
        """Its term is the functions' business: nothing that a person does by hand begins one."""
        self.source(source)
        return Ledger(self.table, source=source, clock=Clock())

    RESTORED_DAYS: ClassVar = 7
    """How long a copy of what lies in a cold storage class can be read."""

    def link(self, key: str, version_id: str | None, *, seconds: int) -> str:
        """A URL by which whoever has it can read one version for a while. Asks nothing."""
        version = {} if is_made(version_id) else {"VersionId": version_id}
        given = {"Bucket": self.facts.bucket, "Key": key, **version}
        return self.session.client("s3").generate_presigned_url("get_object", Params=given, ExpiresIn=seconds)

    def restore(self, key: str, version_id: str | None) -> None:
        """Has S3 bring a version back from a cold storage class. Raises ArchiveTrouble."""
        version: dict[str, Any] = {} if is_made(version_id) else {"VersionId": version_id}
        request: Any = {"Days": self.RESTORED_DAYS, "GlacierJobParameters": {"Tier": "Standard"}}
        with trouble_of(Service.S3):
            self.session.client("s3").restore_object(
                Bucket=self.facts.bucket, Key=key, RestoreRequest=request, **version
            )

    def settings(self, source: str) -> Settings:
        """The settings of the source's downloader. Raises Failure (NOT_FOUND)."""
        if source not in self._settings:
            name = self.source(source).functions["downloader"]
            answer = self.session.client("lambda").get_function_configuration(FunctionName=name)
            self._settings[source] = Settings.from_env(answer.get("Environment", {}).get("Variables", {}))
        return self._settings[source]

    def invoke(self, function: str, event: Mapping[str, object], *, wait: bool = True) -> dict[str, Any]:
        """Invokes a function and returns its answer, which is empty without `wait`.

        Raises Failure where the function cannot be invoked, or fails.
        """
        # A function may take its quarter of an hour, and boto3 would ask a second time after one minute.
        config = Config(read_timeout=INVOCATION_SECONDS, retries={"total_max_attempts": 1})
        try:
            answer = self.session.client("lambda", config=config).invoke(
                FunctionName=function,
                InvocationType="RequestResponse" if wait else "Event",
                Payload=json.dumps(event).encode(),
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise Failure(ExitCode.UNAVAILABLE, f"the function {function} cannot be invoked: {code}") from None
        if answer.get("FunctionError"):
            raise Failure(ExitCode.UNAVAILABLE, f"the function {function} failed: look into its log")
        return dict(json.loads(answer["Payload"].read())) if wait else {}

    def runtime(self, source: str) -> Runtime:
        """The parts that the source's functions are made of, with the rights of whoever calls."""
        settings = self.settings(source)
        return Runtime(settings, AwsEngine(settings, self.session), Clock())
