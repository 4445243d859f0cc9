"""A deployed archive is verified by version id, sampled by a seed, from where it was stopped, and its price is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.bucket import verifying as comparing
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.clock import Clock
from functions.archiver.entry import State, Stored
from functions.archiver.object_keys import safe_name
from functions.archiver.sealing.statement import Listed
from ops.__main__ import main
from ops.verify import verify as verifying
from tests.doubles.aws import BUCKET, REGION, Aws, s3
from tests.harness.deployed import ARCHIVE, a_source, deploy
from tests.harness.schemas import checked
from tests.harness.sealing import SOURCE, SealBench

DAYS = [date(2026, 2, 20) + timedelta(days=number) for number in range(3)]


class Deployed(SealBench):
    """Three sealed days of three recordings each."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws.table, S3Bucket(s3(), BUCKET), Clock())
        deploy(aws, a_source(SOURCE))
        self.stored = {f"{day.day}-{n}": self.keep(f"{day.day}-{n}", day) for day in DAYS for n in range(3)}

    def state(self, id_: str) -> State:
        entry = self.ledger.find(id_)
        assert entry is not None
        return entry.state


@pytest.fixture
def archive(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployed:
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", REGION)):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Deployed(aws)


def verify(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, dict[str, Any]]:
    code = main(["verify", "-a", ARCHIVE, "--json", *words])
    said = capsys.readouterr()
    return code, said.err, checked(said.out)


def test_a_sound_archive_is_the_same_and_its_price_comes_first(
    archive: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.seal({day: Listed(number=3, clean=True) for day in DAYS[:2]})
    code, said, document = verify(capsys)
    assert (code, document["checked"], document["same"], document["bytes_read"]) == (0, 9, 9, 45)
    assert document["unsealed"] == 3
    assert said.splitlines()[0].startswith("reading 9 recordings, 0.00 GB: at most $0.00")


def test_a_dry_run_tells_the_price_and_reads_nothing(archive: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, document = verify(capsys, "--dry-run")
    assert (code, document["checked"], "at most $" in said) == (0, 0, True)


def lose(stored: Stored) -> None:
    s3().delete_object(Bucket=BUCKET, Key=stored.key, VersionId=str(stored.version_id))


def mark_deleted(stored: Stored) -> None:
    s3().delete_object(Bucket=BUCKET, Key=stored.key)


def swap(stored: Stored) -> None:
    s3().put_object(Bucket=BUCKET, Key=stored.key, Body=b"other")


def replace_version(stored: Stored) -> None:
    lose(stored)
    swap(stored)


def add(stored: Stored) -> None:
    s3().put_object(Bucket=BUCKET, Key=f"{stored.key}.copy", Body=b"other")


def add_sidecar(stored: Stored) -> None:
    folder = stored.key.rpartition("/")[0].replace("audio/", "metadata/", 1)
    s3().put_object(Bucket=BUCKET, Key=f"{folder}/invented.json", Body=b"{}")


def add_transcript(stored: Stored) -> None:
    folder = stored.key.rpartition("/")[0].replace("audio/", "transcripts/", 1)
    s3().put_object(Bucket=BUCKET, Key=f"{folder}/invented.json", Body=b"{}")


def add_unread(stored: Stored) -> None:
    s3().put_object(Bucket=BUCKET, Key=f"quarantine/source={SOURCE}/date=2019-01-01/invented.bin", Body=b"?")


@pytest.mark.parametrize(
    ("tamper", "code", "named", "why", "state"),
    [
        (lose, 6, "absent", "is not there", State.ABSENT),
        (replace_version, 6, "absent", "is not there", State.ABSENT),
        (swap, 1, "extra", "another version lies over the archived one, which is ", State.ARCHIVED),
        (mark_deleted, 1, "extra", "a delete marker lies over the archived one, which is ", State.ARCHIVED),
        (add, 1, "extra", "no recording has this key", State.ARCHIVED),
        (add_sidecar, 1, "extra", "no recording has this key", State.ARCHIVED),
        (add_transcript, 1, "extra", "no recording has this key", State.ARCHIVED),
        (add_unread, 1, "extra", "no recording has this key", State.ARCHIVED),
    ],
)
def test_what_is_done_to_the_bucket_is_named_and_noted(
    archive: Deployed,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Stored], None],
    code: int,
    named: str,
    why: str,
    state: State,
) -> None:
    stored = archive.stored["21-1"]
    tamper(stored)
    found, said, document = verify(capsys)
    assert found == code
    assert f"; next: recordings {'show 21-1' if code == 6 else f'reconcile {SOURCE}'}" in said.splitlines()[-1]
    (only,) = document[named]
    assert why in only["why"]
    if named == "absent" or "lies over" in why:
        assert str(stored.version_id) in only["why"]
    assert archive.state("21-1") is state


@pytest.mark.parametrize(
    ("change", "why"),
    [({"sha256": "0" * 64}, "its SHA-256 is not the noted one"), ({"bytes": 4}, "it has 5 bytes and had 4")],
)
def test_bytes_that_are_not_the_noted_ones_are_altered(
    archive: Deployed, capsys: pytest.CaptureFixture[str], change: dict[str, object], why: str
) -> None:
    archive.table.update(f"{SOURCE}#recording#{safe_name('20-0')}", put=change)
    code, _, document = verify(capsys)
    assert (code, document["altered"][0]["why"]) == (6, why)
    assert archive.state("20-0") is State.ALTERED


def test_a_recording_whose_ledger_was_changed_with_its_bytes_contradicts_its_seal(
    archive: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.seal({day: Listed(number=3, clean=True) for day in DAYS})
    stored = archive.stored["20-0"]
    body, forged = b"forged", hashlib.sha256(b"forged").hexdigest()
    # Who can write everything replaces the bytes under a version id of the same name, and the ledger's digest with it.
    monkeypatch.setattr(verifying, "compare", lambda bucket, item, *, read: _same(item))
    archive.table.update(f"{SOURCE}#recording#{safe_name('20-0')}", put={"sha256": forged, "bytes": len(body)})
    code, _, document = verify(capsys, "20-0", "22-2")
    assert (code, document["checked"], document["same"]) == (6, 2, 1)
    assert document["altered"] == [
        {
            "source": SOURCE,
            "recording_id": "20-0",
            "key": stored.key,
            "why": "its day was sealed with another SHA-256",
        }
    ]


def _same(item: Any) -> comparing.Finding:
    return comparing.Finding(result="same", source=SOURCE, recording_id=item["recording_id"], key=item["key"])


def test_a_seed_chooses_the_same_sample_again_also_when_more_has_come(
    archive: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    original = comparing.compare

    def noting(bucket: Any, item: Any, *, read: bool) -> Any:
        compared.append(str(item["recording_id"]))
        return original(bucket, item, read=read)

    monkeypatch.setattr(verifying, "compare", noting)

    def sample(seed: str) -> set[str]:
        compared.clear()
        assert verify(capsys, "--sample", "3", "--seed", seed)[2]["checked"] == 3
        return set(compared)

    first = sample("7")
    assert sample("7") == first
    assert any(sample(str(seed)) != first for seed in range(8, 12))
    archive.keep("one-more", DAYS[2])
    assert len(sample("7") & first) >= 2


def test_what_was_stopped_goes_on_where_it_was(
    archive: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(archive.stored["20-1"])
    original = comparing.compare
    compared: list[str] = []

    def stopping(bucket: Any, item: Any, *, read: bool) -> Any:
        if str(item["recording_id"]).startswith("22"):
            raise KeyboardInterrupt
        compared.append(str(item["recording_id"]))
        return original(bucket, item, read=read)

    monkeypatch.setattr(verifying, "compare", stopping)
    assert main(["verify", "-a", ARCHIVE]) == 130
    assert len(compared) == 6
    capsys.readouterr()
    monkeypatch.setattr(verifying, "compare", original)
    code, said, document = verify(capsys)
    assert (code, document["checked"], document["same"], len(document["absent"])) == (6, 9, 8, 1)
    assert document["bytes_read"] == 8 * 5
    assert "going on where the last run stopped: 6 recordings are done" in said


def test_sizes_alone_are_compared_without_reading(archive: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, document = verify(capsys, "--no-download", "--from", "2026-02-21")
    assert (code, document["checked"], document["bytes_read"]) == (0, 6, 0)


def test_a_sidecar_that_was_replaced_is_named_where_bytes_are_read(
    archive: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.seal({DAYS[1]: Listed(number=3, clean=True)})
    key = archive.stored["21-1"].key.replace("audio/", "metadata/").replace(".wav", ".json")
    sidecar = archive.body(key)
    (seal,) = archive.seals(DAYS[1])
    assert hashlib.sha256(sidecar).hexdigest() in {line.metadata_sha256 for line in seal.statement.lines}
    s3().put_object(Bucket=BUCKET, Key=key, Body=sidecar.replace(b'"agent":null', b'"agent":"Eve"'))
    assert verify(capsys, "--no-download")[0] == 0
    code, _, document = verify(capsys)
    (altered,) = document["altered"]
    assert (code, altered["key"], altered["why"]) == (6, key, "its sidecar contradicts the ledger in agent")
    assert archive.state("21-1") is State.ARCHIVED
