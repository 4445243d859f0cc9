"""A folder that acts as a bucket with Object Lock: a checksum, a lock and a hold for each object.

Its lock is a governance one that everybody breaks, so that only a hold keeps an object from being deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from functions.archiver.bucket.bucket import Bytes, Head, Lock, Locked, NotThere, Part, Properties
from ops.local.engine.folder import FolderBucket


class Vault(FolderBucket):
    """`unlocked` keys have no lock; `held` ones are on hold in the bucket itself."""

    locks = True

    def __init__(self, root: Path, until: datetime) -> None:
        super().__init__(root)
        self.lock: Lock = Lock(mode="GOVERNANCE", until=until)
        self.unlocked: set[str] = set()
        self.held: set[str] = set()
        self.counted: dict[str, bytes] = {}
        self._begun_on_hold: set[str] = set()

    def put_new(self, key: str, body: Bytes, *, sha256: bytes, properties: Properties) -> None:
        super().put_new(key, body, sha256=sha256, properties=properties)
        self._made(key, held=properties.held)

    def begin(self, key: str, properties: Properties) -> str:
        upload_id = super().begin(key, properties)
        if properties.held:
            self._begun_on_hold.add(upload_id)
        return upload_id

    def complete(self, key: str, upload_id: str, parts: Sequence[Part], *, crc32: int, size_bytes: int) -> None:
        super().complete(key, upload_id, parts, crc32=crc32, size_bytes=size_bytes)
        self._made(key, held=upload_id in self._begun_on_hold)

    def put(self, key: str, body: Bytes, *, content_type: str = "application/json", held: bool = False) -> None:
        super().put(key, body, content_type=content_type, held=held)
        self._made(key, held=held)

    def _made(self, key: str, *, held: bool) -> None:
        self.counted[key] = hashlib.sha256(self.names.path(key).read_bytes()).digest()
        if held:
            self.held.add(key)

    def delete(self, key: str, *, version_id: str | None) -> None:
        if key in self.held:
            raise Locked(key)
        super().delete(key, version_id=version_id)

    def set_hold(self, key: str, *, version_id: str | None, held: bool) -> None:
        if not self.names.path(key).exists():
            raise NotThere(key)
        (self.held.add if held else self.held.discard)(key)

    def head(self, key: str, *, version_id: str | None = None) -> Head | None:
        head = super().head(key, version_id=version_id)
        if head is None:
            return None
        lock = None if key in self.unlocked else self.lock
        return replace(head, sha256=self.counted.get(key), lock=lock, held=key in self.held)
