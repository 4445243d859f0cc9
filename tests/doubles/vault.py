"""A folder that acts as a bucket with Object Lock: a checksum, a lock and a hold for each object."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from functions.archiver.bucket.bucket import Bytes, Head, Lock, Properties
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

    def put_new(self, key: str, body: Bytes, *, sha256: bytes, properties: Properties) -> None:
        super().put_new(key, body, sha256=sha256, properties=properties)
        self.counted[key] = hashlib.sha256(body).digest()

    def head(self, key: str, *, version_id: str | None = None) -> Head | None:
        head = super().head(key, version_id=version_id)
        if head is None:
            return None
        lock = None if key in self.unlocked else self.lock
        return replace(head, sha256=self.counted.get(key), lock=lock, held=key in self.held)
