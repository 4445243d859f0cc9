"""The archive bucket: audio is written once, verified by S3, and never overwritten.

Up to 8 MiB a recording is one PutObject whose SHA-256 S3 checks. Above it goes up in parts as they fill, each with
its CRC32, and S3 checks the CRC32 and the size of the whole when it is completed. boto3's managed upload is not used:
it knows no `If-None-Match` and would leave a checksum of checksums. Memory: two parts, whatever the file's size.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from functions.archiver.audio.inspector import Audio
from functions.archiver.entry import Stored
from functions.archiver.object_keys import Place
from functions.archiver.recording import Json
from functions.archiver.settings.storage_classes import StoragePolicy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import StorageClassType
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, HeadObjectOutputTypeDef

PART_BYTES = 8 * 1024 * 1024
"""A single PUT up to here, parts of this size above: at most 78 GiB in S3's 10,000 parts."""

_READ_BYTES = 1024 * 1024


class Occupied(Exception):
    """The recording's key holds other bytes. They are left alone: audio is write-once."""


class Conflict(Exception):
    """Two writers met at one key (409); the upload has to start again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """What we counted of the bytes that passed."""

    size_bytes: int
    sha256: bytes
    crc32: int

    @property
    def sha256_hex(self) -> str:
        """As the ledger and the sidecar show it."""
        return self.sha256.hex()

    @property
    def crc32_base64(self) -> str:
        """As S3 writes it."""
        return _crc_text(self.crc32)


class Hasher:
    """SHA-256, CRC32 and length of bytes as they pass."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self.size_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Counts one piece."""
        self._sha256.update(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)
        self.size_bytes += len(chunk)

    def digest(self) -> Digest:
        """Of everything so far."""
        return Digest(size_bytes=self.size_bytes, sha256=self._sha256.digest(), crc32=self._crc32)


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


class Upload:
    """One recording on its way into the archive: feed bytes, then `finish` or `abort`.

    The key needs the extension, which the bytes tell; `audio` is given with the first part or at the end.
    """

    def __init__(self, s3: S3Client, bucket: str, policy: StoragePolicy, place: Place) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._policy = policy
        self._place = place
        self._buffer = bytearray()
        self._hasher = Hasher()
        self._upload_id: str | None = None
        self._key = ""
        self._parts: list[CompletedPartTypeDef] = []

    @property
    def size_bytes(self) -> int:
        """Bytes fed so far."""
        return self._hasher.size_bytes

    def feed(self, chunk: bytes, audio: Audio | None, expected_bytes: int | None) -> None:
        """Takes the next bytes. `audio` must be known once more than one part came; `expected_bytes` if known."""
        self._hasher.feed(chunk)
        self._buffer += chunk
        while len(self._buffer) > PART_BYTES:
            if self._upload_id is None:
                assert audio is not None
                self._begin(audio, expected_bytes)
            self._send_part(PART_BYTES)

    def digest(self) -> Digest:
        """Of everything fed so far."""
        return self._hasher.digest()

    def finish(self, audio: Audio) -> Stored:
        """Makes the recording visible, unless something is there already. Raises Occupied, Conflict.

        Where the very same bytes are there already, they are this recording's and are adopted.
        """
        digest = self._hasher.digest()
        self._key = self._place.audio(audio.extension)
        try:
            version_id = self._put(audio, digest) if self._upload_id is None else self._complete(digest)
        except ClientError as error:
            code = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code == 409:
                raise Conflict(f"two writers met at {self._key}") from None
            if code != 412:
                raise
            self.abort()
            version_id = self._same_bytes_there(digest)
        return Stored(
            key=self._key,
            version_id=version_id,
            size_bytes=digest.size_bytes,
            sha256=digest.sha256_hex,
            content_type=audio.content_type,
            crc32=digest.crc32_base64,
        )

    def abort(self) -> None:
        """Gives up; parts already sent are removed (a lifecycle rule removes what a crash left)."""
        if self._upload_id is not None:
            upload_id, self._upload_id = self._upload_id, None
            with suppress(self._s3.exceptions.NoSuchUpload):
                self._s3.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=upload_id)

    def _put(self, audio: Audio, digest: Digest) -> str | None:
        answer = self._s3.put_object(
            Bucket=self._bucket,
            Key=self._key,
            Body=bytes(self._buffer),
            ContentType=audio.content_type,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=base64.b64encode(digest.sha256).decode(),
            StorageClass=self._storage_class(digest.size_bytes),
            IfNoneMatch="*",
        )
        return answer.get("VersionId")

    def _begin(self, audio: Audio, expected_bytes: int | None) -> None:
        self._key = self._place.audio(audio.extension)
        answer = self._s3.create_multipart_upload(
            Bucket=self._bucket,
            Key=self._key,
            ContentType=audio.content_type,
            ChecksumAlgorithm="CRC32",
            ChecksumType="FULL_OBJECT",
            StorageClass=self._storage_class(expected_bytes or self.size_bytes),
        )
        self._upload_id = answer["UploadId"]

    def _send_part(self, size: int) -> None:
        assert self._upload_id is not None
        body = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        number = len(self._parts) + 1
        checksum = _crc_text(zlib.crc32(body))
        answer = self._s3.upload_part(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._upload_id,
            PartNumber=number,
            Body=body,
            ChecksumCRC32=checksum,
        )
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number, "ChecksumCRC32": checksum})

    def _complete(self, digest: Digest) -> str | None:
        assert self._upload_id is not None
        self._send_part(len(self._buffer))
        answer = self._s3.complete_multipart_upload(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._upload_id,
            MultipartUpload={"Parts": self._parts},
            ChecksumCRC32=digest.crc32_base64,
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=digest.size_bytes,
            IfNoneMatch="*",
        )
        self._upload_id = None
        return answer.get("VersionId")

    def _same_bytes_there(self, digest: Digest) -> str | None:
        head = self._s3.head_object(Bucket=self._bucket, Key=self._key, ChecksumMode="ENABLED")
        theirs = head.get("ChecksumSHA256") or head.get("ChecksumCRC32")
        ours = (base64.b64encode(digest.sha256).decode(), digest.crc32_base64)
        if head["ContentLength"] != digest.size_bytes or theirs not in ours:
            raise Occupied(f"the key {self._key} holds other bytes, which were left as they are")
        return head.get("VersionId")

    def _storage_class(self, size_bytes: int) -> StorageClassType:
        return cast("StorageClassType", self._policy.at_put(size_bytes))


def _crc_text(crc32: int) -> str:
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()
