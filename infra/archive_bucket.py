"""The bucket that holds the archive: ours with every safeguard set, or one that is there already."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Acknowledgment, CfnOutput, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from functions.archiver.settings.deployment import Archive
from infra.logical_ids import name_for_good

ABORT_UPLOADS_AFTER_DAYS = 1

OLD_VERSIONS_KEPT_DAYS = 90
"""How long an overwritten or deleted object can be brought back."""

OLD_VERSIONS_KEPT_DAYS_WITH_EXPIRY = 7
"""The same where everything expires: what has expired must also be gone."""

RULES_FOR_YOUR_BUCKET = (
    "Lifecycle rules that this stack cannot set on a bucket it does not own; set them yourself: "
    f"abort incomplete multipart uploads after {ABORT_UPLOADS_AFTER_DAYS} day, "
    f"expire noncurrent versions after {OLD_VERSIONS_KEPT_DAYS} days"
)


class ArchiveBucket(Construct):
    """Versioned, TLS only, never public, encrypted, and kept when the stack goes."""

    def __init__(self, scope: Construct, id_: str, *, archive: Archive, logical_id: str) -> None:
        super().__init__(scope, id_)
        self.key = kms.Key.from_key_arn(self, "Key", archive.kms_key) if archive.kms_key else None
        self.bucket = self._theirs(archive.bucket) if archive.bucket else self._ours(archive, logical_id)

    def _theirs(self, name: str) -> s3.IBucket:
        CfnOutput(self, "LifecycleRules", value=RULES_FOR_YOUR_BUCKET)
        return s3.Bucket.from_bucket_name(self, "Bucket", name)

    def _ours(self, archive: Archive, logical_id: str) -> s3.IBucket:
        bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.KMS if self.key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.key,
            bucket_key_enabled=True if self.key else None,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=lifecycle_rules(archive),
            transition_default_minimum_object_size=s3.TransitionDefaultMinimumObjectSize.ALL_STORAGE_CLASSES_128_K,
        )
        name_for_good(bucket, logical_id)
        Validations.of(bucket).acknowledge(
            Acknowledgment(
                id="AwsSolutions-S1",
                reason="Who read a recording is told by CloudTrail data events, which an account turns on for all its "
                "buckets; server access logs would need a second bucket and come without guarantee.",
            ),
            Acknowledgment(
                id="CloudFormation-Validate::W9003",
                reason="The smallest size of a lifecycle rule is a number in CDK and a text in the schema.",
            ),
        )
        return bucket


def lifecycle_rules(archive: Archive) -> Sequence[s3.LifecycleRule]:
    """Everything that S3 does by itself. Tiers move audio only, for the small documents have to stay readable."""
    tiers = [
        s3.LifecycleRule(
            id=f"audio-to-{tier.storage_class.lower().replace('_', '-')}",
            prefix="audio/",
            # S3 compares "greater than"; an explicit size also overrides its own minimum of 128 KB.
            object_size_greater_than=max(tier.min_bytes - 1, 0),
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass(tier.storage_class),
                    transition_after=Duration.days(tier.after_days),
                )
            ],
        )
        for tier in archive.tiers
    ]
    expires = archive.expire_after_days
    kept = OLD_VERSIONS_KEPT_DAYS_WITH_EXPIRY if expires else OLD_VERSIONS_KEPT_DAYS
    return [
        *tiers,
        s3.LifecycleRule(
            id="expire" if expires else "expire-old-versions",
            expiration=Duration.days(expires) if expires else None,
            expired_object_delete_marker=None if expires else True,
            noncurrent_version_expiration=Duration.days(kept),
        ),
        # A rule of its own: S3 takes no filter by size or tag together with this action.
        s3.LifecycleRule(
            id="abort-broken-uploads",
            abort_incomplete_multipart_upload_after=Duration.days(ABORT_UPLOADS_AFTER_DAYS),
        ),
    ]


def objects(bucket: s3.IBucket, source: str, *folders: str) -> list[str]:
    """The ARNs of a source's objects in some of the archive's folders."""
    return [bucket.arn_for_objects(f"{folder}/source={source}/*") for folder in folders]


def acknowledge_prefixes(scope: Construct, arns: Sequence[str]) -> None:
    """Tells the rules why the roles in `scope` may reach every object under these prefixes."""
    for arn in arns:
        Validations.of(scope).acknowledge(
            Acknowledgment(
                id=f"AwsSolutions-IAM5[Resource::{_flat(Stack.of(scope).resolve(arn))}]",
                reason="The names of objects come from the provider's ids; the prefix is the source's own.",
            )
        )


def _flat(resolved: object) -> str:
    """A resolved ARN as cdk-nag writes it: `<Bucket.Arn>/audio/*`."""
    if not isinstance(resolved, dict):
        return str(resolved)
    (intrinsic, argument), *_ = resolved.items()
    if intrinsic == "Fn::Join":
        return "".join(_flat(part) for part in argument[1])
    return f"<{argument}>" if intrinsic == "Ref" else f"<{'.'.join(argument)}>"
