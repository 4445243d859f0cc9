"""The policy *Custodian*, for people who hold, release, erase and export recordings. It is attached by hand."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.archiver.settings.deployment import Archive
from infra.archive_bucket import acknowledge_prefixes
from infra.parameters import may_find
from infra.statements import OWN_ACCESSES, allow, keys_like, may_use_key, may_use_table_key

READ = ("audio", "quarantine", "metadata", "transcripts", "reports", "seals", "holds", "erasures", "accesses")
HELD = ("audio", "quarantine", "metadata", "transcripts")
WRITTEN = ("holds", "erasures", "reports")
"""Records, and reports that named an erased recording."""

_WHY_WIDE = "A person works on recordings of any source; folders, key patterns and actions are what narrows it."


class Custodian(iam.ManagedPolicy):
    """Reads everything, holds and releases, erases as `eraser`. It deletes no object itself."""

    def __init__(
        self, scope: Construct, id_: str, *, archive: Archive, bucket_arn: str, table_arn: str, eraser_arn: str
    ) -> None:
        finds = may_find(scope, archive.name)
        glass = archive.break_glass_role
        super().__init__(
            scope,
            id_,
            description=f"Holds, releases, erases and exports recordings of {archive.name}",
            statements=[
                finds,
                *_bucket(bucket_arn),
                *_ledger(table_arn),
                allow(["sts:AssumeRole"], [eraser_arn, *([glass] if glass else [])]),
                *_keys(archive),
            ],
        )
        folders = sorted({*READ, *HELD, *WRITTEN})
        wide = [
            *(f"{bucket_arn}/{folder}/*" for folder in folders),
            f"{bucket_arn}/{OWN_ACCESSES}",
        ]
        acknowledge_prefixes(self, [*wide, f"{table_arn}/index/*", *finds.resources], _WHY_WIDE)


def _bucket(arn: str) -> list[iam.PolicyStatement]:
    def objects(folders: tuple[str, ...]) -> list[str]:
        return [f"{arn}/{folder}/*" for folder in folders]

    read = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold"]
    return [
        allow(["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketObjectLockConfiguration"], [arn]),
        allow(read, objects(READ)),
        allow(["s3:PutObjectLegalHold"], objects(HELD)),
        allow(["s3:PutObject"], [*objects(WRITTEN), f"{arn}/{OWN_ACCESSES}"]),
    ]


def _ledger(arn: str) -> list[iam.PolicyStatement]:
    """Reading needs no condition. Of recordings it may change and delete items, and put none but tombstones."""
    return [
        allow(["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Scan"], [arn]),
        allow(["dynamodb:Query"], [f"{arn}/index/*"]),
        allow(["dynamodb:UpdateItem"], [arn], keys_like("*#recording#*", "*#totals#*", "*#tombstone#*")),
        allow(["dynamodb:PutItem"], [arn], keys_like("*#tombstone#*", "*#tombstones")),
        allow(["dynamodb:DeleteItem"], [arn], keys_like("*#recording#*", "*#transcript#*", "*#lookup#*")),
    ]


def _keys(archive: Archive) -> list[iam.PolicyStatement]:
    found = []
    if archive.kms_key:
        found.append(may_use_key(["kms:Decrypt", "kms:GenerateDataKey"], archive.kms_key, by="s3"))
        found += may_use_table_key(archive)
    if archive.export_key:
        by_digest = {"StringEquals": {"kms:MessageType": "DIGEST", "kms:SigningAlgorithm": "ECDSA_SHA_256"}}
        found.append(allow(["kms:Sign"], [archive.export_key], by_digest))
        found.append(allow(["kms:GetPublicKey"], [archive.export_key]))
    return found
