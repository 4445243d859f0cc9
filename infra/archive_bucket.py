"""The bucket that holds the archive: ours with every safeguard set, or one that is there already."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from aws_cdk import Acknowledgment, CfnOutput, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from functions.archiver.settings.deployment import Archive, Deployment
from functions.archiver.settings.write_once import WRITE_ONCE
from infra.bucket_policy import only_tls, statements
from infra.lifecycle import FOR_YOUR_BUCKET, rules
from infra.logical_ids import name_for_good
from infra.object_lock import enable
from infra.statements import allow

ERASABLE = ("audio", "metadata", "transcripts", "quarantine", "reports")
"""What an erasure takes away: all versions of one recording, and earlier ones of the reports that name it."""


class ArchiveBucket(Construct):
    """Versioned, TLS only, never public, encrypted, written once, and kept when the stack goes.

    `eraser` is the only role of the stack that may delete, None without `access_policies`.
    """

    def __init__(self, scope: Construct, id_: str, *, deployment: Deployment, logical_id: str) -> None:
        super().__init__(scope, id_)
        archive = deployment.archive
        self.bucket = self._theirs(archive.bucket) if archive.bucket else self._ours(deployment, logical_id)
        self.eraser = self._eraser() if archive.access_policies else None
        self._protect(archive)

    def _theirs(self, name: str) -> s3.IBucket:
        CfnOutput(self, "LifecycleRules", value=FOR_YOUR_BUCKET)
        return s3.Bucket.from_bucket_name(self, "Bucket", name)

    def _ours(self, deployment: Deployment, logical_id: str) -> s3.IBucket:
        kms_key = deployment.archive.kms_key
        key = kms.Key.from_key_arn(self, "Key", kms_key) if kms_key else None
        bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=rules(deployment),
            transition_default_minimum_object_size=s3.TransitionDefaultMinimumObjectSize.ALL_STORAGE_CLASSES_128_K,
        )
        name_for_good(bucket, logical_id)
        enable(bucket, deployment.archive)
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

    def _eraser(self) -> iam.Role:
        """Nobody but a person who is allowed to assume it ever acts as this role; CloudTrail then names the person."""
        objects = [self.bucket.arn_for_objects(f"{folder}/*") for folder in ERASABLE]
        role = iam.Role(
            self,
            "Eraser",
            description=f"Assumed by people to delete recordings of {Stack.of(self).stack_name} for good",
            assumed_by=iam.AccountRootPrincipal(),
            inline_policies={"Erase": iam.PolicyDocument(statements=[allow(["s3:DeleteObjectVersion"], objects)])},
        )
        acknowledge_prefixes(role, objects, "An erasure names its recordings one by one, of any source.")
        return role

    def _protect(self, archive: Archive) -> None:
        found = _statements(archive, self.bucket.bucket_arn, eraser=self.eraser.role_arn if self.eraser else None)
        if archive.bucket is not None:
            found = [*found, only_tls(self.bucket.bucket_arn)]
            CfnOutput(self, "BucketPolicy", value=Stack.of(self).to_json_string(found))
            return
        for statement in found:
            self.bucket.add_to_resource_policy(iam.PolicyStatement.from_json(statement))
        assert self.bucket.policy
        self.bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN)  # the bucket stays, and so does what protects it


def for_your_bucket(deployment: Deployment) -> str | None:
    """The statements to add to the policy of a bucket of the owner's own; None where the stack makes the bucket.

    The stack's role is described in words there, because its ARN is not known yet.
    """
    archive = deployment.archive
    if archive.bucket is None:
        return None
    eraser = "<the ARN of the role Eraser of this stack>" if archive.access_policies else None
    arn = f"arn:aws:s3:::{archive.bucket}"
    written = json.dumps([*_statements(archive, arn, eraser=eraser), only_tls(arn)], indent=2)
    return (
        f"Add these statements to the policy of the bucket {archive.bucket}; without them it is not enforced that "
        f"{', '.join(WRITE_ONCE)} are written once. The output BucketPolicy has them with every name filled in.\n"
        f"{written}\n{FOR_YOUR_BUCKET}."
    )


def _statements(archive: Archive, bucket_arn: str, *, eraser: str | None) -> list[dict[str, Any]]:
    glass = [archive.break_glass_role] if archive.break_glass_role else []
    erasers = [eraser, *glass] if eraser else glass
    return statements(bucket_arn, erasers=erasers, unlockers=glass if archive.object_lock else None)


def acknowledge_prefixes(
    scope: Construct,
    arns: Sequence[str],
    reason: str = "The names of objects come from the provider's ids; the prefix is the source's own.",
) -> None:
    """Tells the rules why the roles in `scope` may reach every object under these prefixes."""
    stack = Stack.of(scope)
    Validations.of(scope).acknowledge(
        *(Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{_flat(stack.resolve(arn))}]", reason=reason) for arn in arns)
    )


def _flat(resolved: object) -> str:
    """A resolved ARN as cdk-nag writes it, references and variables of a policy alike: `<Bucket.Arn>/audio/*`."""
    if not isinstance(resolved, dict):
        return re.sub(r"\$\{([^}]+)\}", r"<\1>", str(resolved))
    (intrinsic, argument), *_ = resolved.items()
    if intrinsic == "Fn::Join":
        return "".join(_flat(part) for part in argument[1])
    if intrinsic == "Fn::ImportValue":
        return str(argument)
    return f"<{argument}>" if intrinsic == "Ref" else f"<{'.'.join(argument)}>"
