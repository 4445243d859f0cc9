"""How bytes come into an upload: put into its room or handed over, in pieces of any size, and one part ahead."""

from __future__ import annotations

import hashlib
import threading
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.audio.kinds import WAV
from functions.archiver.bucket import upload as upload_module
from functions.archiver.bucket.bucket import BadUpload, Conflict, Head, NoUpload, Part, Unreadable
from functions.archiver.bucket.digest import crc_text
from functions.archiver.bucket.upload import FOUND_AT, Occupied, Upload
from functions.archiver.clock import iso
from functions.archiver.entry import Entry, State
from functions.archiver.recording import Recording
from functions.archiver.settings.storage_classes import StoragePolicy

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ONE_OBJECT = 1000
PART = 800


class Parts:
    """A bucket that takes two parts at a time, keeps what comes, and refuses the part of a number."""

    keeps_metadata = True
    parts_at_once = 2

    def __init__(self, refuses: int | None = None, refusal: Exception | None = None) -> None:
        self.refuses = refuses
        self.refusal = refusal or BadUpload("no")
        self.by_number: dict[int, bytes] = {}
        self.whole: bytes | None = None
        self.aborted = False

    @property
    def sent(self) -> list[bytes]:
        return [body for _, body in sorted(self.by_number.items())]

    def put_new(self, key: str, body: bytearray, *, sha256: bytes, properties: object) -> str:
        assert hashlib.sha256(body).digest() == sha256
        self.whole = bytes(body)
        return "v"

    def begin(self, key: str, properties: object) -> str:
        return "upload"

    def send_part(self, key: str, upload_id: str, number: int, body: bytearray, *, crc32: int) -> Part:
        if number == self.refuses:
            raise self.refusal
        assert zlib.crc32(body) == crc32
        self.by_number[number] = bytes(body)
        return Part(number=number, crc32=crc32, tag="t")

    def complete(self, key: str, upload_id: str, parts: list[Part], *, crc32: int, size_bytes: int) -> str:
        self.whole = b"".join(self.sent)
        assert [part.number for part in parts] == sorted(self.by_number) == list(range(1, len(parts) + 1))
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
        patch.setattr(upload_module, "ONE_OBJECT_BYTES", ONE_OBJECT)
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
    assert stored.crc32 == (crc_text(zlib.crc32(body)) if bucket.sent else None)
    assert bucket.whole == body
    assert stored.sha256 == hashlib.sha256(body).hexdigest()
    assert all(len(part) in (PART, ONE_OBJECT) for part in bucket.sent[:-1])
    assert bool(bucket.sent) == (len(body) > (PART if expectation == "too large" else ONE_OBJECT))


def test_what_sending_a_part_raises_is_raised_to_who_fills_and_no_thread_stays() -> None:
    before = threading.active_count()
    bucket = Parts(refuses=1)
    upload = an_upload(bucket)
    upload.feed(bytes(2 * PART), WAV, None)
    with pytest.raises(BadUpload):
        upload.feed(bytes(3 * PART), WAV, None)
    upload.abort()
    assert bucket.aborted
    assert threading.active_count() == before


def test_a_refused_last_part_is_raised_at_the_end() -> None:
    bucket = Parts(refuses=2)
    upload = an_upload(bucket)
    upload.feed(bytes(ONE_OBJECT + 1), WAV, None)
    with pytest.raises(BadUpload):
        upload.finish(WAV)
    upload.abort()
    assert bucket.whole is None


class Held(Parts):
    """A bucket whose parts arrive only when they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Semaphore(0)
        self.may_arrive = threading.Semaphore(0)

    def send_part(self, key: str, upload_id: str, number: int, body: bytearray, *, crc32: int) -> Part:
        self.begun.release()
        assert self.may_arrive.acquire(timeout=30)
        return super().send_part(key, upload_id, number, body, crc32=crc32)


def test_the_next_part_is_filled_while_as_many_are_sent_as_the_bucket_takes() -> None:
    bucket, body = Held(), bytes(range(256)) * 12
    upload = an_upload(bucket)
    upload.feed(body[: ONE_OBJECT + 2 * PART], WAV, None)  # which returns, though no part has arrived
    assert all(bucket.begun.acquire(timeout=30) for _ in range(2))
    assert not bucket.begun.acquire(blocking=False)
    for _ in range(4):
        bucket.may_arrive.release()
    upload.feed(body[ONE_OBJECT + 2 * PART :], WAV, None)
    upload.finish(WAV)
    assert bucket.whole == body


class Deaf(Parts):
    """A bucket that completes an upload and loses the answer, so that the call is repeated. Nothing in it is read."""

    def __init__(self, found_at: datetime) -> None:
        super().__init__()
        self.found_at = found_at

    def complete(self, key: str, upload_id: str, parts: list[Part], *, crc32: int, size_bytes: int) -> str:
        super().complete(key, upload_id, parts, crc32=crc32, size_bytes=size_bytes)
        raise NoUpload("it is complete")

    def head(self, key: str) -> Head:
        whole = self.whole or b""
        return Head(
            key=key,
            size_bytes=len(whole),
            version_id="v",
            last_modified=NOW,
            content_type="audio/wav",
            metadata={FOUND_AT: iso(self.found_at)},
            crc32=zlib.crc32(whole),
        )

    def read(self, key: str, *, version_id: str | None) -> None:
        raise Unreadable(key)


def test_our_own_upload_whose_answer_was_lost_is_known_without_reading_it() -> None:
    upload = an_upload(Deaf(NOW))
    upload.feed(bytes(ONE_OBJECT + 1), WAV, None)
    assert upload.finish(WAV).version_id == "v"


def test_an_upload_of_somebody_else_that_cannot_be_read_is_not_taken_for_ours() -> None:
    upload = an_upload(Deaf(NOW - timedelta(seconds=1)))
    upload.feed(bytes(ONE_OBJECT + 1), WAV, None)
    with pytest.raises(Occupied, match="cannot be read"):
        upload.finish(WAV)


def test_an_upload_that_is_gone_before_its_end_has_to_start_again() -> None:
    bucket = Parts(refuses=2, refusal=NoUpload("gone"))
    upload = an_upload(bucket)
    upload.feed(bytes(ONE_OBJECT + 1), WAV, None)
    with pytest.raises(Conflict):
        upload.finish(WAV)
    upload.abort()
