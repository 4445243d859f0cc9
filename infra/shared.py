"""The archive's names and ARNs for its sources, by value, so that both may be in one stack or in two.

The archive exports each value under a name that never changes; CloudFormation refuses to change or remove an export
that another stack imports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from functions.archiver.settings.deployment import Archive, Source
from functions.archiver.settings.environment import Topics, environment_of
from functions.providers import load
from infra.alarms import Alerts
from infra.statements import allow, keys_like, may_use_key, may_use_table_key

TAG = "recording-archive"
"""Every function carries it with the archive's name, so that policies can name all functions of an archive at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """Names and ARNs of what the root stack holds. An export is the archive's name and the field's in CamelCase."""

    bucket_name: str
    bucket_arn: str
    table_name: str
    table_arn: str
    alerts_topic_arn: str
    urgent_topic_arn: str
    api_id: str
    api_endpoint: str
    scheduler_role_arn: str

    def alerts(self, archive: Archive) -> Alerts:
        """Where the alarms of `archive` go."""
        return Alerts(
            archive=archive.name,
            runbook=archive.runbook,
            alerts_arn=self.alerts_topic_arn,
            urgent_arn=self.urgent_topic_arn,
        )

    @classmethod
    def names(cls) -> dict[str, str]:
        """The output of each field."""
        return {each.name: "".join(map(str.capitalize, each.name.split("_"))) for each in fields(cls)}


class Items(NamedTuple):
    """A function's rights to the ledger: actions on its source's items, and the indexes that it may query."""

    actions: tuple[str, ...]
    indexes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """The archive as one of its sources sees it, and the functions' code as an asset of the source's stack."""

    archive: Archive
    exported: Exported
    code: lambda_.Code

    @property
    def alerts(self) -> Alerts:
        """Where alarms go."""
        return self.exported.alerts(self.archive)

    def environment(self, source: Source, queue_url: str, *, tells: bool) -> dict[str, str]:
        """The environment of a function of `source`. With `tells` it may send messages to people.

        Raises Misconfigured.
        """
        return environment_of(
            self.archive,
            source,
            bucket=self.exported.bucket_name,
            table=self.exported.table_name,
            queue_url=queue_url,
            topics=self._topics if tells else None,
        )

    @property
    def _topics(self) -> Topics:
        return Topics(alerts=self.exported.alerts_topic_arn, urgent=self.exported.urgent_topic_arn)

    def may_tell(self) -> iam.PolicyStatement:
        """A statement that allows to publish to the archive's topics."""
        return allow(["sns:Publish"], [self._topics.alerts, self._topics.urgent])

    def may_share_token(self, source: Source) -> list[iam.PolicyStatement]:
        """Statements that allow to encrypt and decrypt an access token of this source, and nothing else."""
        if self.archive.kms_key is None or not load(source.provider).declaration.shares_token:
            return []
        context = {"archive": self.archive.name, "source": source.name}
        own = {"StringEquals": {f"kms:EncryptionContext:{name}": text for name, text in context.items()}}
        return [allow(["kms:Encrypt", "kms:Decrypt"], [self.archive.kms_key], own)]

    def objects(self, source: Source, folders: tuple[str, ...]) -> list[str]:
        """The ARNs of a source's objects in some of the archive's folders."""
        return [f"{self.exported.bucket_arn}/{folder}/source={source.name}/*" for folder in folders]

    def may_open(self) -> list[iam.PolicyStatement]:
        """Statements for all who use the bucket: whether one of the user's own keeps versions is looked at first."""
        if self.archive.bucket is None:
            return []
        return [allow(["s3:GetBucketVersioning"], [self.exported.bucket_arn])]

    def may_write(self, source: Source, folders: tuple[str, ...]) -> list[iam.PolicyStatement]:
        """Statements that allow to put the source's objects into some of the archive's folders."""
        statements = [allow(["s3:PutObject"], self.objects(source, folders))]
        if self.archive.kms_key is None:
            return statements
        # Decrypt because the parts of a multipart upload are read again when it is completed.
        return [
            *statements,
            may_use_key(["kms:GenerateDataKey", "kms:Decrypt"], self.archive.kms_key, by="s3"),
        ]

    def may_decrypt(self) -> list[iam.PolicyStatement]:
        """Statements that allow to read what the archive's key has encrypted; none where S3's own key does."""
        key = self.archive.kms_key
        return [may_use_key(["kms:Decrypt"], key, by="s3")] if key else []

    def may_list(self, action: str, folders: Sequence[str]) -> iam.PolicyStatement:
        """Allows to list objects, or their versions, in some of the bucket's folders."""
        prefixes = {"StringLike": {"s3:prefix": [f"{folder}/*" for folder in folders]}}
        return allow([action], [self.exported.bucket_arn], prefixes)

    def may_use(
        self, source: Source, items: Items, *, written: Sequence[str] = ("*",), deleted: Sequence[str] = ()
    ) -> list[iam.PolicyStatement]:
        """Statements for the ledger's items of one source: patterns of those that it may change, and of those that it
        may delete.

        The partition key of every item and of every index entry begins with the source's name and a `#`, which no
        name can hold.
        """
        arn, own = self.exported.table_arn, _keys_of(source, ["*"])
        reads = [action for action in items.actions if action in _READS]
        writes = [action for action in items.actions if action not in _READS]
        indexes = [f"{arn}/index/{name}" for name in items.indexes]
        statements = [
            allow([f"dynamodb:{action}" for action in reads], [arn], own),
            allow(["dynamodb:Query"], indexes, own),
        ]
        if writes:
            conditions = _keys_of(source, written)
            statements.append(allow([f"dynamodb:{action}" for action in writes], [arn], conditions))
        if deleted:
            statements.append(allow(["dynamodb:DeleteItem"], [arn], _keys_of(source, deleted)))
        return [*statements, *may_use_table_key(self.archive)]


_READS = ("GetItem", "BatchGetItem")


def _keys_of(source: Source, patterns: Sequence[str]) -> dict[str, Any]:
    return keys_like(*(f"{source.name}#{each}" for each in patterns))
