"""Audio is written once, and each request to S3 carries what lets S3 refuse a mistake.

moto checks no checksum, no `x-amz-mp-object-size` and no checksum type: what these tests show is that they are sent,
not what S3 does with them. It does honour `If-None-Match`.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from functions.archiver.audio.kinds import MP3, WAV
from functions.archiver.bucket.bucket import BadUpload, Conflict
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.bucket.upload import ONE_OBJECT_BYTES, PART_BYTES, Occupied, Upload
from functions.archiver.entry import Stored
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.object_keys import Place
from functions.archiver.settings.storage_classes import StoragePolicy
from tests.doubles.aws import Aws, s3
from tests.doubles.aws_calls import Sent, calls_kept, refused
from tests.harness.bucket import waiting

PLACE = Place(source="acme", day=date(2026, 3, 4), recording_id="rec")
KEY = "audio/source=acme/date=2026-03-04/rec.wav"
SMALL = b"RIFF" + bytes(range(256)) * 8
LARGE = (SMALL * (2 * ONE_OBJECT_BYTES // len(SMALL)))[: ONE_OBJECT_BYTES + PART_BYTES + 12_345]


@pytest.fixture
def store(aws: Aws) -> Store:
    return Store(S3Bucket(s3(), aws.bucket), policy=StoragePolicy(storage="STANDARD", expire_after_days=None))


def fed(store: Store, body: bytes, place: Place = PLACE, *, expected_bytes: int | None = None) -> Upload:
    upload = store.upload(waiting(place))
    for start in range(0, len(body), 65_536):
        upload.feed(body[start : start + 65_536], WAV, expected_bytes)
    return upload


def put(store: Store, body: bytes, place: Place = PLACE) -> Stored:
    return fed(store, body, place).finish(WAV)


def body_at(key: str) -> bytes:
    return s3().get_object(Bucket="archive", Key=key)["Body"].read()


def versions() -> list[str]:
    return [each["Key"] for each in s3().list_object_versions(Bucket="archive").get("Versions", [])]


def unfinished() -> int:
    return len(s3().list_multipart_uploads(Bucket="archive").get("Uploads", []))


def of(sent: list[Sent], operation: str) -> list[Sent]:
    return [each for each in sent if each.operation == f"s3.{operation}"]


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("size", [1, len(SMALL), ONE_OBJECT_BYTES])
def test_up_to_8_mib_it_is_one_put_with_a_sha256_that_s3_checks(store: Store, size: int) -> None:
    body = LARGE[:size]
    with calls_kept() as sent:
        stored = put(store, body)
    (request,) = sent
    assert request.operation == "s3.PutObject"
    assert request.headers["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert request.headers["if-none-match"] == "*"
    assert request.headers["content-type"] == "audio/wav"
    assert (stored.key, stored.size_bytes) == (KEY, size)
    assert (stored.sha256, stored.crc32) == (hashlib.sha256(body).hexdigest(), None)  # one checksum is enough
    assert body_at(KEY) == body


def test_above_it_goes_in_parts_and_s3_checks_each_and_the_whole(store: Store) -> None:
    with calls_kept() as sent:
        stored = put(store, LARGE)
    (begun,) = of(sent, "CreateMultipartUpload")
    assert begun.headers["x-amz-checksum-algorithm"] == "CRC32"
    assert begun.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert begun.headers["content-type"] == "audio/wav"
    parts = of(sent, "UploadPart")
    second = ONE_OBJECT_BYTES + PART_BYTES
    pieces = [LARGE[:ONE_OBJECT_BYTES], LARGE[ONE_OBJECT_BYTES:second], LARGE[second:]]
    checked = Counter(part.headers["x-amz-checksum-crc32"] for part in parts)  # two are sent at a time
    assert checked == Counter(map(crc32, pieces))
    (completed,) = of(sent, "CompleteMultipartUpload")
    assert completed.headers["x-amz-checksum-crc32"] == crc32(LARGE)
    assert completed.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert completed.headers["x-amz-mp-object-size"] == str(len(LARGE))
    assert completed.headers["if-none-match"] == "*"
    assert stored.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert body_at(KEY) == LARGE


def test_parts_go_out_as_they_fill(store: Store) -> None:
    upload = store.upload(waiting(PLACE))
    with calls_kept() as sent:
        upload.feed(LARGE[: ONE_OBJECT_BYTES + 1], WAV, None)
        upload.abort()  # which waits for what is on its way
    operations = [each.operation for each in sent]
    assert operations == ["s3.CreateMultipartUpload", "s3.UploadPart", "s3.AbortMultipartUpload"]


def test_what_is_given_up_leaves_no_parts(store: Store) -> None:
    upload = fed(store, LARGE)
    assert unfinished() == 1
    upload.abort()
    assert (unfinished(), versions()) == (0, [])
    upload.abort()


def test_giving_up_what_s3_has_removed_already_is_no_error(store: Store) -> None:
    upload = fed(store, LARGE)
    with refused("s3.AbortMultipartUpload", 404, "NoSuchUpload") as sent:
        upload.abort()
    assert len(sent) == 1


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["single", "parts"])
def test_nothing_is_visible_before_the_end(store: Store, body: bytes) -> None:
    upload = fed(store, body)
    assert versions() == []
    upload.finish(WAV)
    assert versions() == [KEY]


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["single", "parts"])
def test_the_same_bytes_at_the_key_are_adopted_and_not_written_twice(store: Store, body: bytes) -> None:
    first = put(store, body)
    assert put(store, body) == first
    assert versions() == [KEY]
    assert unfinished() == 0


@pytest.mark.parametrize("there", [b"x", LARGE[:-1] + b"x", SMALL[:-1] + b"x"], ids=["short", "long", "as long"])
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["single", "parts"])
def test_other_bytes_at_the_key_are_left_as_they_are(store: Store, body: bytes, there: bytes) -> None:
    put(store, there)
    upload = fed(store, body)
    with pytest.raises(Occupied, match="other bytes"):
        upload.finish(WAV)
    assert body_at(KEY) == there
    assert versions() == [KEY]
    assert unfinished() == 0


@pytest.mark.parametrize(
    ("body", "operation"), [(SMALL, "s3.PutObject"), (LARGE, "s3.CompleteMultipartUpload")], ids=["single", "parts"]
)
def test_two_writers_at_one_key_start_again(store: Store, body: bytes, operation: str) -> None:
    upload = fed(store, body)
    with refused(operation, 409, "ConditionalRequestConflict"), pytest.raises(Conflict):
        upload.finish(WAV)
    upload.abort()
    assert (versions(), unfinished()) == ([], 0)
    assert put(store, body).size_bytes == len(body)


def test_what_s3_refuses_otherwise_is_raised(store: Store) -> None:
    upload = fed(store, SMALL)
    with refused("s3.PutObject", 400, "BadDigest"), pytest.raises(BadUpload, match="BadDigest"):
        upload.finish(WAV)
    with refused("s3.PutObject", 403, "AccessDenied"), pytest.raises(ArchiveTrouble, match="AccessDenied"):
        upload.finish(WAV)
    assert versions() == []


def test_an_upload_whose_completion_was_carried_out_and_not_answered_is_adopted(store: Store) -> None:
    first = fed(store, LARGE).finish(WAV)
    again = fed(store, LARGE)
    with refused("s3.CompleteMultipartUpload", 404, "NoSuchUpload"):
        assert again.finish(WAV) == first
    assert versions() == [KEY]


def test_an_upload_that_is_gone_and_left_nothing_starts_again(store: Store) -> None:
    upload = fed(store, LARGE)
    with refused("s3.CompleteMultipartUpload", 404, "NoSuchUpload"), pytest.raises(Conflict):
        upload.finish(WAV)


def test_a_single_put_is_found_again_by_the_sha256_that_s3_keeps(store: Store) -> None:
    stored = put(store, SMALL)
    with calls_kept() as sent:
        found = store.find(waiting(PLACE))
    assert found is not None
    assert (found.key, found.version_id, found.sha256) == (stored.key, stored.version_id, stored.sha256)
    assert (found.size_bytes, found.content_type) == (len(SMALL), "audio/wav")
    assert of(sent, "GetObject") == []


def test_parts_are_noted_before_they_become_visible_and_found_again_by_the_note(store: Store) -> None:
    noted: list[Stored] = []
    upload = store.upload(waiting(PLACE), note=noted.append)
    for start in range(0, len(LARGE), 65_536):
        upload.feed(LARGE[start : start + 65_536], WAV, None)
    with refused("s3.CompleteMultipartUpload", 503, "SlowDown"), pytest.raises(ArchiveTrouble):
        upload.finish(WAV)
    (about_to_write,) = noted
    stored = put(store, LARGE)
    with calls_kept() as sent:
        assert store.find(waiting(PLACE, noted=about_to_write)) == stored
    assert of(sent, "GetObject") == []


def test_one_put_needs_no_note(store: Store) -> None:
    noted: list[Stored] = []
    upload = store.upload(waiting(PLACE), note=noted.append)
    upload.feed(SMALL, WAV, None)
    upload.finish(WAV)
    assert noted == []


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["one piece", "parts"])
def test_an_object_of_another_archives_item_is_not_adopted(store: Store, body: bytes) -> None:
    put(store, body)
    elsewhere = waiting(PLACE, found_at=datetime(2026, 3, 4, 12, 0, 0, 18, tzinfo=UTC))
    assert store.find(elsewhere) is None


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["one piece", "parts"])
def test_an_object_without_our_metadata_is_adopted_by_a_note_only_if_its_bytes_are_the_noted_ones(
    store: Store, body: bytes
) -> None:
    digest = hashlib.sha256(body).hexdigest()
    s3().put_object(Bucket="archive", Key=KEY, Body=body, ChecksumAlgorithm="CRC32", ContentType="audio/wav")
    noted = Stored(key=KEY, size_bytes=len(body), sha256=digest, content_type="audio/wav", crc32=crc32(body))
    assert store.find(waiting(PLACE)) is None
    found = store.find(waiting(PLACE, noted=noted))
    assert found is not None
    assert (found.sha256, found.size_bytes) == (digest, len(body))
    assert store.find(waiting(PLACE, noted=replace(noted, sha256="ab" * 32))) is None
    assert store.find(waiting(PLACE, noted=replace(noted, size_bytes=7))) is None
    assert store.find(waiting(PLACE, noted=replace(noted, crc32="AAAAAA=="))) is None


def test_an_object_that_cannot_be_read_is_not_adopted_by_its_crc32(store: Store) -> None:
    s3().put_object(Bucket="archive", Key=KEY, Body=LARGE, ChecksumAlgorithm="CRC32", ContentType="audio/wav")
    noted = Stored(key=KEY, size_bytes=len(LARGE), sha256="ab" * 32, content_type="audio/wav", crc32=crc32(LARGE))
    with refused("s3.GetObject", 403, "InvalidObjectState"):
        assert store.find(waiting(PLACE, noted=noted)) is None
        with pytest.raises(Occupied, match="cannot be read"):
            put(store, LARGE)


def with_crc32(body: bytes, wanted: int) -> bytes:
    """Other bytes of this length whose CRC32 is the wanted one: four bytes at the end make up for the rest."""
    table = [functools.reduce(lambda c, _: (c >> 1) ^ 0xEDB88320 if c & 1 else c >> 1, range(8), i) for i in range(256)]
    top = {value >> 24: index for index, value in enumerate(table)}
    target, order = wanted ^ 0xFFFFFFFF, []
    for _ in range(4):
        order.append(top[target >> 24])
        target = ((target ^ table[order[-1]]) << 8) & 0xFFFFFFFF
    state = zlib.crc32(body[:-4]) ^ 0xFFFFFFFF
    end = b""
    for index in reversed(order):
        end += bytes([(state ^ index) & 255])
        state = (state >> 8) ^ table[index]
    return body[:-4] + end


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["one piece", "parts"])
def test_equal_size_and_crc32_do_not_make_the_same_bytes(store: Store, body: bytes) -> None:
    forged = with_crc32(b"another conversation".ljust(len(body), b"\0"), zlib.crc32(body))
    assert (len(forged), zlib.crc32(forged)) == (len(body), zlib.crc32(body))
    s3().put_object(Bucket="archive", Key=KEY, Body=forged, ChecksumAlgorithm="CRC32")
    with pytest.raises(Occupied, match="holds other bytes"):
        put(store, body)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["one piece", "parts"])
def test_equal_bytes_under_a_foreign_checksum_are_compared_by_reading_and_adopted(store: Store, body: bytes) -> None:
    s3().put_object(Bucket="archive", Key=KEY, Body=body, ChecksumAlgorithm="CRC32")
    assert put(store, body).sha256 == hashlib.sha256(body).hexdigest()
    assert versions() == [KEY]


def test_nothing_is_found_where_nothing_is(store: Store) -> None:
    assert store.find(waiting(PLACE)) is None


def test_an_object_of_another_extension_is_the_recordings_own(store: Store) -> None:
    fed(store, SMALL).finish(MP3)
    found = store.find(waiting(PLACE))
    assert found is not None
    assert found.key.endswith("/rec.mp3")


@pytest.mark.parametrize("other", ["rec.b", "rec.wav", "rec2", "rec.", "rec.1.2"])
def test_ids_that_begin_alike_do_not_meet(store: Store, other: str) -> None:
    beside = Place(source="acme", day=PLACE.day, recording_id=other)
    put(store, b"RIFF of the other", beside)
    assert store.find(waiting(PLACE)) is None
    put(store, SMALL)
    assert len(versions()) == 2
    found = store.find(waiting(beside))
    assert found is not None
    assert found.size_bytes == len(b"RIFF of the other")


@pytest.fixture
def short_lists() -> Iterator[None]:
    """S3 lists ten keys in an answer in place of a thousand."""

    def shorten(params: dict[str, object], **_: object) -> dict[str, object]:
        return {**params, "MaxKeys": 10}

    emitter: Any = s3().meta.events
    emitter.register("provide-client-params.s3.ListObjectsV2", shorten)
    yield
    emitter.unregister("provide-client-params.s3.ListObjectsV2", shorten)


@pytest.mark.usefixtures("short_lists")
def test_many_ids_that_begin_alike_hide_none(store: Store) -> None:
    for number in range(12):
        put(store, b"RIFF", Place(source="acme", day=PLACE.day, recording_id=f"rec.{number}"))
    put(store, SMALL)
    found = store.find(waiting(PLACE))
    assert found is not None
    assert found.key == KEY


@pytest.mark.parametrize(
    ("storage", "days", "body", "expected"),
    [
        ("auto", None, LARGE, "GLACIER_IR"),
        ("auto", 7, LARGE, "STANDARD"),
        ("auto", None, SMALL, "STANDARD"),
        ("STANDARD_IA", None, SMALL, "STANDARD_IA"),
        ("DEEP_ARCHIVE", None, LARGE, "DEEP_ARCHIVE"),
    ],
)
def test_the_storage_class_is_chosen_at_the_put(
    aws: Aws, storage: str, days: int | None, body: bytes, expected: str
) -> None:
    store = Store(S3Bucket(s3(), aws.bucket), policy=StoragePolicy(storage=storage, expire_after_days=days))
    with calls_kept() as sent:
        put(store, body)
    first = next(each for each in sent if each.operation in ("s3.PutObject", "s3.CreateMultipartUpload"))
    assert first.headers["x-amz-storage-class"] == expected


def test_json_is_one_line_for_athena_and_holds_what_utf8_cannot(store: Store) -> None:
    store.write_json("metadata/x.json", {"name": "Zoë\n", "odd": "\ud800"})
    body = body_at("metadata/x.json")
    assert body.count(b"\n") == 1
    assert body.endswith(b"\n")
    assert json.loads(body) == {"name": "Zoë\n", "odd": "\ud800"}


def test_there_is_no_sidecar_where_none_was_written(store: Store) -> None:
    assert store.sidecar(PLACE) is None
    store.write_sidecar(PLACE, {"sha256": "ab"})
    assert store.sidecar(PLACE) == {"sha256": "ab"}


def test_a_sidecar_that_s3_refuses_to_show_counts_as_none(store: Store) -> None:
    with refused("s3.GetObject", 403, "AccessDenied"):
        assert store.sidecar(PLACE) is None


def test_a_sidecar_that_cannot_be_read_at_the_moment_is_trouble_of_s3(store: Store) -> None:
    with refused("s3.GetObject", 503, "SlowDown"), pytest.raises(ArchiveTrouble, match=r"S3 .*SlowDown"):
        store.sidecar(PLACE)
