"""The bucket on S3: the only place of the archiver where S3's calls, checksums and error codes are known.

boto3's managed upload is not used: it knows no `If-None-Match` and would leave a checksum of checksums.
"""

from __future__ import annotations

import base64
import functools
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from botocore.config import Config
from botocore.exceptions import ClientError

from functions.archiver.aws.trouble import trouble_of
from functions.archiver.bucket.bucket import (
    BadUpload,
    Bytes,
    Conflict,
    Head,
    Lock,
    Locked,
    NotThere,
    NoUpload,
    Part,
    Properties,
    Taken,
    Unreadable,
    Version,
    is_made,
)
from functions.archiver.bucket.digest import crc_text
from functions.archiver.errors import ArchiveTrouble, Service

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

CONFIG = Config(s3={"payload_signing_enabled": False})
"""For the client of a bucket that is written to: bodies are not hashed a second time for the signature.

The signature covers the checksum that each body comes with. botocore leaves its own hash away only for a checksum that
it has counted itself.
"""

_Page = TypeVar("_Page")
_READ_BYTES = 1024 * 1024
_BAD_UPLOAD = (
    "BadDigest",
    "EntityTooSmall",
    "InvalidDigest",
    "InvalidPart",
    "InvalidRequest",  # what S3 answers to another size than it counted
    "XAmzContentChecksumMismatch",
)
_MEANINGS: Mapping[str, type[Exception]] = {
    **dict.fromkeys(_BAD_UPLOAD, BadUpload),
    "PreconditionFailed": Taken,
    "ConditionalRequestConflict": Conflict,
    "NoSuchUpload": NoUpload,
    "NoSuchKey": NotThere,
    "NoSuchVersion": NotThere,
    "InvalidObjectState": Unreadable,
}
_LOCKLESS = "missingObjectLockConfiguration"
"""Of S3's message for a lock or a hold in a bucket without Object Lock, without its blanks."""

_BY_STATUS: Mapping[int, type[Exception]] = {409: Conflict, 412: Taken}


@contextmanager
def _outcomes_of(key: str) -> Iterator[None]:
    """Turns S3's refusals into those of the port, and whatever else goes wrong into trouble of S3."""
    with trouble_of(Service.S3):
        try:
            yield
        except ClientError as error:
            code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code == "InvalidRequest" and _LOCKLESS in error.response["Error"].get("Message", "").replace(" ", ""):
                raise ArchiveTrouble(Service.S3, "the bucket has no Object Lock") from None
            meaning = _MEANINGS.get(code) or _BY_STATUS.get(status)
            if meaning is None:
                raise
            raise meaning(f"{key}: {code}") from None


class S3Bucket:
    """One S3 bucket."""

    keeps_metadata = True
    parts_at_once = 2  # S3 answers a part some time after its last byte: meanwhile the way to it would be idle

    def __init__(
        self, s3: S3Client, name: str, *, kms_key: str | None = None, bypasses_governance: bool = False
    ) -> None:
        """`kms_key`: the ARN under which every object is encrypted, whatever the bucket's default is.

        `bypasses_governance`: deletes say so, which takes a right of its own.
        """
        self._s3 = s3
        self._name = name
        self._encryption: dict[str, Any] = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key is not None else {}
        )
        self._bypasses = bypasses_governance

    def is_versioned(self) -> bool:
        """One GetBucketVersioning. Without versions nothing that was overwritten or deleted comes back."""
        with trouble_of(Service.S3):
            return self._s3.get_bucket_versioning(Bucket=self._name).get("Status") == "Enabled"

    def put_new(self, key: str, body: Bytes, *, sha256: bytes, properties: Properties) -> str | None:
        """One PutObject whose SHA-256 S3 checks."""
        with _outcomes_of(key):
            answer = self._s3.put_object(
                Bucket=self._name,
                Key=key,
                Body=_body(body),
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=base64.b64encode(sha256).decode(),
                IfNoneMatch="*",
                **self._encryption,
                **_properties(properties),
            )
        return answer.get("VersionId")

    def begin(self, key: str, properties: Properties) -> str:
        """CreateMultipartUpload for a full-object CRC32."""
        with _outcomes_of(key):
            answer = self._s3.create_multipart_upload(
                Bucket=self._name,
                Key=key,
                ChecksumAlgorithm="CRC32",
                ChecksumType="FULL_OBJECT",
                **self._encryption,
                **_properties(properties),
            )
        return answer["UploadId"]

    def send_part(self, key: str, upload_id: str, number: int, body: Bytes, *, crc32: int) -> Part:
        """One UploadPart whose CRC32 S3 checks."""
        with _outcomes_of(key):
            answer = self._s3.upload_part(
                Bucket=self._name,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=_body(body),
                ChecksumCRC32=crc_text(crc32),
            )
        return Part(number=number, crc32=crc32, tag=answer["ETag"])

    def complete(self, key: str, upload_id: str, parts: Sequence[Part], *, crc32: int, size_bytes: int) -> str | None:
        """CompleteMultipartUpload; S3 checks CRC32 and size of the whole."""
        with _outcomes_of(key):
            answer = self._s3.complete_multipart_upload(
                Bucket=self._name,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={
                    "Parts": [
                        {"ETag": part.tag, "PartNumber": part.number, "ChecksumCRC32": crc_text(part.crc32)}
                        for part in parts
                    ]
                },
                ChecksumCRC32=crc_text(crc32),
                ChecksumType="FULL_OBJECT",
                MpuObjectSize=size_bytes,
                IfNoneMatch="*",
            )
        return answer.get("VersionId")

    def abort(self, key: str, upload_id: str) -> None:
        """AbortMultipartUpload."""
        try:
            with _outcomes_of(key):
                self._s3.abort_multipart_upload(Bucket=self._name, Key=key, UploadId=upload_id)
        except NoUpload:
            return  # completed or aborted already

    def put(self, key: str, body: Bytes, *, content_type: str = "application/json", held: bool = False) -> str | None:
        """PutObject without a condition; with its checksum, which botocore would send in chunks over TLS."""
        hold: dict[str, Any] = {"ObjectLockLegalHoldStatus": "ON"} if held else {}
        with _outcomes_of(key):
            answer = self._s3.put_object(
                Bucket=self._name,
                Key=key,
                Body=_body(body),
                ChecksumAlgorithm="CRC32",  # named too, because S3 demands that of a request with a hold
                ChecksumCRC32=crc_text(zlib.crc32(body)),
                ContentType=content_type,
                **self._encryption,
                **hold,
            )
        return answer.get("VersionId")

    def head(self, key: str, *, version_id: str | None = None) -> Head | None:
        """HeadObject with checksums."""
        with trouble_of(Service.S3):
            try:
                answer = self._s3.head_object(
                    Bucket=self._name, Key=key, ChecksumMode="ENABLED", **_version(version_id)
                )
            except ClientError as error:
                # A HEAD has no body, so S3 can name no code: a version that is none, or a delete marker, is 400 or 405.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in _NOTHING_AT_HEAD:
                    return None
                raise
        return _head(key, answer)

    @contextmanager
    def read(
        self, key: str, *, version_id: str | None = None, start: int = 0, end: int | None = None
    ) -> Iterator[Iterator[bytes]]:
        """GetObject by version and range."""
        if end is not None and end <= start:
            yield iter(())
            return
        span: dict[str, Any] = {}
        if start or end is not None:
            span["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        with _outcomes_of(key):
            body = self._s3.get_object(Bucket=self._name, Key=key, **_version(version_id), **span)["Body"]
            try:
                yield body.iter_chunks(_READ_BYTES)
            finally:
                body.close()

    def keys(self, prefix: str) -> Iterator[str]:
        """ListObjectsV2."""
        for page in _pages(self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)):
            for listed in page.get("Contents", []):
                yield listed["Key"]

    def versions(self, prefix: str) -> Iterator[Version]:
        """ListObjectVersions."""
        for page in _pages(self._s3.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix)):
            markers: Sequence[Any] = page.get("DeleteMarkers", [])
            found = [_version_of(each, deleted=False) for each in page.get("Versions", [])]
            found += [_version_of(each, deleted=True) for each in markers]
            yield from sorted(found, key=lambda version: version.key)

    def delete(self, key: str, *, version_id: str | None) -> None:
        """DeleteObject of one version. A locked one is refused with 403, as a missing right is."""
        bypass: dict[str, Any] = {"BypassGovernanceRetention": True} if self._bypasses else {}
        with _outcomes_of(key):
            try:
                self._s3.delete_object(Bucket=self._name, Key=key, **_version(version_id), **bypass)
            except ClientError as error:
                if error.response["Error"]["Code"] == "AccessDenied" and self._is_locked(key, version_id, error):
                    raise Locked(key) from None
                raise

    def _is_locked(self, key: str, version_id: str | None, error: ClientError) -> bool:
        """By S3's message, or by what the object says to whoever may ask."""
        if "object lock" in error.response["Error"].get("Message", "").lower():
            return True
        try:
            head = self.head(key, version_id=version_id)
        except ArchiveTrouble:
            return False
        return head is not None and (head.held or head.lock is not None)

    @functools.cached_property
    def locks(self) -> bool:
        """GetObjectLockConfiguration, once."""
        with trouble_of(Service.S3):
            try:
                answer = self._s3.get_object_lock_configuration(Bucket=self._name)
            except ClientError as error:
                if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
                    return False
                raise
        return answer["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"

    def set_hold(self, key: str, *, version_id: str | None, held: bool) -> None:
        """PutObjectLegalHold."""
        hold: Any = {"Status": "ON" if held else "OFF"}
        with _outcomes_of(key):
            self._s3.put_object_legal_hold(Bucket=self._name, Key=key, LegalHold=hold, **_version(version_id))


def _pages(pages: Iterable[_Page]) -> Iterator[_Page]:
    with trouble_of(Service.S3):
        yield from pages


_NOTHING_AT_HEAD = (400, 404, 405)


def _version(version_id: str | None) -> dict[str, Any]:
    return {} if is_made(version_id) else {"VersionId": version_id}


def _body(body: Bytes) -> bytes:
    """A bytearray goes to the socket as it is; of bytes botocore makes a file, asks first whether to go on, and copies.

    The stubs name no bytearray; botocore itself takes them.
    """
    return cast("bytes", body if isinstance(body, bytearray) else bytearray(body))


def _properties(properties: Properties) -> dict[str, Any]:
    given: dict[str, Any] = {"ContentType": properties.content_type, "StorageClass": properties.storage_class}
    if properties.metadata:
        given["Metadata"] = dict(properties.metadata)
    if properties.lock:
        given |= {
            "ObjectLockMode": properties.lock.mode,
            "ObjectLockRetainUntilDate": properties.lock.until,
        }
    if properties.held:
        given["ObjectLockLegalHoldStatus"] = "ON"
    return given


def _head(key: str, answer: HeadObjectOutputTypeDef) -> Head:
    crc32 = _checksum(answer.get("ChecksumCRC32"))
    return Head(
        key=key,
        size_bytes=answer["ContentLength"],
        version_id=answer.get("VersionId"),
        last_modified=answer["LastModified"],
        content_type=answer["ContentType"],
        storage_class=answer.get("StorageClass", "STANDARD"),
        metadata=answer.get("Metadata", {}),
        sha256=_checksum(answer.get("ChecksumSHA256")),
        crc32=None if crc32 is None else int.from_bytes(crc32, "big"),
        lock=_lock(answer),
        held=answer.get("ObjectLockLegalHoldStatus") == "ON",
    )


def _lock(answer: HeadObjectOutputTypeDef) -> Lock | None:
    lock: Mapping[str, Any] = answer  # an object without a lock has neither field, whatever the stubs say
    mode, until = lock.get("ObjectLockMode"), lock.get("ObjectLockRetainUntilDate")
    return Lock(mode=mode, until=until) if mode and until else None


def _checksum(text: str | None) -> bytes | None:
    """A checksum of the whole object; one with a dash is only a checksum of its parts' checksums."""
    return base64.b64decode(text) if text and "-" not in text else None


def _version_of(listed: Any, *, deleted: bool) -> Version:
    return Version(
        key=listed["Key"],
        version_id=listed["VersionId"],
        size_bytes=0 if deleted else listed["Size"],
        last_modified=listed["LastModified"],
        latest=listed["IsLatest"],
        deleted=deleted,
    )
