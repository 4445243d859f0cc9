"""Works on the lanes: downloads each recording, verifies it and puts it into the archive."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions.archiver.settings.deployment import Source
from infra.archive_bucket import acknowledge_prefixes
from infra.ledger_table import DUE
from infra.object_lock import LOCKED, may_hold, may_lock
from infra.shared import Items, Shared
from infra.source.function import SourceFunction
from infra.source.lanes import DOWNLOAD_TIMEOUT, Lanes
from infra.statements import allow

FOLDERS = ("audio", "quarantine", "metadata", "transcripts")
BYTES = ("audio", "quarantine")
"""What may be sent in parts, and broken off."""

LOOKED_AT = (*BYTES, "metadata")
"""What an earlier attempt of the same recording may have left."""

ITEMS = Items(actions=("GetItem", "BatchGetItem", "PutItem", "UpdateItem"), indexes=(DUE,))

FOLLOW_UPS = ("lookup#*", "transcript#*")
"""They go when they are resolved."""

WRITTEN = ("recording#*", *FOLLOW_UPS, "pace*", "token")
"""Strangers' bytes reach this function: it notes how its work went, and touches no cursor, seal, total or tombstone."""

MEMORY_MIB = 200
"""Recordings of any length take 75, the worst answer that a provider may send 165. Most of its seconds are waiting."""


class Downloader(Construct):
    """The downloader of one source, fed one message at a time so that no message waits behind another lane's."""

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, source: Source, lanes: Lanes) -> None:
        super().__init__(scope, id_)
        self.function = SourceFunction(
            self,
            "Downloader",
            shared=shared,
            source=source,
            lanes=lanes,
            description="Downloads, verifies and archives recordings",
            memory_mib=MEMORY_MIB,
            timeout=DOWNLOAD_TIMEOUT,
            statements=[
                *shared.may_use(source, ITEMS, written=WRITTEN, deleted=FOLLOW_UPS),
                *shared.may_open(),
                *_may_archive(shared, source),
                *may_lock(shared, shared.objects(source, LOCKED), source.lock_days(shared.archive)),
                *may_hold(shared, source, FOLDERS),
                lanes.may_send(),
                lanes.may_work(),
            ],
        ).function
        acknowledge_prefixes(self, shared.objects(source, FOLDERS))
        lambda_.EventSourceMapping(
            self,
            "Lanes",
            target=self.function,
            event_source_arn=lanes.queue.queue_arn,
            batch_size=1,  # so a function that raises gives back its own message and no other
        )


def _may_archive(shared: Shared, source: Source) -> list[iam.PolicyStatement]:
    """Writing, and finding what an earlier attempt of the same recording has written. Never deleting."""
    return [
        *shared.may_write(source, FOLDERS),
        allow(["s3:AbortMultipartUpload"], shared.objects(source, BYTES)),
        allow(["s3:GetObject"], shared.objects(source, LOOKED_AT)),
        shared.may_list("s3:ListBucket", [f"{folder}/source={source.name}" for folder in LOOKED_AT]),
    ]
