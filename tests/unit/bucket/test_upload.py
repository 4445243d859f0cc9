"""How bytes come into an upload: put into its room or handed over, in pieces of any size, and one part ahead."""

from __future__ import annotations

import hashlib
import threading
import zlib
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.audio.kinds import WAV
from functions.archiver.bucket import upload as upload_module
from functions.archiver.bucket.bucket import BadUpload, Part
from functions.archiver.bucket.digest import crc_text
from functions.archiver.bucket.upload import Upload
from functions.archiver.entry import Entry, State
from functions.archiver.recording import Recording
from functions.archiver.settings.storage_classes import StoragePolicy

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PART = 1000


class Parts:
    """A bucket that keeps what comes, and refuses the part of a number."""

    keeps_metadata = True

    def __init__(self, refuses: int | None = None) -> None:
        self.refuses = refuses
        self.sent: list[bytes] = []
        self.whole: bytes | None = None
        self.aborted = False

    def put_new(self, key: str, body: bytearray, *, sha256: bytes, properties: object) -> str:
        assert hashlib.sha256(body).digest() == sha256
        self.whole = bytes(body)
        return "v"

    def begin(self, key: str, properties: object) -> str:
        return "upload"

    def send_part(self, key: str, upload_id: str, number: int, body: bytearray, *, crc32: int) -> Part:
        if number == self.refuses:
            raise BadUpload("no")
        assert zlib.crc32(body) == crc32
        self.sent.append(bytes(body))
        return Part(number=number, crc32=crc32, tag="t")

    def complete(self, key: str, upload_id: str, parts: list[Part], *, crc32: int, size_bytes: int) -> str:
        self.whole = b"".join(self.sent)
        assert [part.number for part in parts] == list(range(1, len(self.sent) + 1))
        assert (zlib.crc32(self.whole), len(self.whole)) == (crc32, size_bytes)
        return "v"

    def abort(self, key: str, upload_id: str) -> None:
        self.aborted = True


def an_upload(bucket: Parts) -> Upload:
    entry = Entry(
        kind="recording",
        recording=Recording(id="rec"),
        state=State.QUEUED,
        source="acme",
        day=NOW.date(),
        found_at=NOW,
        discovered_by="schedule",
    )
    policy = StoragePolicy(storage="STANDARD", expire_after_days=None)
    return Upload(cast(Any, bucket), policy, entry, lambda stored: None, lambda: None)


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload_module, "PART_BYTES", PART)
        yield


@given(
    st.binary(min_size=1, max_size=5 * PART),
    st.lists(st.integers(1, 1500), min_size=1, max_size=6),
    st.sampled_from(["unknown", "right", "too small", "too large"]),
    st.booleans(),
)
def test_the_bytes_arrive_however_they_are_cut_and_whatever_was_expected(
    body: bytes, sizes: list[int], expectation: str, by_room: bool
) -> None:
    expected = {"unknown": None, "right": len(body), "too small": 1, "too large": 10 * PART}[expectation]
    bucket = Parts()
    upload, at, turn = an_upload(bucket), 0, 0
    while at < len(body):
        size = min(sizes[turn % len(sizes)], len(body) - at)
        if by_room:
            room = upload.room(expected)
            size = min(size, len(room))
            room[:size] = body[at : at + size]
            upload.taken(size, WAV, expected)
        else:
            upload.feed(body[at : at + size], WAV, expected)
        at, turn = at + size, turn + 1
        assert (upload.size_bytes, upload.digest().sha256) == (at, hashlib.sha256(body[:at]).digest())
    stored = upload.finish(WAV)
    assert stored.crc32 == (crc_text(zlib.crc32(body)) if len(body) > PART else None)
    assert bucket.whole == body
    assert stored.sha256 == hashlib.sha256(body).hexdigest()
    assert all(len(part) == PART for part in bucket.sent[:-1])
    assert bool(bucket.sent) == (len(body) > PART)


def test_what_sending_a_part_raises_is_raised_to_who_fills_and_no_thread_stays() -> None:
    before = threading.active_count()
    bucket = Parts(refuses=1)
    upload = an_upload(bucket)
    upload.feed(bytes(2 * PART), WAV, None)
    with pytest.raises(BadUpload):
        upload.feed(bytes(2 * PART), WAV, None)
    upload.abort()
    assert bucket.aborted
    assert threading.active_count() == before


def test_a_refused_last_part_is_raised_at_the_end() -> None:
    bucket = Parts(refuses=2)
    upload = an_upload(bucket)
    upload.feed(bytes(PART + 1), WAV, None)
    with pytest.raises(BadUpload):
        upload.finish(WAV)
    upload.abort()
    assert bucket.whole is None
