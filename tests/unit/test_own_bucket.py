"""A bucket and a key of the user's own: what the functions make sure of before they put anything into it."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from typing import Any

import boto3
import pytest

from functions.archiver.aws.engine import AwsEngine
from functions.archiver.bucket.bucket import Properties
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.errors import Misconfigured
from functions.archiver.settings.environment import Settings
from tests.doubles.aws import Aws, s3
from tests.harness.deployments import a_deployment

KEY = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000"
LARGE = b"\1" * (5 * 1024 * 1024)


def engine(aws: Aws, **archive: Any) -> AwsEngine:
    deployment = a_deployment()
    settings = Settings(
        bucket=aws.bucket,
        table="table",
        archive=replace(deployment.archive, expire_after_days=None, tiers=(), **archive),
        source=deployment.sources[0],
    )
    return AwsEngine(settings, boto3.Session(region_name="eu-central-1"))


def test_a_bucket_of_one_s_own_without_versions_is_refused_with_the_command_that_mends_it(aws: Aws) -> None:
    s3().put_bucket_versioning(Bucket=aws.bucket, VersioningConfiguration={"Status": "Suspended"})
    with pytest.raises(Misconfigured, match="put-bucket-versioning"):
        _ = engine(aws, bucket=aws.bucket).bucket


def test_a_bucket_of_one_s_own_with_versions_is_taken(aws: Aws) -> None:
    s3().put_bucket_versioning(Bucket=aws.bucket, VersioningConfiguration={"Status": "Enabled"})
    assert isinstance(engine(aws, bucket=aws.bucket).bucket, S3Bucket)


def test_every_object_is_encrypted_under_the_key_of_the_deployment(aws: Aws) -> None:
    bucket = engine(aws, kms_key=KEY).bucket
    bucket.put_new("audio/a.wav", b"a", sha256=_sha256(b"a"), properties=Properties(content_type="audio/wav"))
    bucket.put("metadata/a.json", b"{}")
    upload = bucket.begin("audio/b.wav", Properties(content_type="audio/wav"))
    part = bucket.send_part("audio/b.wav", upload, 1, LARGE, crc32=_crc32(LARGE))
    bucket.complete("audio/b.wav", upload, [part], crc32=_crc32(LARGE), size_bytes=len(LARGE))
    for key in ("audio/a.wav", "metadata/a.json", "audio/b.wav"):
        head = s3().head_object(Bucket=aws.bucket, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY)


def _sha256(body: bytes) -> bytes:

    return hashlib.sha256(body).digest()


def _crc32(body: bytes) -> int:

    return zlib.crc32(body)
