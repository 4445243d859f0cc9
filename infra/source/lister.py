"""Finds recordings: lists the provider on the source's schedule, and puts what is due into the lanes every minute."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.archiver.settings.deployment import Source
from functions.archiver.settings.schedule import DISPATCH
from infra.archive_bucket import acknowledge_prefixes
from infra.ledger_table import DUE
from infra.shared import Items, Shared
from infra.source.function import SourceFunction
from infra.source.lanes import Lanes
from infra.source.schedules import Schedules
from infra.statements import allow

ITEMS = Items(actions=("GetItem", "BatchGetItem", "PutItem", "UpdateItem"), indexes=(DUE,))

BYTES = ("audio", "quarantine")
DESCRIBED = ("metadata", "reports")
OF_ALL_SOURCES = ("holds", "erasures")
"""They name recordings by digest alone."""


class Lister(Construct):
    """The lister of one source and its two schedules."""

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, source: Source, lanes: Lanes) -> None:
        super().__init__(scope, id_)
        self.function = SourceFunction(
            self,
            "Lister",
            shared=shared,
            source=source,
            lanes=lanes,
            description="Lists recordings and puts what is due into the lanes",
            memory_mib=256,
            timeout=Duration.minutes(15),
            statements=[
                *shared.may_use(source, ITEMS),
                *shared.may_open(),
                *_may_rebuild(shared, source),
                lanes.may_send(),
                shared.may_tell(),
            ],
            tells=True,
        ).function
        acknowledge_prefixes(self, _records(shared, source))
        role = shared.exported.scheduler_role_arn
        schedules = Schedules(self, "Schedules", function=self.function, role_arn=role, age=Duration.minutes(5))
        self.schedules = {
            "list": schedules.add("List", source.schedule, {"action": "list"}),
            "dispatch": schedules.add("Dispatch", DISPATCH, {"action": "dispatch"}),
        }


def _may_rebuild(shared: Shared, source: Source) -> list[iam.PolicyStatement]:
    """Filling a new table from the bucket: all that is written of the recordings, and which of their objects exist."""
    folders = [*(f"{folder}/source={source.name}" for folder in DESCRIBED), *OF_ALL_SOURCES]
    return [
        allow(["s3:GetObject"], _records(shared, source)),
        *shared.may_decrypt(),
        shared.may_list("s3:ListBucket", folders),
        shared.may_list("s3:ListBucketVersions", [f"{folder}/source={source.name}" for folder in BYTES]),
    ]


def _records(shared: Shared, source: Source) -> list[str]:
    common = [f"{shared.exported.bucket_arn}/{folder}/*" for folder in OF_ALL_SOURCES]
    return [*shared.objects(source, DESCRIBED), *common]
