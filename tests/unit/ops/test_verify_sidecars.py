"""A sidecar that is no longer as it was written is named by `verify`, and does not leave the archive by `export`."""

from __future__ import annotations

import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.ledger.conditions import Exists
from functions.archiver.recording import Json
from ops.archive.folder import FolderArchive
from ops.shell.program import main
from ops.verify.sidecars import compare_sidecar
from tests.harness.reading import NOON, a_folder, archived
from tests.harness.schemas import checked

Captured = pytest.CaptureFixture[str]
KEY = f"metadata/source=acme/date={NOON.date()}/one.json"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderArchive:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = a_folder(tmp_path / "archive")
    for name in ("one", "two"):
        archived(folder, name)
    return folder


def verify(archive: FolderArchive, capsys: Captured, *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["verify", "-a", str(archive.root), "--json", *words])
    return code, checked(capsys.readouterr().out)


def edit(bucket: Bucket, **facts: Json) -> None:
    with bucket.read(KEY) as pieces:
        document = json.loads(b"".join(pieces))
    bucket.put(KEY, json.dumps({**document, **facts}).encode() + b"\n")


def forget_digest(archive: FolderArchive) -> None:
    archive.table.update("acme#recording#one", put={"metadata_sha256": None})


def test_sidecars_as_they_were_written_are_sound(archive: FolderArchive, capsys: Captured) -> None:
    code, document = verify(archive, capsys)
    assert (code, document["same"], document["altered"], document["absent"]) == (0, 2, [], [])


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"agent": "Somebody Else"}, "its sidecar contradicts the ledger in agent"),
        ({"agent": None, "to_number": "1"}, "its sidecar contradicts the ledger in to_number, agent"),
        ({"recorded_at": "2026-11-27T12:00:04+00:00"}, "its sidecar contradicts the ledger in recorded_at"),
        ({"sha256": "0" * 64}, "its sidecar contradicts the ledger in sha256"),
        ({"crc32": "AAAAAA=="}, "its sidecar contradicts the ledger in crc32"),
        ({"provider_document": {}}, "its sidecar has another SHA-256 than the ledger noted"),
    ],
)
def test_a_changed_sidecar_is_altered_and_the_changed_facts_are_named(
    archive: FolderArchive, capsys: Captured, facts: dict[str, Json], why: str
) -> None:
    edit(archive.bucket, **facts)
    code, document = verify(archive, capsys)
    assert (code, document["checked"], document["same"]) == (6, 2, 1)
    assert document["altered"] == [{"source": "acme", "recording_id": "one", "key": KEY, "why": why}]


@pytest.mark.parametrize("body", [b"", b"[]\n", b"{", b"\xff", b"[" * 100_000])
def test_a_sidecar_that_is_no_object_is_altered(archive: FolderArchive, capsys: Captured, body: bytes) -> None:
    archive.bucket.put(KEY, body)
    code, document = verify(archive, capsys)
    assert (code, [each["why"] for each in document["altered"]]) == (6, ["its sidecar is not one JSON object"])


def test_a_missing_sidecar_is_absent_and_its_recording_counted_once(archive: FolderArchive, capsys: Captured) -> None:
    (archive.root / KEY).unlink()
    next((archive.root / "audio").rglob("one.wav")).unlink()
    code = main(["verify", "-a", str(archive.root)])
    said = capsys.readouterr().out
    assert code == 6
    assert "acme: 1 recording no longer matches its digest:" in said
    assert f"one is absent: its sidecar is not there ({KEY})" in said
    assert said.splitlines()[-1].startswith("2 recordings read: 1 as archived, 1 not; next: recordings show one")


def test_a_wrong_sidecar_leaves_the_state_of_the_bytes_as_it_is(archive: FolderArchive, capsys: Captured) -> None:
    edit(archive.bucket, agent="Somebody Else")
    verify(archive, capsys)
    entry = archive.ledger("acme").find("one")
    assert entry is not None
    assert (entry.state, [event[1] for event in entry.story if event[1] == "verified"]) == ("archived", [])


def test_without_downloads_no_sidecar_is_read(archive: FolderArchive, capsys: Captured) -> None:
    edit(archive.bucket, agent="Somebody Else")
    assert verify(archive, capsys, "--no-download")[0] == 0


def test_a_recording_from_before_digests_is_compared_by_what_its_ledger_knows(archive: FolderArchive) -> None:
    forget_digest(archive)

    def found() -> Any:
        return compare_sidecar(archive.bucket, archive.table.get("acme#recording#one") or {})

    edit(archive.bucket, provider_document={"more": "than before"})
    assert found() is None
    edit(archive.bucket, agent="Somebody Else")
    assert found().why == "its sidecar contradicts the ledger in agent"


def test_a_sidecar_that_may_just_have_been_written_again_with_its_transcript_is_compared_by_its_facts(
    archive: FolderArchive, capsys: Captured
) -> None:
    entry = archive.ledger("acme").find("one")
    assert entry is not None
    archive.ledger("acme").insert_transcript(entry, due_in=timedelta(hours=1))
    edit(archive.bucket, transcript="completed")
    assert verify(archive, capsys)[0] == 0
    edit(archive.bucket, agent="Somebody Else")
    assert verify(archive, capsys)[0] == 6


@pytest.mark.parametrize(("transcript", "wrong"), [("none", True), ("completed", False)])
def test_a_sealed_sidecar_changes_only_with_the_end_of_its_transcript(
    archive: FolderArchive, transcript: str, *, wrong: bool
) -> None:
    edit(archive.bucket, transcript=transcript)
    forget_digest(archive)
    found = compare_sidecar(archive.bucket, archive.table.get("acme#recording#one") or {}, sealed="0" * 64)
    assert (found is not None and found.why == "its day was sealed with another sidecar") is wrong


def test_a_rebuilt_ledger_notes_the_sidecars_that_it_was_made_from(archive: FolderArchive, capsys: Captured) -> None:
    noted = (archive.table.get("acme#recording#one") or {})["metadata_sha256"]
    archive.table.delete("acme#recording#one", when=Exists("state"))
    assert main(["rebuild-ledger", "-a", str(archive.root)]) == 0
    assert (archive.table.get("acme#recording#one") or {})["metadata_sha256"] == noted
    capsys.readouterr()
    assert verify(archive, capsys)[0] == 0


def test_an_export_leaves_out_what_has_a_wrong_sidecar(
    archive: FolderArchive, tmp_path: Path, capsys: Captured
) -> None:
    edit(archive.bucket, agent="Somebody Else")
    out = tmp_path / "out.zip"
    words = ["export", "-a", str(archive.root), "--case", "Doe", "one", "two", "--out"]
    assert main([*words, str(out)]) == 6
    with zipfile.ZipFile(out) as zipped:
        manifest = json.loads(zipped.read("manifest.json"))
        assert b"Somebody Else" not in b"".join(zipped.read(name) for name in zipped.namelist())
    assert [(each["recording_id"], each["why"]) for each in manifest["left_out"]] == [
        ("one", "its sidecar contradicts the ledger in agent")
    ]
    assert [(each["recording_id"], each["metadata_problem"]) for each in manifest["items"]] == [("two", None)]
    marked = tmp_path / "marked.zip"
    assert main([*words, str(marked), "--allow-unverified"]) == 6
    with zipfile.ZipFile(marked) as zipped:
        problems = [each["metadata_problem"] for each in json.loads(zipped.read("manifest.json"))["items"]]
    assert problems == ["its sidecar contradicts the ledger in agent", None]


def test_an_archive_that_may_not_be_written_is_compared_all_the_same_and_nothing_is_noted(
    archive: FolderArchive, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = next(archive.root.glob("audio/*/*/one.*"))
    audio.write_bytes(b"otherwise")
    archive.table.close()
    before = (archive.root / ".archive" / "ledger.sqlite").read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert main(["verify", "-a", str(archive.root), "--json"]) == 6
    captured = capsys.readouterr()
    assert [each["recording_id"] for each in checked(captured.out)["altered"]] == ["one"]
    assert "may not be written: what is found is shown, and not noted" in captured.err
    assert (archive.root / ".archive" / "ledger.sqlite").read_bytes() == before
