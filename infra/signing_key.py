"""The key that signs the archive's seals, where the deployment wants them signed."""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from functions.archiver.settings.parameters import signing_alias
from infra.statements import allow

_ENDS_IT = ("kms:ScheduleKeyDeletion", "kms:DisableKey")


class SigningKey(Construct):
    """An ECC_NIST_P256 key that stays when the stack goes: what it has signed must be told from forgeries for good.

    Functions find it by its alias, so that `sign` changes no export of the stack. The alias goes with the stack, for a
    later one could not have it otherwise; the key of that one then follows in the chain. CloudFormation may neither end
    nor disable a key; a person with the account's own rights can.
    """

    def __init__(self, scope: Construct, id_: str, *, archive: str) -> None:
        super().__init__(scope, id_)
        key = kms.Key(
            self,
            "Key",
            description=f"Signs the seals of the recording archive {archive}",
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            removal_policy=RemovalPolicy.RETAIN,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=list(_ENDS_IT),
                resources=["*"],
                conditions={"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}},
            )
        )
        kms.Alias(self, "Alias", alias_name=signing_alias(archive), target_key=key)


def may_sign(scope: Construct, archive: str) -> list[iam.PolicyStatement]:
    """Statements that allow to sign digests with the archive's key, by its alias, and to read its public half."""
    keys = Stack.of(scope).format_arn(
        service="kms", resource="key", resource_name="*", arn_format=ArnFormat.SLASH_RESOURCE_NAME
    )
    alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": signing_alias(archive)}}
    by_digest = {"kms:MessageType": "DIGEST", "kms:SigningAlgorithm": "ECDSA_SHA_256"}
    return [
        allow(["kms:Sign"], [keys], {**alias, "StringEquals": by_digest}),
        allow(["kms:GetPublicKey"], [keys], alias),
    ]
