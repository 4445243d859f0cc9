"""`recordings status` over a folder and a deployed archive: a line a source, a verdict, an exit code to rely on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.alerting.trouble import UNSEALED
from functions.archiver.clock import Clock, to_ms
from functions.archiver.errors import ArchiveTrouble, Service, Unauthorized
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.totals import Totals
from functions.archiver.sweeping.book import Round
from functions.archiver.throttling.pace import Pace
from functions.archiver.throttling.pause import Pause, pause
from tests.harness.archives import KINDS, Given, given_archive
from tests.harness.deployed import ARCHIVE, client
from tests.harness.ledger import STORED, queued, recording
from tests.harness.schemas import checked

DAY = timedelta(days=1)


@pytest.fixture(params=KINDS)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Given]:
    with given_archive(request.param, tmp_path) as made:
        made.look_after()
        yield made


def status(archive: Given, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = archive.run("status", "--json", *words)
    sources = checked(capsys.readouterr().out)["sources"]
    return code, {each["source"]: each for each in sources}


def waiting(archive: Given, *, since: timedelta) -> None:
    archive.ledger().insert(recording(recorded_at=Clock().now() - since), "schedule")


def failed(archive: Given) -> None:
    archive.ledger().mark_failed(queued(archive.ledger()), "no audio")


def altered(archive: Given) -> None:
    archive.ledger().mark_archived(queued(archive.ledger()), STORED)
    Integrity(archive.table, source="acme", clock=Clock()).mark_altered("rec-1", "other bytes")


def blocked(archive: Given) -> None:
    pace = Pace(archive.table, source="acme", requests_per_minute=30, lanes=1, clock=Clock())
    pace.cool_down(Unauthorized("the API key is unknown"))


def losing(archive: Given) -> None:
    archive.ledger().keep_retention(30 * DAY)
    waiting(archive, since=28 * DAY)


def paused(archive: Given) -> None:
    pause(archive.table, "acme", Pause(by="jo", reason=None, since=Clock().now(), until=None))


def stopped(archive: Given) -> None:
    archive.table.update("acme#health", put={"ticked_at": 1})


STATES: dict[str, tuple[Any, int]] = {
    "stopped": (stopped, 1),
    "blocked": (blocked, 1),
    "paused": (paused, 0),
    "losing": (losing, 1),
    "behind": (lambda archive: waiting(archive, since=2 * DAY), 1),
    "failing": (failed, 1),
}


def test_sources_that_are_well_are_said_to_be_so(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    assert archive.run("status") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["acme", "healthy"], ["dialer", "healthy"]]
    assert lines[-1] == "2 sources, nothing to look at"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_exit_code_its_reason_and_its_next_command(
    archive: Given, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, expected = STATES[state]
    make(archive)
    code, sources = status(archive, capsys)
    assert (code, sources["acme"]["state"], sources["dialer"]["state"]) == (expected, state, "healthy")
    assert sources["acme"]["reason"]
    assert sources["acme"]["next"].startswith("recordings ")
    assert archive.run("status") == expected
    assert sources["acme"]["next"] in capsys.readouterr().out


def test_altered_bytes_outweigh_everything(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    altered(archive)
    blocked(archive)
    code, sources = status(archive, capsys)
    assert code == 6
    assert sources["acme"]["counts"]["altered"] == 1
    assert sources["acme"]["next"] == f"recordings find --source acme --state altered -a {archive.where}"
    assert status(archive, capsys, "dialer")[0] == 0


def test_a_source_that_cannot_be_asked_is_unknown_and_keeps_nobody_from_the_others(
    archive: Given, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(archive.table)
    get = kind.get

    def refused(table: Any, pk: str) -> Any:
        if pk.startswith("acme#"):
            raise ArchiveTrouble(Service.DYNAMODB, "AccessDeniedException")
        return get(table, pk)

    monkeypatch.setattr(kind, "get", refused)
    code, sources = status(archive, capsys)
    assert code == 1
    assert sources["acme"]["state"] == "unknown"
    assert "AccessDenied" in sources["acme"]["reason"]
    assert sources["dialer"]["state"] == "healthy"


def test_counts_and_times_are_those_of_the_ledger(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    ledger, now = archive.ledger(), Clock().now().replace(microsecond=0)
    # As a reconciler leaves it each day: what is three hours old may be of yesterday.
    Totals(archive.table, source="acme").keep({(now - 2 * DAY).date(): {}}, as_of=now - DAY)
    ledger.mark_archived(queued(ledger, recording("kept", recorded_at=now - timedelta(hours=3))), STORED)
    ledger.insert(recording("waits", recorded_at=now - timedelta(hours=2)), "schedule")
    _, sources = status(archive, capsys, "acme")
    acme = sources["acme"]
    assert (acme["counts"]["archived"], acme["counts"]["waiting"]) == (1, 1)
    assert acme["complete_until"] == acme["oldest_due"] is not None
    assert acme["rate"]["allowed"] == 30
    assert acme["catches_up_at"] > acme["listed_until"]


def test_one_source_is_told_whole(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    failed(archive)
    assert archive.run("status", "acme") == 1
    out = capsys.readouterr().out
    assert "failed 1" in out
    assert "recordings find --source acme --state failed" in out
    assert max(len(line.partition(" -a ")[0]) for line in out.splitlines()) <= 120


def test_a_source_shows_what_its_last_round_of_deletions_came_to(
    archive: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.look_after()
    last = Round(begun_at=datetime(2026, 3, 4, 12, tzinfo=UTC), after_days=30, limit=10, rehearsal=False)
    last.deleted, last.eligible, last.stopped = 4, 2, "it refuses"
    last.left.update(held=3)
    archive.table.update("acme#sweeper", put={"round": last.dump()})
    archive.run("status", "acme")
    shown = "4 deleted, 2 more may go, at most 10 a day, 3 stay: held, stopped: it refuses"
    assert shown in capsys.readouterr().out
    assert status(archive, capsys)[1]["acme"]["deletion_at_source"]["left"] == {"held": 3}


def test_a_source_that_is_not_there_is_named_with_one_that_is(
    archive: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    assert archive.run("status", "acne") == 3
    assert "Did you mean 'acme'?" in capsys.readouterr().err


def test_alarms_that_ring_stand_beside_their_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with given_archive("stack", tmp_path) as archive:
        archive.look_after()
        name = f"{ARCHIVE} / acme: a message could not be worked on"
        client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            EvaluationPeriods=1,
            ComparisonOperator="GreaterThanThreshold",
            MetricName="x",
            Namespace="x",
            Period=60,
            Statistic="Sum",
            Threshold=0,
        )
        client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="x")
        _, sources = status(archive, capsys)
        assert sources["acme"]["alarms"] == ["a message could not be worked on"]
        assert sources["dialer"]["alarms"] == []


def test_an_archive_without_sources_has_nothing_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with given_archive("folder", tmp_path) as archive:
        identity = Path(archive.where) / ".archive" / "identity.json"
        for file in identity.parent.glob("*.json"):
            file.write_text(json.dumps({"name": "empty", "zone": "UTC", "sources": []}))
        assert archive.run("status") == 0
        assert archive.run("status", "--json") == 0


def test_a_source_of_a_folder_that_imports_alone_have_filled_is_never_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with given_archive("folder", tmp_path) as archive:
        ledger = archive.ledger()
        ticket = queued(ledger)
        ledger.mark_archived(ticket, STORED)
        code, sources = status(archive, capsys, "acme")
        assert (code, sources["acme"]["state"]) == (0, "healthy")
        assert archive.run("doctor", "acme", "--json") is not None
        checks = checked(capsys.readouterr().out)["checks"]
        assert {each["id"]: each["status"] for each in checks}["tick.fresh"] == "ok"
        assert status(archive, capsys, "dialer")[1]["dialer"]["state"] == "stopped", "it is empty: no run has begun it"
        ledger.mark_failed(queued(ledger, recording("2")), "no audio")
        assert status(archive, capsys, "acme")[1]["acme"]["state"] == "failing"


def test_a_source_that_a_run_has_looked_after_once_can_stop_though_it_was_imported_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with given_archive("folder", tmp_path) as archive:
        archive.look_after("acme")
        archive.ledger().mark_archived(queued(archive.ledger()), STORED)
        archive.table.update("acme#health", put={"ticked_at": to_ms(Clock().now() - 2 * DAY)})
        assert status(archive, capsys, "acme")[1]["acme"]["state"] == "stopped"


def test_a_day_that_is_not_sealed_stands_beside_the_state_with_the_command_to_type(
    archive: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"kind": "told", "told": UNSEALED.name, "told_reason": "2026-11-01 should have been sealed a day ago"}
    archive.table.update("acme#told", put=told)
    archive.table.update("dialer#told", put={"kind": "told", "told": "behind", "told_reason": "it was"})
    _, sources = status(archive, capsys)
    assert sources["acme"]["trouble"] == {
        "name": "a day is not sealed",
        "reason": told["told_reason"],
        "next": f"recordings seal acme -a {archive.where}",
    }
    assert sources["dialer"]["trouble"] is None, "its state says so itself"
    assert archive.run("status") == 0
    assert f"acme: a day is not sealed: {told['told_reason']}; next: recordings seal acme" in capsys.readouterr().out
