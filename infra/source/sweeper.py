"""Deletes at the source what is safely archived, daily: it alone reads the secret that may delete there."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.archiver.settings.deployment import Source
from functions.archiver.settings.schedule import SWEEP
from infra.archive_bucket import acknowledge_prefixes
from infra.ledger_table import DAY, DUE
from infra.shared import Items, Shared
from infra.source.function import SourceFunction
from infra.source.lanes import Lanes
from infra.source.schedules import Schedules
from infra.statements import allow, keys_like, may_use_key

ITEMS = Items(actions=("GetItem", "BatchGetItem"), indexes=(DUE, DAY))

MARKS = (
    *("pk", "state", "held", "story", "sha256", "version_id"),
    *("deleting_since", "deleted_at_source", "gone_at_source"),
)
"""The attributes of a recording's item that it writes, or makes a condition of."""

OWN_ITEMS = ("sweeper", "health", "pace*")

READ = ("audio", "seals")
RECORDS = "erasures/at-source"


class Sweeper(Construct):
    """The sweeper of one source and its schedule. It writes no audio, no seal and no sidecar, and deletes no object."""

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, source: Source, lanes: Lanes) -> None:
        super().__init__(scope, id_)
        records = f"{shared.exported.bucket_arn}/{RECORDS}/source={source.name}/*"
        self.function = SourceFunction(
            self,
            "Sweeper",
            shared=shared,
            source=source,
            lanes=lanes,
            description="Deletes at the source what is safely archived",
            memory_mib=512,
            timeout=Duration.minutes(15),
            statements=[
                *shared.may_use(source, ITEMS),
                *_may_mark(shared, source),
                *_may_check(shared, source),
                *_may_record(shared, records),
            ],
            secret=source.delete_secret,
        ).function
        acknowledge_prefixes(self, [*shared.objects(source, READ), records])
        role = shared.exported.scheduler_role_arn
        schedules = Schedules(self, "Schedules", function=self.function, role_arn=role, age=Duration.hours(1))
        self.schedules = {"sweep": schedules.add("Sweep", SWEEP, {"action": "sweep"})}


def _may_mark(shared: Shared, source: Source) -> list[iam.PolicyStatement]:
    """Rights to mark deletions at the source in recordings' items, and to keep its own round, notes and bookings."""

    table, name = [shared.exported.table_arn], source.name
    marks = {"ForAllValues:StringEquals": {"dynamodb:Attributes": list(MARKS)}, **keys_like(f"{name}#recording#*")}
    own = keys_like(*(f"{name}#{each}" for each in OWN_ITEMS))
    return [allow(["dynamodb:UpdateItem"], table, marks), allow(["dynamodb:UpdateItem"], table, own)]


def _may_check(shared: Shared, source: Source) -> list[iam.PolicyStatement]:
    """The head of each archived version with its lock and its hold, and the seals. S3 has no right to a head alone."""
    audio, seals = (shared.objects(source, (folder,)) for folder in READ)
    return [
        allow(["s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold"], audio),
        allow(["s3:GetObjectVersion"], seals),
        allow(["s3:GetBucketObjectLockConfiguration"], [shared.exported.bucket_arn]),
        shared.may_list("s3:ListBucketVersions", [f"{folder}/source={source.name}" for folder in READ]),
        *shared.may_decrypt(),
    ]


def _may_record(shared: Shared, records: str) -> list[iam.PolicyStatement]:
    key = shared.archive.kms_key
    encrypt = [may_use_key(["kms:GenerateDataKey"], key, by="s3")] if key else []
    return [allow(["s3:PutObject"], [records]), *encrypt]
