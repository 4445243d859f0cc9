"""The bucket's own prohibitions, which bind everybody: overwriting write-once objects, and deleting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functions.archiver.settings.write_once import WRITE_ONCE


def statements(
    bucket_arn: str, *, erasers: Sequence[str], unlockers: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """The policy's statements. Only the roles in `erasers` may delete, and only S3's lifecycle rules besides them.

    Only those in `unlockers`, None for a bucket without Object Lock, may pass over a lock of governance mode.
    A write must carry If-None-Match. The second key exempts the parts of a multipart upload, whose completion carries
    it; a copy cannot and is denied. A delete marker would let such a write succeed, so deletes are denied too.
    """
    objects = [f"{bucket_arn}/{folder}/*" for folder in WRITE_ONCE]
    return [
        _deny(
            "WriteOnce",
            ["s3:PutObject"],
            objects,
            {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        ),
        _deny("NoReplicas", ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], objects, {}),
        _deny("NoDeletes", ["s3:DeleteObject", "s3:DeleteObjectVersion"], objects, _unless(erasers)),
        *(
            []
            if unlockers is None
            else [_deny("NoBypass", ["s3:BypassGovernanceRetention"], objects, _unless(unlockers))]
        ),
    ]


def only_tls(bucket_arn: str) -> dict[str, Any]:
    """The TLS-only statement that the CDK gives a bucket of its own, for somebody else's bucket."""
    return _deny("OnlyTls", ["s3:*"], [bucket_arn, f"{bucket_arn}/*"], {"Bool": {"aws:SecureTransport": "false"}})


def _unless(roles: Sequence[str]) -> dict[str, Any]:
    return {"ArnNotEquals": {"aws:PrincipalArn": list(roles)}} if roles else {}


def _deny(sid: str, actions: list[str], resources: list[str], conditions: dict[str, Any]) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": resources}
    return statement | ({"Condition": conditions} if conditions else {})
