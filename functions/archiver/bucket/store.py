"""The archive bucket: audio is written once, verified by the engine that holds it, and never overwritten.

Up to 8 MiB a recording is one object whose SHA-256 the engine checks. Above it goes up in parts as they fill, each with
its CRC32, and the CRC32 and the size of the whole are checked when it is completed. Memory: two parts, whatever the
file's size.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

from functions.archiver.bucket.bucket import Bucket, Head, NotThere, Unreadable, made_version_id
from functions.archiver.bucket.digest import crc_text, digest_of
from functions.archiver.bucket.upload import Occupied, Upload
from functions.archiver.entry import Stored
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.object_keys import ENCRYPTED, Place
from functions.archiver.recording import Json
from functions.archiver.settings.storage_classes import StoragePolicy


class Store:
    """The part of the bucket that belongs to one source."""

    def __init__(self, bucket: Bucket, *, policy: StoragePolicy) -> None:
        self.bucket = bucket
        self._policy = policy

    def upload(self, place: Place) -> Upload:
        """A new upload of the recording at `place`; nothing is visible before its `finish`."""
        return Upload(self.bucket, self._policy, place)

    def find(self, place: Place) -> Stored | None:
        """The recording's own object, when an earlier attempt stored it and the engine still vouches for it.

        Every object at the key was verified before its final write. Its SHA-256 comes from the engine for an object
        put in one piece, else from the sidecar that matches it, else from reading it again. None when there is none.
        """
        found = next(self._objects_of(place), None)
        head = self.bucket.head(found) if found else None
        try:
            return self._vouched(head, place) if head else None
        except Unreadable:
            raise Occupied(f"the object {found} is in a storage class that cannot be read") from None

    def _objects_of(self, place: Place) -> Iterator[str]:
        prefix = f"{place.audio_stem}."
        for key in self.bucket.keys(prefix):
            if (
                key[len(prefix) :].removesuffix(ENCRYPTED).isalnum()
            ):  # other ids may begin like this one and go on after a dot
                yield key

    def _vouched(self, head: Head, place: Place) -> Stored:
        own = self._sidecar_of(head, place)
        sha256 = head.sha256.hex() if head.sha256 else cast("str | None", own.get("sha256"))
        crc32 = crc_text(head.crc32) if head.crc32 is not None else cast("str | None", own.get("crc32"))
        version_id = head.version_id or cast("str | None", own.get("version_id"))
        return Stored(
            key=head.key,
            version_id=version_id or made_version_id(),
            size_bytes=head.size_bytes,
            sha256=sha256 or self._sha256_by_reading(head),
            content_type=head.content_type,
            crc32=crc32,
            codec="encrypted" if head.key.endswith(ENCRYPTED) else None,
        )

    def _sidecar_of(self, head: Head, place: Place) -> Mapping[str, Json]:
        """The sidecar, if it speaks of these bytes and the engine alone does not say enough of them."""
        if head.sha256 and head.version_id:
            return {}
        document = self.sidecar(place) or {}
        theirs = None if head.crc32 is None else crc_text(head.crc32)
        same = document.get("bytes") == head.size_bytes and document.get("crc32") == theirs
        return document if same else {}

    def _sha256_by_reading(self, head: Head) -> str:
        digest = digest_of(self.bucket, head.key)
        if digest.size_bytes != head.size_bytes or digest.crc32 != (digest.crc32 if head.crc32 is None else head.crc32):
            raise Occupied(f"the object {head.key} does not match its own checksum")
        return digest.sha256_hex

    def sidecar(self, place: Place) -> dict[str, Json] | None:
        """The sidecar as it is stored; None when there is none."""
        try:
            return self.document(place.metadata)
        except ArchiveTrouble as trouble:
            if trouble.code == "AccessDenied":  # so S3 answers for a missing key to whoever may not list
                return None
            raise

    def document(self, key: str) -> dict[str, Json] | None:
        """A JSON document; None when there is none. Raises ValueError when it is no JSON."""
        try:
            with self.bucket.read(key) as chunks:
                text = b"".join(chunks)
        except NotThere:
            return None
        return cast("dict[str, Json]", json.loads(text))

    def write_sidecar(self, place: Place, document: Mapping[str, Json]) -> None:
        """Writes everything known of a recording beside its audio; the newest version counts."""
        self.write_json(place.metadata, document)

    def write_json(self, key: str, document: Mapping[str, Json]) -> None:
        """Writes one JSON document on one line, as Athena reads it."""
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
        self.bucket.put(key, text.encode("utf-8", "backslashreplace") + b"\n")
