"""`events replay`: what programs may have missed is sent again, on AWS all of it, in a folder what its file lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.clock import Clock
from functions.archiver.ledger.holds import Holds
from functions.archiver.object_keys import digest_of
from ops.archive.deployed import DeployedArchive
from ops.archive.folder import FolderArchive
from ops.shell.program import main
from tests.doubles.aws import BUCKET, aws
from tests.doubles.event_bridge import EventBridge, event_bridge
from tests.harness.deployed import ARCHIVE, a_source, deploy, put_parameter, session
from tests.harness.events import checked as an_event
from tests.harness.reading import NOON, a_folder, archived, found
from tests.harness.schemas import checked

DAY = NOON.date().isoformat()
Captured = pytest.CaptureFixture[str]


def fill(archive: DeployedArchive | FolderArchive) -> None:
    """A recording of each fate that is told, one that waits, and one of another day."""
    ledger = archive.ledger("acme")
    archived(archive, "kept")
    Holds(archive.table, source="acme", clock=Clock()).hold("kept", "A")
    ledger.mark_failed(found(archive, "failed"), "no audio")
    ledger.mark_gone(found(archive, "gone"), "410")
    found(archive, "waits")
    archived(archive, "erased")
    ledger.tombstones.bury("erased", NOON.date(), "erased")
    ledger.tombstones.bury("old", NOON.date(), "expired")
    ledger.erase("erased")
    archived(archive, "of-another-day", recorded_at=datetime(2026, 11, 25, 12, tzinfo=UTC))


TYPES = {
    "Hold placed": 1,
    "Recording archived": 1,
    "Recording erased": 1,
    "Recording failed": 1,
    "Recording gone": 1,
}


@pytest.fixture
def folder(tmp_path: Path) -> FolderArchive:
    archive = a_folder(tmp_path / "archive", "acme")
    archive.table.stream.switch(on=True)
    return archive


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Iterator[EventBridge]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with aws() as made, event_bridge(monkeypatch) as bridge:
        deploy(made, a_source("acme"))
        fill(DeployedArchive(ARCHIVE, session()))
        yield bridge


def replay(where: Path | str, *words: str) -> int:
    return main(["events", "replay", "-a", str(where), "--region", "eu-central-1", *words])


def lines(folder: FolderArchive) -> list[dict[str, Any]]:
    text = (folder.root / "events.jsonl").read_text(encoding="utf-8")
    return [an_event(json.loads(line)) for line in text.splitlines()]


def test_the_events_of_a_day_are_sent_as_the_ledger_has_them_now(bridge: EventBridge, capsys: Captured) -> None:
    assert replay(ARCHIVE, "--from", DAY, "--to", DAY, "--json") == 0
    answer = checked(capsys.readouterr().out)
    assert (answer["sent"], answer["types"], answer["failed"]) == (5, TYPES, 0)
    for entry in bridge.taken:
        moment = datetime.fromtimestamp(entry["Time"], UTC).isoformat()
        detail = json.loads(entry["Detail"])
        an_event({"source": entry["Source"], "detail-type": entry["DetailType"], "time": moment, "detail": detail})
        assert detail["bucket"] in (BUCKET, None)
    assert {detail["recording_id"] for detail in bridge.details()} == {"kept", "failed", "gone", None}
    assert [detail["recording"] for detail in bridge.details() if not detail["recording_id"]] == [
        digest_of("acme", "erased")
    ]


def test_sent_again_an_event_keeps_its_id(bridge: EventBridge) -> None:
    for _ in range(2):
        assert replay(ARCHIVE, "--from", DAY, "--to", DAY) == 0
    ids = [detail["id"] for detail in bridge.details()]
    assert ids[:5] == ids[5:]
    assert len(set(ids)) == 5


def test_without_an_end_everything_since_is_sent(bridge: EventBridge) -> None:
    assert replay(ARCHIVE, "--from", "2026-11-25") == 0
    assert len(bridge.taken) == 6


def test_what_eventbridge_does_not_take_is_counted_and_ends_with_5(bridge: EventBridge, capsys: Captured) -> None:
    bridge.refuses = lambda id_: 99 if id_ == "gone" else 2 if id_ == "failed" else 0
    assert replay(ARCHIVE, "--from", DAY, "--to", DAY) == 5
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == "4 events sent, 1 not taken by EventBridge"


def test_an_archive_without_events_says_so_and_sends_nothing(
    bridge: EventBridge, folder: FolderArchive, capsys: Captured
) -> None:
    parameter = session().client("ssm").get_parameter(Name=f"/recording-archive/{ARCHIVE}")["Parameter"]
    put_parameter(str(parameter["Name"]), json.dumps({**json.loads(str(parameter["Value"])), "events": False}))
    folder.table.stream.switch(on=False)
    for where in (ARCHIVE, folder.root):
        assert replay(where, "--from", DAY) == 2
        assert "set events = true" in capsys.readouterr().err
    assert bridge.taken == []


def test_in_a_folder_only_what_its_file_lacks_is_written(folder: FolderArchive, capsys: Captured) -> None:
    fill(folder)
    folder.deliver_events()
    whole = lines(folder)
    assert replay(folder.root, "--from", "2026-11-25") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 missing events written"
    kept = [line for line in whole if line["detail"]["recording_id"] != "failed"]
    (folder.root / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    assert replay(folder.root, "--from", "2026-11-25", "--json") == 0
    assert checked(capsys.readouterr().out)["types"] == {"Recording failed": 1}
    assert {line["detail"]["id"] for line in lines(folder)} == {line["detail"]["id"] for line in whole}


def test_a_beginning_after_the_end_is_refused(folder: FolderArchive, capsys: Captured) -> None:
    assert replay(folder.root, "--from", "2026-11-27", "--to", "2026-11-26") == 2
    assert "2026-11-27 is after --to 2026-11-26" in capsys.readouterr().err
