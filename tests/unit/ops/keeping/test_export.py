"""`export`, and the checker that lies in every export, under a bare interpreter."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.clock import Clock
from functions.archiver.sealing.document import Line, Standing, Statement, name_of, read_seal, seal_bytes, seal_key
from functions.archiver.vitals import Origin, VitalsReader
from ops.archive.archive import Archive
from tests.harness.reading import AUDIO, NOON, Run, archived, found
from tests.harness.schemas import checked

Captured = pytest.CaptureFixture[str]
LOCAL = pytest.mark.parametrize("archive", ["folder"], indirect=True)
CASE = ("--case", "Doe v. Roe")


def unpacked(path: Path, where: Path) -> Path:
    with zipfile.ZipFile(path) as zipped:
        assert {each.compress_type for each in zipped.infolist()} == {zipfile.ZIP_STORED}
        zipped.extractall(where)
    return where


def check(folder: Path) -> tuple[int, str]:
    """The export's own checker, without site packages, environment or network."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py")], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def manifest_of(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return manifest


def seal(archive: Archive, day: date, sequence: int, previous: str | None, *lines: Line) -> str:
    """Writes a seal; its digest."""
    statement = Statement(
        source="acme",
        day=day,
        listed=len(lines),
        archived=len(lines),
        gone=0,
        erased=0,
        missing=0,
        complete=True,
        lines=tuple(sorted(lines)),
    )
    standing = Standing(number=1, sequence=sequence, previous=previous, as_of=NOON.isoformat(), version="1")
    body = seal_bytes(statement, standing)
    archive.bucket.put(seal_key("acme", day, 1), body)
    return read_seal(body).sha256


@pytest.fixture
def exported(archive: Archive, run: Run, tmp_path: Path) -> Path:
    """An export of one recording whose day is sealed, with two seals after it."""
    stored = archived(archive, "one")
    origin = Origin(provider="babelforce", host="acme.babelforce.com")
    VitalsReader(archive.table, source="acme", clock=Clock()).mark(requests_per_minute=30, lanes=1, origin=origin)
    line = Line(name_of(stored.key, stored.version_id), stored.sha256, stored.size_bytes, NOON.isoformat())
    first = seal(archive, NOON.date(), 1, None, line)
    second = seal(archive, NOON.date() + timedelta(days=1), 2, first)
    seal(archive, NOON.date() + timedelta(days=2), 3, second)
    assert run("export", "one", *CASE, "--reason", "order 7", "--out", str(tmp_path / "one.zip")) == 0
    return unpacked(tmp_path / "one.zip", tmp_path / "unpacked")


def test_an_export_has_the_bytes_where_they_come_from_and_how_to_check_them(exported: Path, archive: Archive) -> None:
    names = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert {
        "README.html",
        "recordings/0001-one.wav",
        "metadata/0001-one.json",
        "manifest.json",
        "custody.csv",
        "SHA256SUMS",
        "verify.py",
        "certificate-902.txt",
    } <= names
    assert (exported / "recordings" / "0001-one.wav").read_bytes() == AUDIO
    manifest = manifest_of(exported)
    (item,) = manifest["items"]
    assert item["same"] is True
    assert item["sha256_at_archiving"] == item["sha256_now"] == hashlib.sha256(AUDIO).hexdigest()
    assert (item["seal"]["sequence"], item["seal"]["number"]) == (1, 1)
    assert [(day["date"], day["complete"]) for day in manifest["complete"]] == [(NOON.date().isoformat(), True)]
    assert manifest["source"] == {"acme": {"provider": "babelforce", "host": "acme.babelforce.com"}}
    assert (manifest["case"], manifest["reason"], manifest["made_by"]) == (
        "Doe v. Roe",
        "order 7",
        archive.person.name,
    )
    text = (exported / "README.html").read_text()
    assert "<script" not in text
    assert "http" not in text
    steps = list(csv.DictReader(io.StringIO((exported / "custody.csv").read_text())))
    assert {"found", "archived", "exported"} <= {step["what"] for step in steps}
    assert hashlib.sha256(AUDIO).hexdigest() in (exported / "certificate-902.txt").read_text()


def test_the_checker_finds_every_change(exported: Path) -> None:
    code, said = check(exported)
    assert code == 0
    assert "signature not checked" in said
    audio = exported / "recordings" / "0001-one.wav"
    for fault, name in (("flip", "altered"), ("drop", "missing"), ("add", "not part"), ("swap", "altered")):
        before = audio.read_bytes()
        if fault == "flip":
            audio.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        elif fault == "drop":
            audio.unlink()
        elif fault == "add":
            (exported / "recordings" / "more.wav").write_bytes(b"x")
        else:
            audio.write_bytes((exported / "README.html").read_bytes())
        code, said = check(exported)
        assert (code, name in said) == (1, True), (fault, said)
        audio.write_bytes(before)
        (exported / "recordings" / "more.wav").unlink(missing_ok=True)
    assert check(exported)[0] == 0


def test_the_checker_takes_no_link_and_nothing_of_another_folder_for_a_part_of_the_export(
    exported: Path, tmp_path: Path
) -> None:
    (exported / "recordings" / "more").symlink_to(tmp_path, target_is_directory=True)
    code, said = check(exported)
    assert (code, "not part of the export: recordings/more" in said) == (1, True)
    (exported / "recordings" / "more").unlink()
    audio = exported / "recordings" / "0001-one.wav"
    audio.rename(tmp_path / "same.wav")
    audio.symlink_to(tmp_path / "same.wav")
    code, said = check(exported)
    assert (code, "not a file of this folder: recordings/0001-one.wav" in said) == (1, True)
    audio.unlink()
    (tmp_path / "same.wav").rename(audio)
    (tmp_path / "elsewhere").write_bytes(b"")
    steps = os.path.relpath(tmp_path / "elsewhere", exported)
    with (exported / "SHA256SUMS").open("a") as sums:
        sums.write(f"{hashlib.sha256(b'').hexdigest()}  {steps}\n")
    code, said = check(exported)
    assert (code, f"not a file of this folder: {steps}" in said) == (1, True)


def test_the_checker_finds_a_cut_chain_even_where_the_list_was_made_anew(exported: Path) -> None:
    day = NOON.date() + timedelta(days=1)
    (exported / "completeness" / seal_key("acme", day, 1)).unlink()
    lines = (exported / "SHA256SUMS").read_text().splitlines(keepends=True)
    (exported / "SHA256SUMS").write_text("".join(line for line in lines if f"date={day.isoformat()}" not in line))
    code, said = check(exported)
    assert code == 1
    assert "number 1 is followed by number 3" in said


def test_a_signature_is_checked_and_a_wrong_one_is_a_fault(archive: Archive, run: Run, tmp_path: Path) -> None:
    archived(archive, "one")
    key, out = tmp_path / "key.pem", tmp_path / "one.zip"
    make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)]
    subprocess.run(make, check=True, capture_output=True)
    assert run("export", "one", *CASE, "--out", str(out), "--sign-key", str(key)) == 0
    folder = unpacked(out, tmp_path / "unpacked")
    code, said = check(folder)
    assert (code, "signature matches public-key.pem" in said) == (0, True)
    (folder / "SHA256SUMS.sig").write_bytes(b"\x30\x06\x02\x01\x01\x02\x01\x01")
    code, said = check(folder)
    assert (code, "signature is wrong" in said) == (1, True)


def test_what_does_not_verify_is_left_out_and_named_or_marked(
    archive: Archive, run: Run, tmp_path: Path, capsys: Captured
) -> None:
    stored = archived(archive, "one")
    archived(archive, "two")
    archive.bucket.put(stored.key, b"other bytes")
    archive.table.update("acme#recording#one", put={"version_id": None})  # the newest version then
    capsys.readouterr()
    out = tmp_path / "a.zip"
    assert run("export", "one", "two", *CASE, "--out", str(out), "--json") == 6
    told = checked(capsys.readouterr().out)
    assert [(each["recording_id"], each["altered"]) for each in told["left_out"]] == [("one", True)]
    assert told["recordings"] == 1
    assert run("export", "one", *CASE, "--out", str(tmp_path / "b.zip"), "--allow-unverified") == 6
    folder = unpacked(tmp_path / "b.zip", tmp_path / "b")
    assert [item["same"] for item in manifest_of(folder)["items"]] == [False]
    assert check(folder)[0] == 0


def test_what_has_no_bytes_is_left_out_and_named(archive: Archive, run: Run, tmp_path: Path) -> None:
    found(archive, "waiting")
    assert run("export", "waiting", *CASE, "--out", str(tmp_path / "a.zip")) == 1
    (left_out,) = manifest_of(unpacked(tmp_path / "a.zip", tmp_path / "a"))["left_out"]
    assert left_out["recording_id"] == "waiting"
    assert left_out["why"].startswith("queued")


def test_nothing_found_is_an_export_of_its_absence(archive: Archive, run: Run, tmp_path: Path) -> None:
    seal(archive, NOON.date(), 1, None)
    words = ("--number", "0301234567", "--source", "acme", "--from", "2026-11-27", "--to", "2026-11-28", "--tz", "UTC")
    assert run("export", *words, *CASE, "--out", str(tmp_path / "none.zip")) == 0
    folder = unpacked(tmp_path / "none.zip", tmp_path / "none")
    manifest = manifest_of(folder)
    assert (manifest["items"], manifest["query"]["filters"]["number"]) == ([], "0301234567")
    assert manifest["query"]["utc"]["since"] == "2026-11-27T00:00:00+00:00"
    assert [(day["date"], day["complete"]) for day in manifest["complete"]] == [("2026-11-27", True)]
    assert check(folder)[0] == 0


def test_an_access_request_names_no_agent_and_tells_nothing_of_others(
    archive: Archive, run: Run, tmp_path: Path
) -> None:
    archived(archive, "one")
    seal(archive, NOON.date(), 1, None)
    out = tmp_path / "a.zip"
    assert run("export", "one", *CASE, "--for", "access-request", "--out", str(out)) == 0
    folder = unpacked(out, tmp_path / "a")
    assert not (folder / "custody.csv").exists()
    assert not (folder / "completeness").exists()
    assert not any(b"Anna" in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert check(folder)[0] == 0


def test_a_case_s_recordings_are_exported_by_its_name(archive: Archive, run: Run, tmp_path: Path) -> None:
    archived(archive, "one")
    archived(archive, "two")
    run("hold", "two", "--case", "B", "--reason", "r")
    assert run("export", *CASE, "--held-by", "B", "--out", str(tmp_path / "b.zip")) == 0
    assert [each["recording_id"] for each in manifest_of(unpacked(tmp_path / "b.zip", tmp_path / "b"))["items"]] == [
        "two"
    ]


@LOCAL
def test_each_export_is_recorded_before_it_leaves(archive: Archive, run: Run, tmp_path: Path) -> None:
    archived(archive, "one")
    assert run("export", "one", *CASE, "--out", str(tmp_path / "a.zip")) == 0
    (line,) = (tmp_path / "archive" / "accesses.jsonl").read_text().splitlines()
    assert (json.loads(line)["what"], json.loads(line)["reason"]) == ("export", "Doe v. Roe")


@LOCAL
def test_a_file_that_is_there_is_never_written_over(archive: Archive, run: Run, tmp_path: Path) -> None:
    archived(archive, "one")
    out = tmp_path / "a.zip"
    out.write_text("mine")
    assert run("export", "one", *CASE, "--out", str(out)) == 2
    assert out.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".a.zip")] == []


def test_a_case_that_was_never_opened_is_no_proof_that_nothing_is_there(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", *CASE, "--held-by", "mistyped", "--out", str(tmp_path / "x.zip")) == 3
    assert "has no case 'mistyped'\nnext: recordings holds" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()
