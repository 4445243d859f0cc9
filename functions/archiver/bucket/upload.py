"""One recording on its way into the bucket."""

from __future__ import annotations

import base64
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from functions.archiver.audio.inspector import Audio
from functions.archiver.bucket.digest import Digest, Hasher, crc_text
from functions.archiver.entry import Stored
from functions.archiver.object_keys import Place
from functions.archiver.settings.storage_classes import StoragePolicy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import StorageClassType
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


PART_BYTES = 8 * 1024 * 1024
"""A single PUT up to here, parts of this size above: at most 78 GiB in S3's 10,000 parts."""


class Occupied(Exception):
    """The recording's key holds other bytes. They are left alone: audio is write-once."""


class Conflict(Exception):
    """Two writers met at one key (409); the upload has to start again."""


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
        checksum = crc_text(zlib.crc32(body))
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
