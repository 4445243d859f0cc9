"""SHA-256, CRC32 and length of bytes as they pass."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import field

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """Size and checksums of the bytes that passed, counted here; a CRC32 only of what goes up in parts."""

    size_bytes: int
    sha256: bytes
    crc32: int | None = field(default=None, compare=False)

    @property
    def sha256_hex(self) -> str:
        """As the ledger and the sidecar show it."""
        return self.sha256.hex()

    @property
    def crc32_base64(self) -> str | None:
        """As S3 writes it."""
        return None if self.crc32 is None else crc_text(self.crc32)


class Hasher:
    """SHA-256 and length of bytes as they pass."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def feed(self, chunk: bytes | memoryview) -> None:
        """Counts one piece."""
        self._sha256.update(chunk)
        self.size_bytes += len(chunk)

    def digest(self) -> Digest:
        """The digest of everything so far."""
        return Digest(size_bytes=self.size_bytes, sha256=self._sha256.digest())


def crc_text(crc32: int) -> str:
    """A CRC32 as S3 writes it: base64 of four bytes."""
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()


def digest_of(bucket: Bucket, key: str, *, version_id: str | None = None) -> Digest:
    """The digest of an object, all of whose bytes are read for it. Raises NotThere, Unreadable."""
    hasher = Hasher()
    with bucket.read(key, version_id=version_id) as chunks:
        for chunk in chunks:
            hasher.feed(chunk)
    return hasher.digest()
