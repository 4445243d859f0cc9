"""Object Lock: the bucket's property, and who may lock what for how long. Every object gets its own retention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from functions.archiver.settings.deployment import Archive, Deployment, Source
from infra.shared import Shared
from infra.statements import allow

LOCKED = ("audio", "quarantine")
"""Sidecars are not locked: they are written again, and their SHA-256 stands in the seal."""


def enable(bucket: s3.Bucket, archive: Archive) -> None:
    """Switches it on without a default rule.

    Only by the configuration, which a bucket that is there takes too: `ObjectLockEnabled` would replace the bucket.
    """
    if archive.object_lock is None:
        return
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.object_lock_configuration = s3.CfnBucket.ObjectLockConfigurationProperty(object_lock_enabled="Enabled")


def may_lock(shared: Shared, resources: Sequence[str], days: int) -> list[iam.PolicyStatement]:
    """To set a retention of at most `days`, and no statement without `object_lock`.

    One day more is let through: S3 counts whole days, and a function's clock may be a moment ahead of S3's.
    """
    if shared.archive.object_lock is None:
        return []
    most = {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": str(days + 1)}}
    return [allow(["s3:PutObjectRetention"], resources, most)]


def may_hold(shared: Shared, source: Source, folders: tuple[str, ...]) -> list[iam.PolicyStatement]:
    """To write what is on hold as held, and to hold what was written a moment too early. Never to release."""
    if shared.archive.object_lock is None:
        return []
    return [
        allow(
            ["s3:PutObjectLegalHold"],
            shared.objects(source, folders),
            {"StringEquals": {"s3:object-lock-legal-hold": "ON"}},
        ),
        shared.may_list("s3:ListBucketVersions", [f"{folder}/source={source.name}" for folder in folders]),
    ]


def lock_notices(deployment: Deployment) -> Iterator[str]:
    """Notices that a person should read before recordings are locked."""
    archive = deployment.archive
    if archive.object_lock is None:
        return
    days = max(source.lock_days(archive) for source in deployment.sources)
    who = "nobody, not AWS either" if archive.object_lock == "compliance" else "nobody but break_glass_role"
    yield (
        f"archive.object_lock: for up to {days} days {who} can delete audio, so an erasure that somebody is owed waits "
        "until then. It cannot be switched off again."
    )
    if archive.object_lock == "compliance":
        yield (
            "archive.object_lock: if card codes may be spoken in calls, PCI DSS 3.3.1 wants them gone at once, which "
            "compliance makes impossible: use governance."
        )
        if archive.kms_key:
            yield (
                "archive.kms_key: whoever may disable this key, or have it deleted, can end an archive in compliance "
                "mode all the same: what nobody may delete, nobody could read."
            )
    if archive.bucket:
        yield (
            f"archive.object_lock: switch it on for the bucket {archive.bucket} yourself, without a default rule: "
            f"aws s3api put-object-lock-configuration --bucket {archive.bucket} "
            "--object-lock-configuration ObjectLockEnabled=Enabled"
        )
