"""Access records: written before anything is given, in a chain or in a folder of one's own, and listed."""

from __future__ import annotations

import json
import multiprocessing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from functions.archiver.object_keys import digest_of
from ops.accesses.access import Access, NotRecorded, What
from ops.accesses.local import LocalLog
from ops.accesses.recording import Recorder, log_of
from ops.archive.archive import Archive
from ops.archive.deployed import DeployedArchive
from tests.harness.reading import Run
from tests.harness.schemas import checked

ALWAYS = (date(2000, 1, 1), date(2100, 1, 1))


def an_access(number: int, what: What = "listen") -> Access:
    at = datetime(2026, 11, 27, tzinfo=UTC) + timedelta(minutes=number)
    return Access.of(what, "acme", f"rec-{number}", at=at, who="anna@laptop", reason="ticket 7", version="0.1.0")


@pytest.fixture
def log(tmp_path: Path) -> LocalLog:
    return LocalLog(tmp_path)


def filled(log: LocalLog, count: int = 4) -> list[str]:
    for number in range(count):
        log.write(an_access(number))
    return log.path.read_text().splitlines(keepends=True)


def broken(log: LocalLog) -> list[str]:
    return list(log.read(*ALWAYS).broken)


def test_lines_are_chained_and_their_owner_s_alone(log: LocalLog) -> None:
    filled(log)
    records = log.read(*ALWAYS)
    assert [access.recording_id for access in records.accesses] == ["rec-0", "rec-1", "rec-2", "rec-3"]
    assert records.broken == []
    assert log.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change", ["edit", "cut", "swap", "insert", "damage"])
def test_a_change_of_the_file_is_found(log: LocalLog, change: str) -> None:
    lines = filled(log)
    changed = {
        "edit": [lines[0], lines[1].replace("anna", "otto"), *lines[2:]],
        "cut": [lines[0], *lines[2:]],
        "swap": [lines[1], lines[0], *lines[2:]],
        "insert": [*lines[:2], lines[0], *lines[2:]],
        "damage": [*lines[:2], "{\n", *lines[3:]],
    }[change]
    log.path.write_text("".join(changed))
    assert broken(log)


def test_an_erasure_that_takes_the_id_away_leaves_the_chain_whole(log: LocalLog) -> None:
    lines = filled(log)
    erased = json.loads(lines[1]) | {"recording_id": None}
    log.path.write_text("".join([lines[0], json.dumps(erased) + "\n", *lines[2:]]))
    assert broken(log) == []
    assert log.read(*ALWAYS).accesses[1].recording == digest_of("acme", "rec-1")


def test_what_a_crash_left_of_a_line_is_taken_away_by_the_next(log: LocalLog) -> None:
    lines = filled(log, 2)
    log.path.write_text(lines[0] + lines[1] + lines[1][:30])
    log.write(an_access(5))
    assert [access.recording_id for access in log.read(*ALWAYS).accesses] == ["rec-0", "rec-1", "rec-5"]
    assert broken(log) == []


def test_a_last_line_that_is_damaged_is_no_beginning_of_another(log: LocalLog) -> None:
    filled(log)
    with log.path.open("a") as file:
        file.write("{}\n")
    with pytest.raises(NotRecorded, match="its last line is damaged"):
        log.write(an_access(9))


def test_a_reason_of_many_kilobytes_does_not_hide_the_line_before(log: LocalLog) -> None:
    recording_id = "x" * 200_000
    for _ in range(3):
        log.write(Access.of("view", "acme", recording_id, at=datetime.now(UTC), who="a", reason="r", version="1"))
    assert (len(log.read(*ALWAYS).accesses), broken(log)) == (3, [])


def _write_some(folder: str) -> None:
    for number in range(20):
        LocalLog(Path(folder)).write(an_access(number))


def test_processes_that_write_at_once_make_one_chain(log: LocalLog, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_some, args=(str(tmp_path),)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (len(log.read(*ALWAYS).accesses), broken(log)) == (40, [])


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "accesses.jsonl").mkdir()
    with pytest.raises(NotRecorded, match="is a directory"):
        LocalLog(tmp_path).write(an_access(1))


def test_an_access_is_recorded_in_the_name_of_whoever_is_at_work(archive: Archive) -> None:
    Recorder(archive).record("listen", "acme", "rec-1", "ticket 7")
    today = datetime.now(UTC).date()
    (access,) = log_of(archive).read(today - timedelta(days=1), today).accesses
    assert (access.who, access.what, access.source, access.recording, access.reason) == (
        archive.person.name,
        "listen",
        "acme",
        digest_of("acme", "rec-1"),
        "ticket 7",
    )
    if isinstance(archive, DeployedArchive):
        (key,) = archive.bucket.keys("accesses/")
        assert key.startswith(f"accesses/date={access.at.date()}/{archive.person.user_id}/")
        assert access.who.startswith("arn:aws:")
        assert access.recording_id is None  # no erasure could take it out of what is written once


def test_accesses_are_listed_by_who_and_recording(
    archive: Archive, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(archive)
    recorder.record("view", "acme", "rec-1")
    recorder.record("download", "dialer", "rec-2", "court order 12")
    capsys.readouterr()
    assert run("accesses", "--recording", "rec-2", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    document = checked(line)
    assert (document["what"], document["reason"]) == ("download", "court order 12")
    assert run("accesses", "--recording", digest_of("acme", "rec-1"), "--csv") == 0
    assert digest_of("acme", "rec-1") in capsys.readouterr().out
    assert run("accesses", "--who", "nobody at all") == 0
    assert capsys.readouterr().out == "0 accesses\n"
    assert run("accesses") == 0
    table = capsys.readouterr().out
    assert table.splitlines()[-1] == "2 accesses"
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize("archive", ["folder"], indirect=True)
def test_a_broken_chain_ends_with_6(
    archive: Archive, run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = LocalLog(tmp_path / "archive")
    filled(log)
    log.path.write_text("".join(log.path.read_text().splitlines(keepends=True)[1:]))
    assert run("accesses", "--from", "2026-11-01", "--to", "2026-12-01") == 6
    assert "line 1 does not follow" in capsys.readouterr().out
