"""Statements of policies that several roles and policies have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from functions.archiver.settings.deployment import Archive

_TABLE_KEY_ACTIONS = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")
"""DynamoDB asks for them in the name of whoever calls it."""


OWN_ACCESSES = "accesses/date=????-??-??/${aws:userid}/*"
"""Where people write down what they looked at, in nobody else's name: a `*` for the day would go beyond it."""


def allow(
    actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    """Allows `actions` on `resources`, under `conditions`."""
    return iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)


def keys_like(*patterns: str) -> dict[str, Any]:
    """The condition that a request names no partition key of the ledger but those that `patterns` match.

    It is true where a request names no key at all, so `Scan` must never be among the actions.
    """
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)}}


def may_use_key(actions: Sequence[str], key: str, *, by: str) -> iam.PolicyStatement:
    """Lets a service use the archive's key on behalf of a role; no role uses the key directly."""
    return allow(actions, [key], {"StringEquals": {"kms:ViaService": f"{by}.{Aws.REGION}.{Aws.URL_SUFFIX}"}})


def may_use_table_key(archive: Archive) -> list[iam.PolicyStatement]:
    """Statements for whoever reads or writes a ledger that the archive's key encrypts; none without `kms_key`."""
    return [may_use_key(_TABLE_KEY_ACTIONS, archive.kms_key, by="dynamodb")] if archive.kms_key else []
