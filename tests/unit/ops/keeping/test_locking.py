"""Audio is locked and held from the moment in which it is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest

from functions.archiver.bucket.bucket import Lock, Locked, Properties
from functions.archiver.bucket.locking import lock_of, seal_lock_of
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.bucket.upload import ONE_OBJECT_BYTES
from functions.archiver.entry import Entry, State
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.recording import Recording
from functions.archiver.settings.deployment import Archive
from functions.archiver.settings.environment import Settings
from functions.archiver.settings.storage_classes import StoragePolicy
from tests.doubles.aws import BUCKET, Aws, s3
from tests.doubles.aws_calls import refused
from tests.harness.deployed import a_source
from tests.harness.reading import AUDIO, WAV

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ENTRY = Entry(
    kind="recording",
    recording=Recording(id="one"),
    state=State.QUEUED,
    source="acme",
    day=date(2026, 11, 27),
    found_at=NOW,
    discovered_by="schedule",
)


@pytest.fixture
def bucket(aws: Aws) -> S3Bucket:
    s3().put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    return S3Bucket(s3(), aws.bucket)


def a_lock() -> Lock:
    return Lock(mode="GOVERNANCE", until=datetime.now(UTC).replace(microsecond=0) + timedelta(days=30))


@pytest.mark.parametrize("held", [False, True])
def test_an_object_has_its_lock_and_its_hold_from_the_first_moment(bucket: S3Bucket, held: bool) -> None:
    lock = a_lock()
    store = Store(bucket, policy=StoragePolicy(storage="STANDARD", expire_after_days=30), lock=lambda: lock)
    upload = store.upload(replace(ENTRY, held=held))
    upload.feed(AUDIO, WAV, len(AUDIO))
    stored = upload.finish(WAV)
    head = bucket.head(stored.key, version_id=stored.version_id)
    assert head is not None
    assert (head.lock, head.held) == (lock, held)
    with pytest.raises(Locked):
        bucket.delete(stored.key, version_id=stored.version_id)


@pytest.mark.parametrize("held", [False, True])
def test_a_document_has_its_hold_from_the_first_moment(bucket: S3Bucket, held: bool) -> None:
    """A sidecar or a transcript of a recording that is held already."""
    key = "metadata/source=acme/date=2026-11-27/one.json"
    version = bucket.put(key, b"{}\n", held=held)
    head = bucket.head(key, version_id=version)
    assert head is not None
    assert head.held is held


def test_a_large_one_says_so_when_its_upload_begins(bucket: S3Bucket) -> None:
    begun: list[dict[str, object]] = []
    name = "before-parameter-build.s3.CreateMultipartUpload"
    s3().meta.events.register(name, lambda params, **_: begun.append(params), unique_id="begun")
    try:
        lock = a_lock()
        store = Store(bucket, policy=StoragePolicy(storage="STANDARD", expire_after_days=30), lock=lambda: lock)
        upload = store.upload(replace(ENTRY, held=True))
        upload.feed(AUDIO + bytes(ONE_OBJECT_BYTES), WAV, None)
        upload.finish(WAV)
    finally:
        s3().meta.events.unregister(name, unique_id="begun")
    (params,) = begun
    assert params["ObjectLockMode"] == "GOVERNANCE"
    assert params["ObjectLockRetainUntilDate"] == lock.until
    assert params["ObjectLockLegalHoldStatus"] == "ON"


@pytest.mark.parametrize("locked", [True, False])
def test_a_deletion_that_is_denied_is_one_of_a_locked_object_where_the_object_says_so(
    bucket: S3Bucket, locked: bool
) -> None:
    """S3's message does not name the lock to everybody, and a missing right is denied in the same words."""
    lock = a_lock() if locked else None
    version = bucket.put_new(
        "one", b"x", sha256=sha256(b"x").digest(), properties=Properties(content_type="audio/wav", lock=lock)
    )
    with refused("s3.DeleteObject", 403, "AccessDenied"), pytest.raises(Locked if locked else ArchiveTrouble):
        bucket.delete("one", version_id=version)


def test_a_denied_deletion_of_what_nobody_may_look_at_is_trouble_of_the_archive(bucket: S3Bucket) -> None:
    with (
        refused("s3.DeleteObject", 403, "AccessDenied"),
        refused("s3.HeadObject", 403, "AccessDenied"),
        pytest.raises(ArchiveTrouble, match="AccessDenied"),
    ):
        bucket.delete("one", version_id=None)


def test_a_bucket_without_object_lock_is_trouble_of_the_archive_and_no_recording_s(aws: Aws) -> None:
    store = Store(
        S3Bucket(s3(), aws.bucket), policy=StoragePolicy(storage="STANDARD", expire_after_days=30), lock=a_lock
    )
    upload = store.upload(ENTRY)
    upload.feed(AUDIO, WAV, len(AUDIO))
    with pytest.raises(ArchiveTrouble, match="no Object Lock"):
        upload.finish(WAV)


def test_a_lock_lasts_as_long_as_the_term_and_ten_years_where_there_is_none() -> None:
    def settings(days: int | None, own: int | None = None, mode: str | None = "governance") -> Settings:
        archive = Archive(name="a", object_lock=mode, expire_after_days=days)
        source = replace(a_source("acme"), expire_after_days=own)
        return Settings(bucket="b", table="t", archive=archive, source=source)

    def days(lock: Lock | None) -> int:
        assert lock is not None
        return (lock.until - NOW).days

    assert days(lock_of(settings(100, 40), NOW)) == 40
    assert days(seal_lock_of(settings(100, 40), NOW)) == 100
    assert days(lock_of(settings(None), NOW)) == 3653
    assert lock_of(settings(100, mode=None), NOW) is None
