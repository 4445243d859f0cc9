"""Importing zip and tar.gz archives: what is taken, what is refused, and that doing it again changes nothing."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.settings.storage_classes import StoragePolicy
from ops.__main__ import main
from ops.importing.importing import Importer
from ops.importing.unpacking import Limits, Refused, members
from tests.doubles.aws import BUCKET, Aws, s3
from tests.doubles.clock import FakeClock
from tests.doubles.http_server import HttpServer, Reply

MODIFIED = dt.datetime(2026, 1, 5, 10, 20, 30, tzinfo=dt.UTC)
Files = dict[str, bytes]


def wav(seconds: float = 0.1) -> bytes:
    sound = bytes(range(256)) * round(seconds * 8000 / 256)
    head = b"WAVEfmt \x10\0\0\0\x07\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data" + len(sound).to_bytes(4, "little")
    return b"RIFF" + (len(head) + len(sound)).to_bytes(4, "little") + head + sound


def a_zip(folder: Path, files: Files) -> Path:
    path = folder / "day.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, MODIFIED.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return path


def a_tar(folder: Path, files: Files, **fields: Any) -> Path:
    path = folder / "day.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), MODIFIED.timestamp()
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(params=[a_zip, a_tar], ids=["zip", "tar.gz"])
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Files], Path]:
    return lambda files: request.param(tmp_path, files)


@pytest.fixture
def ledger(aws: Aws, clock: FakeClock) -> Ledger:
    return Ledger(aws.table, source="acme", clock=clock)


@pytest.fixture
def store(aws: Aws) -> Store:
    return Store(S3Bucket(s3(), BUCKET), policy=StoragePolicy(storage="STANDARD", expire_after_days=None, tiers=False))


def importer(
    ledger: Ledger, store: Store, clock: FakeClock, pattern: str | None = None, *, dry_run: bool = False
) -> Importer:
    compiled = re.compile(pattern) if pattern else None
    return Importer(
        source="acme", ledger=ledger, store=store, clock=clock, pattern=compiled, providers_ids=True, dry_run=dry_run
    )


def outcomes(importer: Importer, path: Path) -> dict[str, str]:
    return {member.name: result.outcome for member, result in importer.take(path)}


def unpack(path: Path, limits: Limits) -> None:
    for member in members(path, limits):
        for _ in member.chunks():
            pass


def objects() -> dict[str, str]:
    listed = s3().list_object_versions(Bucket=BUCKET).get("Versions", [])
    return {version["Key"]: version["VersionId"] for version in listed}


def test_audio_of_an_archive_is_archived_like_any_recording(
    aws: Aws, ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    assert outcomes(importer(ledger, store, clock), pack({"out/0042.wav": wav()})) == {"out/0042.wav": "archived"}
    found = ledger.find("0042")
    assert found is not None
    assert found.stored is not None
    assert (found.state.value, found.stored.key) == (
        "archived",
        "audio/source=acme/date=2026-01-05/0042.wav",
    )
    assert s3().get_object(Bucket=BUCKET, Key=found.stored.key)["Body"].read() == wav()
    document = aws.document("metadata/source=acme/date=2026-01-05/0042.json")
    assert (document["sha256"], document["recorded_at"]) == (found.stored.sha256, MODIFIED.isoformat())
    assert document["discovered_by"] == "backfill"


@pytest.mark.parametrize(("days", "outcome"), [(30, "refused"), (3650, "archived"), (None, "archived")])
def test_what_is_older_than_its_term_is_left_out_and_named(
    ledger: Ledger, store: Store, clock: FakeClock, tmp_path: Path, days: int | None, outcome: str
) -> None:
    taker = Importer(source="acme", ledger=ledger, store=store, clock=clock, term_days=days)
    ((_, result),) = taker.take(a_zip(tmp_path, {"0042.wav": wav()}))
    assert result.outcome == outcome
    if outcome == "refused":
        assert result.reason == ("it was recorded on 2026-01-05, and recordings are kept for 30 days (expire_after)")
        assert objects() == {}
    else:
        assert taker.oldest == date(2026, 1, 5)


def test_what_was_erased_does_not_come_back_by_an_import(
    ledger: Ledger, store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    ledger.tombstones.bury("0042", date(2026, 1, 5), "erased")
    path = a_zip(tmp_path, {"0042.wav": wav(), "0043.wav": wav()})
    assert outcomes(importer(ledger, store, clock), path) == {"0042.wav": "refused", "0043.wav": "archived"}
    assert [key for key in objects() if "0042" in key] == []


def test_what_may_hold_recordings_never_counts_as_a_list_or_a_note(
    ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    unknown, page = b"\x93\x07unknown\x01" * 60, gzip.compress(b"id,date\n1,2\n")
    files = {
        "inner.zip": b"PK\x03\x04" + unknown,
        "1.wav.gz": gzip.compress(wav()),
        "2.wav.part": unknown,
        "3.wav.ENC": unknown,
        "0042": unknown,
        "list.csv.gz": page,
        "4.wav.json": b"{}",
        "README": b"Calls of May",
        "Thumbs.db": unknown,
        ".DS_Store": unknown,
        "__MACOSX/._5.wav": unknown,
        "logo.png": b"\x89PNG\r\n\x1a\n" + unknown,
    }
    found = outcomes(importer(ledger, store, clock), pack(files))
    refused = {"inner.zip", "1.wav.gz", "2.wav.part", "3.wav.ENC", "0042"}
    assert found == {name: "refused" if name in refused else "skipped" for name in files}


def test_an_archive_imported_twice_changes_nothing(
    aws: Aws, ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    path = pack({"1.wav": wav(), "notes.txt": b"hello", "1.json": b"{}"})
    first = outcomes(importer(ledger, store, clock), path)
    before = objects(), aws.items()
    second = outcomes(importer(ledger, store, clock), path)
    assert (objects(), aws.items()) == before
    assert first == {"1.wav": "archived", "notes.txt": "skipped", "1.json": "skipped"}
    assert second == {"1.wav": "known", "notes.txt": "skipped", "1.json": "skipped"}


def test_ids_that_are_not_the_provider_s_are_kept_from_meeting_them(
    ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    own = Importer(source="acme", ledger=ledger, store=store, clock=clock)
    outcomes(own, pack({"42.wav": wav()}))
    assert ledger.find("42") is None
    found = ledger.find("import-42")
    assert found is not None
    assert (found.recording.recorded_at, found.recording.recorded_at_from) == (MODIFIED, "file time")
    (warning,) = own.warnings()
    assert warning.startswith("1 recording is dated by the time of their file")


def test_equal_bytes_under_two_ids_are_remarked(
    ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    taking = importer(ledger, store, clock, r"(?P<date>\d{8})_(?P<id>\w+)")
    outcomes(taking, pack({"20260101_a.wav": wav(), "20260101_b.wav": wav(), "20260101_c.wav": wav(0.2)}))
    assert list(taking.warnings()) == ["'b' has the same bytes as 'a'"]


def test_a_dry_run_judges_as_an_import_does_and_writes_nothing(
    aws: Aws, ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    path = pack({"1.wav": wav(), "2.wav": wav(0), "notes.txt": b"hello"})
    dry = outcomes(importer(ledger, store, clock, dry_run=True), path)
    assert (objects(), aws.items()) == ({}, {})
    assert outcomes(importer(ledger, store, clock), path) == dry


def test_a_crash_before_the_mark_is_mended_by_the_next_import(
    aws: Aws, ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    path = pack({"1.wav": wav()})
    outcomes(importer(ledger, store, clock), path)
    aws.table.delete("acme#recording#1", when=Exists("pk"))
    assert outcomes(importer(ledger, store, clock), path) == {"1.wav": "archived"}
    assert len(s3().list_object_versions(Bucket=BUCKET, Prefix="audio/")["Versions"]) == 1


def test_other_audio_of_a_known_id_is_refused_and_leaves_the_first_alone(
    aws: Aws, ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    outcomes(importer(ledger, store, clock), pack({"1.wav": wav()}))
    before = objects()
    ((_, result),) = importer(ledger, store, clock).take(pack({"1.wav": wav(0.2)}))
    assert (result.outcome, objects()) == ("refused", before)
    assert "other audio of this id" in str(result.reason)


@pytest.mark.parametrize(
    ("name", "id_", "day"),
    [
        ("2025-12-31_call-77.wav", "77", "2025-12-31"),
        ("20251231_call-77.wav", "77", "2025-12-31"),
        ("x/2025-12-31T23-30-00_call-77.wav", "77", "2025-12-31"),
        ("2025-13-77_call-77.wav", "77", "2026-01-05"),
        ("other.wav", "other", "2026-01-05"),
    ],
)
def test_a_pattern_tells_id_and_date_where_it_matches(
    ledger: Ledger, store: Store, clock: FakeClock, tmp_path: Path, name: str, id_: str, day: str
) -> None:
    pattern = r"(?P<date>[\dT-]+)_call-(?P<id>\d+)"
    outcomes(importer(ledger, store, clock, pattern), a_zip(tmp_path, {name: wav()}))
    found = ledger.find(id_)
    assert found is not None
    assert found.day.isoformat() == day


@pytest.mark.parametrize("name", ["/etc/1.wav", "../1.wav", "a/../../1.wav", "..\\1.wav", "C:\\1.wav", "a\n.wav"])
def test_a_name_that_leads_elsewhere_is_refused(
    ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path], name: str
) -> None:
    results = outcomes(importer(ledger, store, clock), pack({name: wav(), "good.wav": wav()}))
    assert results.pop("good.wav") == "archived"
    assert list(results.values()) == ["refused"]
    assert [key for key in objects() if key.startswith("audio/")] == ["audio/source=acme/date=2026-01-05/good.wav"]


@pytest.mark.parametrize(
    "type_", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE], ids=str
)
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, type_: bytes) -> None:
    path = a_tar(tmp_path, {"1.wav": b""}, type=type_, linkname="/etc/passwd")
    (member,) = members(path, Limits())
    assert str(member.refused).startswith("it is a ")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_of_a_zip_are_refused(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "a.zip"
    info = zipfile.ZipInfo("1.wav")
    info.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    (member,) = members(path, Limits())
    assert str(member.refused).startswith("it is a ")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = a_zip(tmp_path, {"1.wav": wav()})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    (member,) = members(path, Limits())
    assert member.refused == "it is encrypted"


def test_a_bomb_is_refused_before_it_has_unpacked(pack: Callable[[Files], Path]) -> None:
    path = pack({"1.wav": b"\0" * 3_000_000})
    with pytest.raises(Refused, match="unpacks to more than"):
        unpack(path, Limits(free_bytes=1_000_000))


@pytest.mark.parametrize("limits", [Limits(unpacked=100), Limits(members=1)])
def test_an_archive_beyond_a_limit_is_refused(pack: Callable[[Files], Path], limits: Limits) -> None:
    path = pack({"1.wav": b"x" * 200, "2.wav": b"y" * 200})
    with pytest.raises(Refused):
        unpack(path, limits)


def test_a_member_beyond_its_limit_is_refused_alone(pack: Callable[[Files], Path]) -> None:
    path = pack({"1.wav": b"x" * 200, "2.wav": b"y" * 100})
    assert [bool(member.refused) for member in members(path, Limits(member=150))] == [True, False]


def test_a_directory_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path = a_zip(tmp_path, {f"{number}.wav": b"" for number in range(100)})
    with pytest.raises(Refused, match="directory is larger"):
        list(members(path, Limits(at_once=5000)))


def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path = a_tar(tmp_path, {"x" * 100_000: b""})
    with pytest.raises(Refused, match="header of more than"):
        list(members(path, Limits(at_once=50_000)))


def test_a_damaged_archive_stores_nothing_of_the_damaged_member(
    ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    path = pack({"1.wav": wav(3)})
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(Refused, match="damaged"):
        list(importer(ledger, store, clock).take(path))
    assert objects() == {}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x1f\x8b", b"RIFF"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(Refused):
        list(members(path, Limits()))


def test_a_header_without_sound_is_refused_rather_than_archived(
    ledger: Ledger, store: Store, clock: FakeClock, pack: Callable[[Files], Path]
) -> None:
    ((_, result),) = importer(ledger, store, clock).take(pack({"1.wav": wav(0)}))
    assert (result.outcome, result.reason) == ("refused", "a WAV header without sound")


DEPLOYMENT = r"""
[archive]
name = "recordings"
[sources.acme]
provider = "babelforce"
base_url = "{url}"
secret = "acme"
requests_per_minute = 6000
allow_private_addresses = {private}
[sources.acme.options]
archive_pattern = '(?P<date>\d+)_(?P<id>\d+)'
"""


def test_archives_behind_urls_land_in_a_local_run_s_folder_and_no_query_is_shown(tmp_path: Path) -> None:
    deployment, out = tmp_path / "deployment.toml", tmp_path / "out"
    with HttpServer() as server:
        server.on("/day.tar.gz", Reply(body=a_tar(tmp_path, {"20251231_42.wav": wav()}).read_bytes()))
        deployment.write_text(DEPLOYMENT.format(url=server.url, private="true"))
        urls = [f"{server.url}/{name}?signature=hidden" for name in ("day.tar.gz", "day.tar.gz", "none.zip")]
        words = ["import", "--deployment", str(deployment), "--source", "acme", "--out", str(out), *urls]
        dry = subprocess.run([sys.executable, "-m", "ops", *words, "--dry-run"], capture_output=True, text=True)
        assert (dry.returncode, out.exists()) == (1, False)
        assert "2 archived, 0 known, 0 skipped, 1 refused; this was a dry run" in dry.stdout
        words.append("--ids-are-the-provider's")
        # A process of its own, as on the command line: the embedded services live as long as theirs.
        done = subprocess.run([sys.executable, "-m", "ops", *words], capture_output=True, text=True, check=False)
    refused, summary = done.stdout.splitlines()
    assert (done.returncode, summary) == (1, "1 archived, 1 known, 0 skipped, 1 refused")
    assert refused.startswith(f"{server.url}/none.zip: refused: ")
    assert "hidden" not in done.stdout + done.stderr
    assert (out / "audio/source=acme/date=2025-12-31/42.wav").read_bytes() == wav()
    assert '"recording_id": "42"' in (out / "ledger.jsonl").read_text()


def test_a_pattern_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deployment = tmp_path / "deployment.toml"
    text = DEPLOYMENT.format(url="https://acme.babelforce.com", private="false")
    deployment.write_text(text.replace("(?P<date>", "(?P<date"))
    assert main(["import", "--deployment", str(deployment), "--source", "acme", "--out", str(tmp_path), "x.zip"]) == 2
    assert capsys.readouterr().err.startswith("sources.acme.options.archive_pattern: ")
