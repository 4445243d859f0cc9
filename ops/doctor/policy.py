"""Whether a bucket's policy forbids what the archive promises that nobody can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from functions.archiver.settings.write_once import WRITE_ONCE

BY_HTTP = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject")
DELETES = ("s3:DeleteObject", "s3:DeleteObjectVersion")


def not_enforced(policy: Mapping[str, Any], bucket: str) -> list[str]:
    """Prohibitions that the policy lacks, in words; empty where all are enforced."""
    statements = [each for each in policy.get("Statement", ()) if _denies_everybody(each)]
    lacking = []
    for folder in WRITE_ONCE:
        resource = f"arn:aws:s3:::{bucket}/{folder}/x"
        if not all(any(_covers(each, action, resource) for each in statements) for action in DELETES):
            lacking.append(f"deleting in {folder}/")
        if not any(_covers(each, "s3:PutObject", resource) and _wants_new_keys(each) for each in statements):
            lacking.append(f"writing over what is in {folder}/")
    return lacking


def takes_plain_http(policy: Mapping[str, Any], bucket: str) -> bool:
    """Whether somebody may read or write an object without TLS."""
    statements = [each for each in policy.get("Statement", ()) if _denies_everybody(each) and _wants_tls(each)]
    resource = f"arn:aws:s3:::{bucket}/audio/x"
    return not all(any(_covers(each, action, resource) for each in statements) for action in BY_HTTP)


def _denies_everybody(statement: Mapping[str, Any]) -> bool:
    return statement.get("Effect") == "Deny" and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})


def _covers(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    # Partitions differ in the second part of an ARN only.
    resources = (f"arn:aws:{each.split(':', 2)[-1]}" for each in _texts(statement.get("Resource")))
    actions = any(fnmatchcase(action.lower(), each.lower()) for each in _texts(statement.get("Action")))
    return actions and any(fnmatchcase(resource, each) for each in resources)


def _wants_new_keys(statement: Mapping[str, Any]) -> bool:
    return "s3:if-none-match" in statement.get("Condition", {}).get("Null", {})


def _wants_tls(statement: Mapping[str, Any]) -> bool:
    return str(statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")).lower() == "false"


def _texts(value: object) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else [str(each) for each in value] if isinstance(value, list) else []
