"""The archive bucket: audio is written once, verified by the engine that holds it, and never overwritten.

Up to 8 MiB a recording is one object whose SHA-256 the engine checks. Above it goes up in parts as they fill, each with
its CRC32, and the CRC32 and the size of the whole are checked when it is completed. Memory: three parts, whatever
the file's size.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from functions.archiver.bucket.bucket import Bucket, Head, Lock, NotThere, Unreadable
from functions.archiver.bucket.digest import crc_text, digest_of
from functions.archiver.bucket.everything import is_audio_of, versions_of
from functions.archiver.bucket.upload import FOUND_AT, SHA256, Upload, stored_of
from functions.archiver.clock import iso
from functions.archiver.entry import Entry, Stored
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.object_keys import Place
from functions.archiver.recording import Json, Rendition
from functions.archiver.settings.storage_classes import StoragePolicy


class Store:
    """The part of the bucket that belongs to one source. `lock` is what audio gets that is stored now."""

    def __init__(
        self, bucket: Bucket, *, policy: StoragePolicy, lock: Callable[[], Lock | None] = lambda: None
    ) -> None:
        self.bucket = bucket
        self._policy = policy
        self._lock = lock

    def upload(
        self, entry: Entry, note: Callable[[Stored], None] = lambda stored: None, rendition: Rendition | None = None
    ) -> Upload:
        """A new upload of a recording; nothing is visible before its `finish`.

        `note` is called with what is about to become visible, where the object itself cannot say whose it is.
        `rendition` is what was asked for.
        """
        return Upload(self.bucket, self._policy, entry, note, self._lock, rendition)

    def find(self, entry: Entry) -> Stored | None:
        """The recording's own object, when an earlier attempt stored it and died before its mark.

        It is its own if its metadata name this very item and hold the SHA-256 that the engine counted, or if it is
        what the ledger noted before the write. Anything else at the key proves nothing: None.
        """
        heads = (self.bucket.head(key) for key in self._objects_of(entry.place))
        return next((stored for head in heads if head and (stored := self._own(head, entry))), None)

    def _objects_of(self, place: Place) -> Iterator[str]:
        for key in self.bucket.keys(f"{place.audio_stem}."):
            if is_audio_of(place, key):
                yield key

    def _own(self, head: Head, entry: Entry) -> Stored | None:
        named = head.metadata.get(FOUND_AT) == iso(entry.found_at)
        noted = entry.noted
        if named and head.sha256 and head.metadata.get(SHA256) == head.sha256.hex():
            stored = stored_of(head)
            # What the provider claimed of these bytes stands in the note alone.
            same = noted is not None and (noted.key, noted.sha256) == (stored.key, stored.sha256)
            return replace(stored, contradictions=noted.contradictions) if noted and same else stored
        if noted is None or (noted.key, noted.size_bytes) != (head.key, head.size_bytes):
            return None
        if head.crc32 is not None and crc_text(head.crc32) != noted.crc32:
            return None
        if not named and not self._holds(head.key, noted.sha256):  # 32 bits alone decide nothing
            return None
        return replace(noted, version_id=head.version_id or noted.version_id)

    def _holds(self, key: str, sha256: str) -> bool:
        try:
            return digest_of(self.bucket, key).sha256_hex == sha256
        except (NotThere, Unreadable):
            return False

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

    def write_sidecar(self, place: Place, document: Mapping[str, Json], *, held: bool = False) -> str:
        """Writes everything known of a recording beside its audio; its SHA-256. The newest version counts."""
        return self.write_json(place.metadata, document, held=held)

    def write_json(self, key: str, document: Mapping[str, Json], *, held: bool = False) -> str:
        """Writes one JSON document on one line, as Athena reads it; its SHA-256. On hold where its recording is."""
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
        body = text.encode("utf-8", "backslashreplace") + b"\n"
        self.bucket.put(key, body, held=held)
        return hashlib.sha256(body).hexdigest()

    def hold(self, place: Place) -> None:
        """Puts everything of a recording on hold that is there now: every version."""
        for version in versions_of(self.bucket, place):
            if not version.deleted:
                self.bucket.set_hold(version.key, version_id=version.version_id, held=True)
