"""What the constructs of all sources share."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from functions.archiver.settings.deployment import Archive, Source
from functions.archiver.settings.environment import environment_of
from functions.providers import load
from infra.alarms import Alerts
from infra.archive_bucket import objects
from infra.ledger_table import LedgerTable


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """Made once in an archive. `key` encrypts the bucket; None where S3 manages the keys."""

    archive: Archive
    bucket: s3.IBucket
    key: kms.IKey | None
    ledger: LedgerTable
    code: lambda_.Code
    alerts: Alerts

    @property
    def table(self) -> dynamodb.ITable:
        """The ledger's table."""
        return self.ledger.table

    def environment(self, source: Source, queue: sqs.IQueue) -> dict[str, str]:
        """What a function of `source` finds in its environment. Raises Misconfigured."""
        return environment_of(
            self.archive,
            source,
            bucket=self.bucket.bucket_name,
            table=self.table.table_name,
            queue_url=queue.queue_url,
        )

    def may_share_token(self, source: Source) -> list[iam.PolicyStatement]:
        """Statements that allow to encrypt and decrypt an access token of this source, and nothing else."""
        if self.key is None or not load(source.provider).declaration.shares_token:
            return []
        context = {"archive": self.archive.name, "source": source.name}
        return [
            iam.PolicyStatement(
                actions=["kms:Encrypt", "kms:Decrypt"],
                resources=[self.key.key_arn],
                conditions={"StringEquals": {f"kms:EncryptionContext:{name}": text for name, text in context.items()}},
            )
        ]

    def may_write(self, source: Source, *folders: str) -> list[iam.PolicyStatement]:
        """Statements that allow to put the source's objects into some of the archive's folders."""
        put = iam.PolicyStatement(actions=["s3:PutObject"], resources=objects(self.bucket, source.name, *folders))
        if self.key is None:
            return [put]
        # Decrypt because the parts of a multipart upload are read again when it is completed.
        return [
            put,
            iam.PolicyStatement(actions=["kms:GenerateDataKey", "kms:Decrypt"], resources=[self.key.key_arn]),
        ]
