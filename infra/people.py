"""Rights of people: managed policies to attach to their own roles. None of them writes or deletes audio."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.archiver.settings.deployment import Archive
from infra.archive_bucket import acknowledge_prefixes
from infra.events import may_put_events
from infra.parameters import may_find
from infra.shared import TAG
from infra.statements import OWN_ACCESSES, allow, keys_like, may_use_key, may_use_table_key

RECORDINGS = ("audio", "metadata", "transcripts", "quarantine")
RECORDS = ("reports", "seals", "accesses", "holds", "erasures")
"""Folders without a word of any call."""

STEERED = (
    *("pk", "state", "due_at", "due_group", "attempts", "story", "accepted", "reason", "held", "expires_at"),
    *("missing_since", "unfinished_since", "looks", "troubles", "deaths", "not_before"),
    *("paused", "paused_until", "announced_at"),
    "walk",
)
"""The attributes of the ledger that an operator may write or make a condition of: not one is a fact of a call."""

_KEPT = 20
"""So much of a stack's name CloudFormation keeps in those that it makes, which may have 64 characters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveNames:
    """The archive that the policies are for: its settings, and the ARNs of bucket, table and alerts' topics."""

    archive: Archive
    bucket_arn: str
    table_arn: str
    topics: Sequence[str]


class People(Construct):
    """The policies *Operator*, who knows and repairs without hearing a word, and *Listener*, who listens."""

    def __init__(self, scope: Construct, id_: str, *, held: ArchiveNames) -> None:
        super().__init__(scope, id_)
        self._held = held
        self.operator = self._policy(
            "Operator",
            "Knows how the archive fares and repairs it; hears and reads no call",
            [*self._finds(), *self._steers(), *self._sees(), *self._reads_records(), *self._holds(), *self._replays()],
        )
        self.listener = self._policy(
            "Listener",
            "Finds recordings and listens to them; each access is recorded first",
            [*self._finds(), *self._listens()],
        )

    def _policy(self, name: str, description: str, statements: Sequence[iam.PolicyStatement]) -> iam.ManagedPolicy:
        archive = self._held.archive
        policy = iam.ManagedPolicy(
            self, name, description=f"{description} ({archive.name})", statements=[*statements, *self._uses_key()]
        )
        wide = [arn for each in statements for arn in each.resources if "*" in arn]
        acknowledge_prefixes(policy, wide, "A person works on all sources of the archive.")
        return policy

    def _finds(self) -> list[iam.PolicyStatement]:
        """The archive by its parameters, and recordings by the ledger. Items hold numbers and agents."""
        table = self._held.table_arn
        return [
            may_find(self, self._held.archive.name),
            allow(
                [f"dynamodb:{action}" for action in ("GetItem", "BatchGetItem", "Query", "Scan")],
                [table, f"{table}/index/*"],
            ),
            allow(["s3:PutObject"], [f"{self._held.bucket_arn}/{OWN_ACCESSES}"]),
        ]

    def _steers(self) -> list[iam.PolicyStatement]:
        """Retries, accepts, pauses and walks: by UpdateItem alone, which with these attributes can alter no fact."""
        conditions = {
            "ForAllValues:StringEquals": {"dynamodb:Attributes": list(STEERED)},
            **keys_like("*#recording#*", "*#pace", "*#walk*"),
            # An answer would show the whole item otherwise, whatever attributes the request itself names.
            "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"]},
        }
        functions = Stack.of(self).format_arn(
            service="lambda", resource="function", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        own = {"StringEquals": {f"aws:ResourceTag/{TAG}": self._held.archive.name}}
        return [
            allow(["dynamodb:UpdateItem"], [self._held.table_arn], conditions),
            allow(["lambda:InvokeFunction", "lambda:GetFunctionConfiguration"], [functions], own),
        ]

    def _sees(self) -> list[iam.PolicyStatement]:
        """Rights that `status` and `doctor` need. Most of it has no resource that one could name."""
        stack = Stack.of(self)
        # In an app of somebody else's the stack is called as they like, and CloudFormation names after the stack.
        named = sorted({_names_like(name) for name in (self._held.archive.name, stack.stack_name)})
        queues = [stack.format_arn(service="sqs", resource=name) for name in named]
        schedules = [
            stack.format_arn(service="scheduler", resource="schedule", resource_name=f"default/{name}")
            for name in named
        ]
        key = self._held.archive.kms_key
        return [
            allow(["cloudwatch:DescribeAlarms", "lambda:GetAccountSettings"], ["*"]),
            allow(["sqs:GetQueueAttributes"], queues),
            allow(["scheduler:GetSchedule"], schedules),
            allow(["sns:ListSubscriptionsByTopic"], list(self._held.topics)),
            allow(
                ["s3:GetBucketVersioning", "s3:GetBucketPolicy", "s3:GetBucketObjectLockConfiguration"],
                [self._held.bucket_arn],
            ),
            *([allow(["kms:DescribeKey"], [key])] if key else []),
        ]

    def _reads_records(self) -> list[iam.PolicyStatement]:
        return [
            allow(["s3:GetObject"], [self._objects(folder) for folder in RECORDS]),
            self._lists(["s3:ListBucket", "s3:ListBucketVersions"], RECORDS),
            allow(["s3:PutObject"], [self._objects("holds")]),
        ]

    def _holds(self) -> list[iam.PolicyStatement]:
        """Placing holds, where S3 knows them; to release one is another's right."""
        if self._held.archive.object_lock is None:
            return []
        placed = {"StringEquals": {"s3:object-lock-legal-hold": "ON"}}
        return [
            allow(["s3:PutObjectLegalHold"], [self._objects(folder) for folder in RECORDINGS], placed),
            self._lists(["s3:ListBucketVersions"], RECORDINGS),
        ]

    def _replays(self) -> list[iam.PolicyStatement]:
        """Sending events again, where there are any."""
        archive = self._held.archive
        return [may_put_events(self, archive.name)] if archive.events else []

    def _listens(self) -> list[iam.PolicyStatement]:
        actions = ("GetObject", "GetObjectVersion", "GetObjectRetention", "GetObjectLegalHold", "RestoreObject")
        return [
            allow([f"s3:{action}" for action in actions], [self._objects(folder) for folder in RECORDINGS]),
            allow(["s3:GetObject"], [self._objects("seals")]),
            self._lists(["s3:ListBucket", "s3:ListBucketVersions"], (*RECORDINGS, "seals")),
        ]

    def _uses_key(self) -> list[iam.PolicyStatement]:
        key = self._held.archive.kms_key
        if key is None:
            return []
        return [
            may_use_key(["kms:Decrypt", "kms:GenerateDataKey"], key, by="s3"),
            *may_use_table_key(self._held.archive),
        ]

    def _objects(self, folder: str) -> str:
        return f"{self._held.bucket_arn}/{folder}/*"

    def _lists(self, actions: Sequence[str], folders: Sequence[str]) -> iam.PolicyStatement:
        prefixes = {"StringLike": {"s3:prefix": [f"{folder}/*" for folder in folders]}}
        return allow(actions, [self._held.bucket_arn], prefixes)


def _names_like(archive: str) -> str:
    """A pattern for what CloudFormation names after the stacks of an archive. It doubles no hyphen."""
    return re.sub("-+", "-", f"{archive}-")[:_KEPT] + "*"
