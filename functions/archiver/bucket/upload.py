"""One recording on its way into the bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from functions.archiver.audio.kinds import Audio, Verdict
from functions.archiver.bucket.bucket import (
    Bucket,
    Conflict,
    Head,
    Lock,
    NoUpload,
    Properties,
    Taken,
    Unreadable,
    made_version_id,
)
from functions.archiver.bucket.digest import Digest, crc_text, digest_of
from functions.archiver.clock import iso
from functions.archiver.entry import Entry, Stored
from functions.archiver.object_keys import ENCRYPTED, Place
from functions.archiver.recording import Contradiction, Rendition
from functions.archiver.settings.storage_classes import StoragePolicy

if TYPE_CHECKING:
    from functions.archiver.bucket.sending import Sending

ONE_OBJECT_BYTES = 8 * 1024 * 1024
"""One object up to here, parts above."""

PART_BYTES = 7 * 1024 * 1024
"""Of one part, of which three are held at a time; S3's 10,000 parts take 68 GiB."""

_FIRST_BYTES = 256 * 1024
_SPILL_BYTES = 64 * 1024

FOUND_AT, SHA256, CODEC, CHANNELS, RENDITION = "found-at", "sha256", "codec", "channels", "rendition"
"""Metadata of an object: when its recording entered the ledger, which tells whose it is, and what its bytes are."""

UNKNOWN = Audio(extension="bin", content_type="application/octet-stream")
"""In place of a kind of audio: stable bytes of none that we know, which go into quarantine."""


class Occupied(Exception):
    """The recording's key holds other bytes. They are left alone: audio is write-once."""


class Upload:
    """One recording on its way into the archive: fill the `room` and say what was `taken`, then `finish` or `abort`.

    The key needs the extension, which the bytes tell; `audio` is given with the first part or at the end. Bytes are
    hashed where they lie. While parts are sent the next one is filled: one buffer more is held than the bucket takes
    parts at once.
    """

    def __init__(
        self,
        bucket: Bucket,
        policy: StoragePolicy,
        entry: Entry,
        note: Callable[[Stored], None],
        lock: Callable[[], Lock | None],
        rendition: Rendition | None = None,
    ) -> None:
        self._bucket = bucket
        self._policy = policy
        self._lock = lock
        self._place = entry.place
        self._found_at = iso(entry.found_at)
        self._held = entry.held
        self._rendition = rendition
        self._note = note
        self._buffer = bytearray()
        self._limit = ONE_OBJECT_BYTES  # what the buffer grows up to
        self._filled = 0
        self._spill = bytearray()  # for what comes when a part is full, be it more or the end
        self._sha256 = hashlib.sha256()
        self._sent_bytes = 0
        self._sending: Sending | None = None
        self._key = ""
        self._begun_as: Audio | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes taken so far."""
        return self._sent_bytes + self._filled

    def room(self, expected_bytes: int | None = None) -> memoryview:
        """Where the next bytes are to be put, never empty. `expected_bytes` of the whole, if known."""
        if not self._buffer:
            self._limit = PART_BYTES if (expected_bytes or 0) > ONE_OBJECT_BYTES else ONE_OBJECT_BYTES
            self._buffer = bytearray(min(expected_bytes or _FIRST_BYTES, self._limit))
        if self._filled < len(self._buffer):
            return memoryview(self._buffer)[self._filled :]
        self._spill = self._spill or bytearray(min(_SPILL_BYTES, PART_BYTES))
        return memoryview(self._spill)

    def taken(self, size: int, audio: Audio | None, expected_bytes: int | None) -> None:
        """The next `size` bytes are in the room. `audio` must be known once more than one part came."""
        if self._filled < len(self._buffer):
            self._count(size)
            return
        if len(self._buffer) < self._limit:
            self._grow()
        else:
            if self._sending is None:
                assert audio is not None
                self._sending = self._begin(audio, expected_bytes)
            self._buffer = self._send_part(self._sending) or bytearray(PART_BYTES)
            self._limit = len(self._buffer)
        self._buffer[self._filled : self._filled + size] = memoryview(self._spill)[:size]
        self._count(size)

    def feed(self, chunk: bytes, audio: Audio | None, expected_bytes: int | None) -> None:
        """Takes bytes that lie elsewhere."""
        left = memoryview(chunk)
        while left:
            room = self.room(expected_bytes)
            size = min(len(room), len(left))
            room[:size] = left[:size]
            self.taken(size, audio, expected_bytes)
            left = left[size:]

    def digest(self) -> Digest:
        """The digest of everything taken so far."""
        return Digest(size_bytes=self.size_bytes, sha256=self._sha256.digest())

    def finish(
        self, audio: Audio, verdict: Verdict | None = None, contradictions: Sequence[Contradiction] = ()
    ) -> Stored:
        """Makes the recording visible, unless something is there already. Raises Occupied, Conflict.

        Where the very same bytes are there already, they are this recording's and are adopted: so an answer that was
        lost on the way, and a call that was repeated for it, end as they should.
        """
        digest = replace(self.digest(), crc32=self._sent())
        # The end of a long file may tell more of its kind, but the first part has named it by then.
        audio = self._begun_as or audio
        self._key = _key(self._place, audio)
        stored = Stored(
            key=self._key,
            version_id=None if self._bucket.keeps_metadata else made_version_id(),
            size_bytes=digest.size_bytes,
            sha256=digest.sha256_hex,
            content_type=audio.content_type,
            crc32=digest.crc32_base64,
            codec=verdict.codec if verdict else None,
            channels=verdict.channels if verdict else None,
            contradictions=tuple(contradictions),
            rendition=self._rendition,
        )
        if self._sending is not None or not self._bucket.keeps_metadata or contradictions:
            self._note(stored)
        try:
            if self._sending is None:
                version_id = self._put(audio, stored, digest)
            else:
                version_id = self._complete(self._sending, digest)
        except (Taken, NoUpload):
            self.abort()
            version_id = self._same_bytes_there(digest)
        return replace(stored, version_id=version_id or stored.version_id or made_version_id())

    def abort(self) -> None:
        """Gives up; parts already sent are removed (a lifecycle rule removes what a crash left)."""
        if self._sending is not None:
            sending, self._sending = self._sending, None
            sending.close()
            self._bucket.abort(self._key, sending.upload_id)

    def _put(self, audio: Audio, stored: Stored, digest: Digest) -> str | None:
        said = {
            SHA256: stored.sha256,
            CODEC: stored.codec,
            CHANNELS: stored.channels and str(stored.channels),
            RENDITION: stored.rendition and json.dumps(asdict(stored.rendition)),
        }
        properties = self._properties(audio, digest.size_bytes, **{n: v for n, v in said.items() if v})
        return self._bucket.put_new(self._key, self._body(), sha256=digest.sha256, properties=properties)

    def _count(self, size: int) -> None:
        with memoryview(self._buffer)[self._filled : self._filled + size] as piece:
            self._sha256.update(piece)
        self._filled += size

    def _body(self) -> bytearray:
        """The filled part of the buffer, which is cut off there; copied only while somebody looks at it still."""
        with suppress(BufferError):
            del self._buffer[self._filled :]
        return self._buffer if self._filled == len(self._buffer) else self._buffer[: self._filled]

    def _grow(self) -> None:
        """Into a new buffer: the old one may be looked at still."""
        larger = bytearray(min(max(2 * self._filled, self._filled + len(self._spill)), self._limit))
        larger[: self._filled] = self._buffer
        self._buffer = larger

    def _begin(self, audio: Audio, expected_bytes: int | None) -> Sending:
        self._begun_as = audio
        self._key = _key(self._place, audio)
        properties = self._properties(audio, expected_bytes or self.size_bytes)
        from functions.archiver.bucket.sending import Sending  # here, for most recordings go up in one piece

        return Sending(self._bucket, self._key, self._bucket.begin(self._key, properties))

    def _send_part(self, sending: Sending) -> bytearray | None:
        """Sends what is filled; a buffer that is free for the next part."""
        free = sending.send(self._body())
        self._sent_bytes += self._filled
        self._filled = 0
        return free

    def _sent(self) -> int | None:
        """The CRC32 of all that went up in parts, the last one included, once it has; None where nothing does."""
        if self._sending is None:
            return None
        self._send_part(self._sending)
        self._sending.wait()
        return self._sending.crc32

    def _complete(self, sending: Sending, digest: Digest) -> str | None:
        assert digest.crc32 is not None
        version_id = self._bucket.complete(
            self._key, sending.upload_id, sending.parts, crc32=digest.crc32, size_bytes=digest.size_bytes
        )
        self._sending = None
        sending.close()
        return version_id

    def _same_bytes_there(self, digest: Digest) -> str | None:
        head = self._bucket.head(self._key)
        if head is None:
            raise Conflict(f"the upload of {self._key} is gone and nothing is there")
        if not self._is_of(head, digest):
            raise Occupied(f"the key {self._key} holds other bytes, which were left as they are")
        return head.version_id

    def _is_of(self, head: Head, digest: Digest) -> bool:
        """Whether these are the very bytes: by a SHA-256 that the engine counted, else by reading them."""
        if head.size_bytes != digest.size_bytes:
            return False
        if head.sha256 is not None:
            return head.sha256 == digest.sha256
        counted = head.crc32 is not None and digest.crc32 is not None
        if counted and head.crc32 != digest.crc32:
            return False
        if counted and head.metadata.get(FOUND_AT) == self._found_at:
            return True  # our own upload, whose answer was lost: nobody else knows when the item was found
        try:
            return digest_of(self._bucket, head.key) == digest
        except Unreadable:
            raise Occupied(f"the object {head.key} is in a storage class that cannot be read") from None

    def _properties(self, audio: Audio, size_bytes: int, **metadata: str) -> Properties:
        return Properties(
            content_type=audio.content_type,
            storage_class=self._policy.at_put(size_bytes),
            metadata={FOUND_AT: self._found_at, **metadata},
            lock=self._lock(),
            held=self._held,
        )


def stored_of(head: Head) -> Stored:
    """The stored object by its own description; the engine counted its SHA-256."""
    assert head.sha256 is not None
    return Stored(
        key=head.key,
        version_id=head.version_id or made_version_id(),
        size_bytes=head.size_bytes,
        sha256=head.sha256.hex(),
        content_type=head.content_type,
        crc32=None if head.crc32 is None else crc_text(head.crc32),
        codec="encrypted" if head.key.endswith(ENCRYPTED) else head.metadata.get(CODEC),
        channels=int(head.metadata[CHANNELS]) if CHANNELS in head.metadata else None,
        rendition=Rendition(**json.loads(head.metadata[RENDITION])) if RENDITION in head.metadata else None,
    )


def _key(place: Place, audio: Audio) -> str:
    return place.quarantine if audio == UNKNOWN else place.audio(audio.extension)
