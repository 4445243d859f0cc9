"""The archive bucket: audio is written once, verified by S3, and never overwritten.

Up to 8 MiB a recording is one PutObject whose SHA-256 S3 checks. Above it goes up in parts as they fill, each with
its CRC32, and S3 checks the CRC32 and the size of the whole when it is completed. boto3's managed upload is not used:
it knows no `If-None-Match` and would leave a checksum of checksums. Memory: two parts, whatever the file's size.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from functions.archiver.bucket.digest import Hasher
from functions.archiver.bucket.upload import Occupied, Upload
from functions.archiver.entry import Stored
from functions.archiver.object_keys import Place
from functions.archiver.recording import Json
from functions.archiver.settings.storage_classes import StoragePolicy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef


_READ_BYTES = 1024 * 1024


class Store:
    """The part of the bucket that belongs to one source."""

    def __init__(self, s3: S3Client, *, bucket: str, policy: StoragePolicy) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._policy = policy

    def upload(self, place: Place) -> Upload:
        """A new upload of the recording at `place`; nothing is visible before its `finish`."""
        return Upload(self._s3, self._bucket, self._policy, place)

    def find(self, place: Place) -> Stored | None:
        """The recording's own object, when an earlier attempt stored it and S3 still vouches for it.

        Every object at the key was verified before its final write. Its SHA-256 comes from S3 for a single PUT, else
        from the sidecar that matches it, else from reading it again. None when there is none.
        """
        found = next(self._objects_of(place), None)
        return self._vouched(found, place) if found else None

    def _objects_of(self, place: Place) -> Iterator[str]:
        prefix = f"{place.audio_stem}."
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            for listed in page.get("Contents", []):
                key = listed["Key"]
                if key[len(prefix) :].isalnum():  # other ids may begin like this one and go on after a dot
                    yield key

    def _vouched(self, key: str, place: Place) -> Stored:
        head = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        sha256 = self._sha256_by_s3(head) or self._sha256_by_sidecar(head, place) or self._sha256_by_reading(key, head)
        return Stored(
            key=key,
            version_id=head.get("VersionId"),
            size_bytes=head["ContentLength"],
            sha256=sha256,
            content_type=head["ContentType"],
            crc32=head.get("ChecksumCRC32"),
        )

    @staticmethod
    def _sha256_by_s3(head: HeadObjectOutputTypeDef) -> str | None:
        checksum = head.get("ChecksumSHA256", "")
        return base64.b64decode(checksum).hex() if checksum and "-" not in checksum else None

    def _sha256_by_sidecar(self, head: HeadObjectOutputTypeDef, place: Place) -> str | None:
        sidecar = self.sidecar(place) or {}
        same = sidecar.get("bytes") == head["ContentLength"] and sidecar.get("crc32") == head.get("ChecksumCRC32")
        return cast("str | None", sidecar.get("sha256")) if same else None

    def _sha256_by_reading(self, key: str, head: HeadObjectOutputTypeDef) -> str:
        hasher = Hasher()
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        except self._s3.exceptions.InvalidObjectState:
            raise Occupied(f"the object {key} is in a storage class that cannot be read") from None
        for chunk in body.iter_chunks(_READ_BYTES):
            hasher.feed(chunk)
        digest = hasher.digest()
        expected = head.get("ChecksumCRC32", digest.crc32_base64)
        if digest.size_bytes != head["ContentLength"] or digest.crc32_base64 != expected:
            raise Occupied(f"the object {key} does not match its own checksum")
        return digest.sha256_hex

    def sidecar(self, place: Place) -> dict[str, Json] | None:
        """The sidecar as it is stored; None when there is none."""
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=place.metadata)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None
        return cast("dict[str, Json]", json.loads(body.read()))

    def write_sidecar(self, place: Place, document: Mapping[str, Json]) -> None:
        """Writes everything known of a recording beside its audio; the newest version counts."""
        self.write_json(place.metadata, document)

    def write_json(self, key: str, document: Mapping[str, Json]) -> None:
        """Writes one JSON document on one line, as Athena reads it."""
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
        body = text.encode("utf-8", "backslashreplace") + b"\n"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
