"""`show` and `get`, over a folder and over AWS."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.archiver.bucket.upload import UNKNOWN
from functions.archiver.clock import Clock
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.object_keys import digest_of
from ops.accesses.recording import log_of
from ops.archive.archive import Archive
from ops.archive.deployed import DeployedArchive
from tests.harness.reading import AUDIO, NOON, Run, archived, found
from tests.harness.schemas import checked

LOCAL = pytest.mark.parametrize("archive", ["folder"], indirect=True)
Captured = pytest.CaptureFixture[str]
ALWAYS = (datetime.now(UTC).date() - timedelta(days=1), datetime.now(UTC).date() + timedelta(days=1))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def whats(archive: Archive) -> list[tuple[str, str, str]]:
    return [(each.what, each.recording, each.reason) for each in log_of(archive).read(*ALWAYS).accesses]


def test_a_recording_is_shown_with_proof_story_and_next(archive: Archive, run: Run, capsys: Captured) -> None:
    stored = archived(archive, "recording-one")
    capsys.readouterr()
    assert run("show", "recording-one", "--json") == 0
    document = checked(capsys.readouterr().out)
    assert document["recording"]["state"] == "archived"
    assert document["recording"]["provider_document"] == {"provider": "says so"}
    assert (document["proof"]["sha256"], document["proof"]["bytes"]) == (stored.sha256, len(AUDIO))
    assert [event["what"] for event in document["story"]] == ["found", "archived"]
    assert run("show", "recording-one") == 0
    told = capsys.readouterr().out
    for words in (
        "recorded   2026-11-27 13:00:03+01:00",
        stored.key,
        "with this SHA-256, not compared since, day not sealed yet",
        "found (schedule)",
    ):
        assert words in told


def test_what_was_verified_says_when_its_bytes_were_compared_last(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "recording-one")
    for _ in range(2):
        assert run("verify") == 0
    capsys.readouterr()
    assert run("show", "recording-one", "--json") == 0
    document = checked(capsys.readouterr().out)
    assert document["proof"]["verified"]["result"] == "same"
    assert [event["what"] for event in document["story"]] == ["found", "archived", "verified"]
    run("show", "recording-one")
    assert "compared on" in capsys.readouterr().out


def test_a_comparison_of_sizes_alone_verifies_nothing(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "recording-one")
    assert run("verify", "--no-download") == 0
    capsys.readouterr()
    assert run("show", "recording-one", "--json") == 0
    assert checked(capsys.readouterr().out)["proof"]["verified"] is None


@pytest.mark.parametrize("what", ["recording-one", "call-recording-one", "recordi", "recordin…", "KEY", "SIDECAR"])
@LOCAL
def test_a_recording_is_named_in_many_ways(archive: Archive, run: Run, capsys: Captured, what: str) -> None:
    stored = archived(archive, "recording-one")
    key = stored.key
    sidecar = key.replace("audio/", "metadata/").replace(".wav", ".json")
    assert run("show", {"KEY": key, "SIDECAR": sidecar}.get(what, what), "--json") == 0
    assert checked(capsys.readouterr().out)["recording"]["recording_id"] == "recording-one"


@LOCAL
def test_an_id_that_no_key_could_hold_is_found_by_its_key(archive: Archive, run: Run, capsys: Captured) -> None:
    stored = archived(archive, "x/" * 200)
    assert run("show", stored.key, "--json") == 0
    assert checked(capsys.readouterr().out)["recording"]["recording_id"] == "x/" * 200


@LOCAL
def test_all_recordings_of_a_call_are_shown(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "left", call_id="the call")
    archived(archive, "right", call_id="the call")
    assert run("show", "the call", "--json") == 0
    shown = [checked(line)["recording"]["recording_id"] for line in capsys.readouterr().out.splitlines()]
    assert sorted(shown) == ["left", "right"]
    assert run("get", "the call") == 3
    assert "means 2 recordings: left (acme), right (acme)" in capsys.readouterr().err


@LOCAL
@pytest.mark.parametrize("verb", ["show", "get"])
def test_what_is_not_there_or_not_clear_is_3(archive: Archive, run: Run, capsys: Captured, verb: str) -> None:
    archived(archive, "recording-one")
    archived(archive, "recording-two")
    assert run(verb, "nothing") == 3
    assert "no recording or call 'nothing'" in capsys.readouterr().err
    assert run(verb, "recording") == 3
    assert "is the beginning of several ids (recording-" in capsys.readouterr().err


@LOCAL
def test_quarantined_bytes_show_how_they_begin(archive: Archive, run: Run, capsys: Captured, here: Path) -> None:
    audio = b"PK\x03\x04 and more that nobody knows"
    archived(archive, "strange", audio=audio, kind=UNKNOWN)
    assert run("show", "strange") == 0
    told = capsys.readouterr().out
    assert "begins     50 4b 03 04 20 61 6e 64 20 6d 6f 72 65 20 74 68  a zip file" in told
    assert "next       recordings retry strange" in told
    assert run("get", "strange") == 0
    assert (here / "strange.bin").read_bytes() == audio


@LOCAL
def test_what_waits_says_when_it_is_its_turn(archive: Archive, run: Run, capsys: Captured) -> None:
    found(archive, "waiting")
    assert run("show", "waiting", "--json") == 0
    document = checked(capsys.readouterr().out)
    assert (document["recording"]["state"], document["next"]["what"]) == (
        "queued",
        "it is being fetched; its turn ends",
    )
    assert run("get", "waiting") == 3
    assert "no bytes of waiting; it is queued" in capsys.readouterr().err


@LOCAL
def test_an_altered_recording_ends_with_6(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    Integrity(archive.table, source="acme", clock=Clock()).mark_altered("one", "it has other bytes")
    assert run("show", "one") == 6
    assert "altered: it has other bytes" in capsys.readouterr().out


def test_the_original_bytes_are_fetched_after_the_access_is_recorded(
    archive: Archive, run: Run, capsys: Captured, here: Path
) -> None:
    archived(archive, "one")
    capsys.readouterr()
    assert run("get", "one", "--reason", "ticket 7", "--json") == 0
    document = checked(capsys.readouterr().out)
    assert (document["same"], document["sha256"]) == (True, hashlib.sha256(AUDIO).hexdigest())
    file = here / "one.wav"
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (AUDIO, 0o600)
    assert whats(archive) == [("download", digest_of("acme", "one"), "ticket 7")]
    assert run("get", "one") == 4
    assert "one.wav is there already" in capsys.readouterr().err
    assert run("show", "one", "--json") == 0
    shown = checked(capsys.readouterr().out)["accesses"]
    assert [(each["what"], each["reason"]) for each in shown] == [("download", "ticket 7")]
    assert run("show", "one") == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("accesses"))
    assert line.endswith(": ticket 7")
    assert len(whats(archive)) == 1


@LOCAL
def test_bytes_go_to_standard_output(archive: Archive, run: Run, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    archived(archive, "one")
    assert run("get", "one", "--out", "-") == 0
    told = capfdbinary.readouterr()
    assert told.out == AUDIO
    assert b"the same bytes as were archived" in told.err


@LOCAL
def test_other_bytes_are_kept_apart_and_end_with_6(
    archive: Archive, run: Run, capsys: Captured, here: Path, tmp_path: Path
) -> None:
    stored = archived(archive, "one")
    (tmp_path / "archive" / stored.key).write_bytes(AUDIO[:-1] + b"\xff")
    assert run("get", "one", "--json") == 6
    told = capsys.readouterr()
    assert checked(told.out)["same"] is False
    assert json.loads(told.err)["error"]["code"] == "altered"
    assert [path.name for path in here.iterdir()] == ["one.wav.altered"]


@LOCAL
def test_absent_bytes_end_with_6_and_leave_no_file(
    archive: Archive, run: Run, capsys: Captured, here: Path, tmp_path: Path
) -> None:
    stored = archived(archive, "one")
    (tmp_path / "archive" / stored.key).unlink()
    assert run("get", "one") == 6
    assert "no longer in the archive" in capsys.readouterr().err
    assert list(here.iterdir()) == []


@LOCAL
def test_without_an_access_record_no_byte_is_given(
    archive: Archive, run: Run, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    archived(archive, "one")
    (tmp_path / "archive" / "accesses.jsonl").mkdir()
    assert run("get", "one", "--out", "-") == 5
    told = capfdbinary.readouterr()
    assert told.out == b""
    assert b"could not be written down" in told.err


def test_a_link_is_for_aws_and_is_recorded(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    capsys.readouterr()
    if not isinstance(archive, DeployedArchive):
        assert run("get", "one", "--url") == 2
        assert run("get", "one", "--restore") == 2
        return
    assert run("get", "one", "--url", "--for", "5m") == 0
    told = capsys.readouterr()
    assert told.out.startswith("https://")
    assert "X-Amz-Expires=300" in told.out
    assert "for 5 minutes" in told.err
    assert whats(archive) == [("url", digest_of("acme", "one"), "")]
    assert run("get", "one", "--url", "--for", "24h") == 2


@LOCAL
def test_a_seal_that_names_the_recording_is_shown(archive: Archive, run: Run, capsys: Captured) -> None:
    stored = archived(archive, "one")
    name = hashlib.sha256(f"{stored.key}\n{stored.version_id}".encode()).hexdigest()
    lines = [{"schema": "recordings.seal/1", "sequence": 7}, {"name": name, "sha256": stored.sha256}]
    folder = f"seals/source=acme/date={NOON.date()}"
    archive.bucket.put(f"{folder}/0001.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
    assert run("show", "one", "--json") == 0
    seal = checked(capsys.readouterr().out)["proof"]["seal"]
    assert seal == {"key": f"{folder}/0001.jsonl", "sequence": 7, "sha256": stored.sha256, "signed": False}
