"""Whole local runs on a folder: what they leave, what they find again, and what they survive."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.clock import Clock, from_ms, to_ms
from functions.archiver.ledger.conditions import Exists
from functions.archiver.vitals import VitalsReader
from ops.__main__ import main
from ops.local.engine import files
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.output import Failure
from simulators.faults import Fault
from simulators.providers.babelforce import Babelforce
from tests.harness.kills import killed
from tests.harness.local import SMALL, LocalBench, end, modes, verified
from tests.harness.schemas import checked


def test_a_second_run_asks_for_what_is_new_and_says_what_it_holds(bench: LocalBench, acme: Babelforce) -> None:
    first = bench.run()
    assert (first.code, "acme: 0 held, 12 new" in first.out) == (0, True)
    assert bench.holds_all("acme")
    files_before = {path: path.stat().st_mtime_ns for path in bench.out.glob("audio/*/*/*")}
    second = bench.run()
    assert (second.code, "acme: 12 held, 0 new" in second.out) == (0, True)
    assert {path: path.stat().st_mtime_ns for path in bench.out.glob("audio/*/*/*")} == files_before
    assert [served.kind for served in acme.log].count("media") == 12
    assert bench.figures()["sources"]["acme"]["state"] == "healthy"
    assert len((bench.out / "runs.jsonl").read_text().splitlines()) == 2
    assert list(bench.out.glob("reports/source=acme/date=*/reconciliation.json"))
    with SqliteTable(bench.out / ".archive" / "ledger.sqlite", read_only=True) as table:
        origin = VitalsReader(table, source="acme", clock=Clock()).origin()
    assert (origin.provider, origin.host) == ("babelforce", "127.0.0.1")


def test_the_lines_of_the_ledger_are_written_again_only_when_a_recording_has_changed_whoever_changed_it(
    bench: LocalBench,
) -> None:
    assert bench.run_here() == 0
    ledger = bench.out / "ledger.jsonl"
    before = ledger.stat().st_ino
    assert bench.run_here() == 0
    assert ledger.stat().st_ino == before
    id_ = next(iter(bench.rows()))
    with SqliteTable(bench.out / ".archive" / "ledger.sqlite") as table:
        table.update(f"acme#recording#{id_}", put={"reason": "a verb's"})
    assert bench.run_here() == 0
    assert bench.rows()[id_]["reason"] == "a verb's"
    ledger.unlink()
    assert bench.run_here() == 0
    assert len(bench.rows()) == 12


def test_every_run_writes_a_report_and_asks_the_provider_again_only_when_it_is_time_or_told_to(
    bench: LocalBench, acme: Babelforce
) -> None:
    assert bench.run_here() == 0
    (report,) = bench.out.glob("reports/source=acme/date=*/reconciliation.json")
    first, lists = report.read_bytes(), [served.kind for served in acme.log].count("list")
    assert bench.run_here() == 0
    quiet = [served.kind for served in acme.log].count("list") - lists
    assert report.read_bytes() != first
    assert bench.run_here(reconcile=True) == 0
    assert [served.kind for served in acme.log].count("list") - lists - quiet > quiet


def test_what_the_comparison_with_the_provider_finds_is_archived_by_the_same_run(
    bench: LocalBench, acme: Babelforce
) -> None:
    assert bench.run_here() == 0
    late = acme.add(recorded_at=datetime.now(UTC) - timedelta(hours=6))
    assert bench.run_here() == 0
    assert late.id not in bench.rows(), "ordinary listing has read that hour a moment ago"
    assert bench.run_here(reconcile=True) == 0
    assert bench.holds_all("acme")
    newest = max(bench.out.glob("reports/source=acme/date=*/reconciliation.json"))
    days = {day["date"]: day for day in json.loads(newest.read_text())["days"]}
    day = days[late.recorded_at.date().isoformat()]
    assert (day["missing"], day["in_work"], day["archived"]) == (0, 0, day["listed"])


def test_times_of_day_are_in_the_archives_zone(bench: LocalBench, acme: Babelforce) -> None:
    bench.archive = 'timezone = "Pacific/Kiritimati"'
    bench.write()
    missing = next(iter(acme.recordings))
    acme.faults.add(Fault("status", recording_id=missing, value=404, times=None))
    done = bench.run()
    assert done.code == 1
    told = re.search(r"acme: 1 waits until (?:\S+ )?(\d\d):(\d\d); run it again", done.err)
    assert told
    item = SqliteTable(bench.out / ".archive" / "ledger.sqlite").get(f"acme#recording#{missing}")
    assert item is not None
    due = from_ms(int(item["due_at"]))
    assert told.groups() == ((due + timedelta(hours=14)).strftime("%H"), f"{due:%M}")
    told = re.search(r"acme: 1 waits until (?:\S+ )?(\d\d):(\d\d);", bench.run("--tz", "UTC").err)
    assert told
    assert told.groups() == (f"{due:%H}", f"{due:%M}")


def test_everything_in_the_folder_is_its_owners_alone(bench: LocalBench) -> None:
    assert bench.run_here() == 0
    wrong = [(path, oct(mode)) for path, mode in modes(bench.out) if mode != (0o700 if path.is_dir() else 0o600)]
    assert wrong == []


def test_nothing_of_aws_is_loaded(bench: LocalBench) -> None:
    program = (
        "import sys; from ops.shell.program import main\n"
        "code = main(sys.argv[1:])\n"
        "names = {'boto3', 'botocore', 's3transfer', 'aws_cdk', 'jsii', 'moto', 'infra'}\n"
        "print(code, sorted(names & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    words = [sys.executable, "-c", program, *bench.words()[3:]]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_second_source_on_the_folder_leaves_the_first_ones_recordings_as_they_are(
    bench: LocalBench, acme: Babelforce, tmp_path: Path
) -> None:
    broken = next(iter(acme.recordings))
    acme.faults.add(Fault("html", recording_id=broken, times=None))
    assert bench.run_here() == 1
    before = {id_: row for id_, row in bench.rows().items() if row["source"] == "acme"}
    assert before[broken]["state"] == "failed"
    with Babelforce(recordings=3, seed=2, **SMALL) as dialer:
        other = LocalBench(folder=tmp_path, sources={"dialer": dialer})
        assert other.run_here() == 0
        after = other.rows()
    assert {id_: row for id_, row in after.items() if row["source"] == "acme"} == before
    assert len(after) == len(before) + 3


def test_two_runs_at_once_keep_the_rate_because_the_second_is_refused(tmp_path: Path) -> None:
    with Babelforce(recordings=30, **SMALL) as acme:
        bench = LocalBench(folder=tmp_path, sources={"acme": acme}, requests_per_minute=300)
        first = bench.start()
        while not (bench.out / ".archive" / "format").exists():
            time.sleep(0.02)
        second = bench.run()
        assert second.code == 4
        assert f"in use by process {first.pid} since " in second.err
        assert first.wait(120) == 0
        first.communicate()
        assert acme.busiest_window(2.0) <= 300 * 2.4 / 60 + 1
        assert bench.holds_all("acme")


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_run_that_is_stopped_says_so_and_the_next_one_goes_on(tmp_path: Path, number: int, code: int) -> None:
    with Babelforce(recordings=40, **SMALL) as acme:
        bench = LocalBench(folder=tmp_path, sources={"acme": acme}, requests_per_minute=240)
        process = bench.start()
        while not list(bench.out.glob("metadata/*/*/*.json")):
            time.sleep(0.05)
        ended = end(process, number)
        assert ended.code == code
        assert ended.out.splitlines()[-1].startswith("stopped by you; ")
        assert "window" not in ended.err, "what a stopped run did not come to is no trouble"
        assert "run it again to go on" in ended.out
        assert bench.figures()["sources"]["acme"]["waiting"] > 0
        assert {row["state"] for row in bench.rows().values()} > {"archived"}
        bench.requests_per_minute = 6000
        bench.write()
        assert bench.run_here() == 0
        assert bench.holds_all("acme")


def test_a_run_that_is_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    outcome = killed(tmp_path, kills=4, seed=20261128)
    assert outcome.wrong == ()
    assert outcome.at_work >= 1


def test_slots_that_a_killed_run_had_booked_are_waited_for_and_are_no_failure(bench: LocalBench) -> None:
    assert bench.run_here() == 0
    with SqliteTable(bench.out / ".archive" / "ledger.sqlite") as table:
        booked = to_ms(datetime.now(UTC) + timedelta(seconds=3))  # further ahead than a run would book itself
        table.update("acme#pace", put={"tat": booked})
    assert bench.run_here() == 0


def test_wrong_credentials_are_said_at_the_first_refusal(bench: LocalBench, acme: Babelforce) -> None:
    bench.secrets.write_text('{"acme": {"client_id": "nobody", "client_secret": "wrong"}}')
    process = bench.start()
    assert process.stderr is not None
    lines = []
    while "asked again in" not in (line := process.stderr.readline()):
        lines.append(line)
        assert line, lines
    assert line.startswith("acme: ")
    assert len([served for served in acme.log if served.status >= 400]) <= 2, "said before it was asked much"
    end(process)
    source = bench.figures()["sources"]["acme"]
    assert (source["state"], bool(source["reason"])) == ("blocked", True)


def test_a_source_is_looked_after_from_the_first_moment_of_its_first_run(
    bench: LocalBench, acme: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    acme.faults.add(Fault("hang", where="list"))
    process = bench.start()
    deadline = time.monotonic() + 60
    while not acme.log and time.monotonic() < deadline:
        time.sleep(0.05)
    main(["status", "--json", "-a", str(bench.out)])
    end(process)
    (source,) = checked(capsys.readouterr().out)["sources"]
    assert source["state"] != "stopped"


def test_with_json_a_run_prints_one_document_and_the_rest_on_standard_error(
    bench: LocalBench, acme: Babelforce
) -> None:
    run = bench.run("--json")
    document = checked(run.out)
    assert (run.code, document["verdict"], document["to_look_at"]) == (0, run.err.splitlines()[-1], [])
    assert document["sources"] == bench.figures()["sources"]
    assert document["archive"] == str(bench.out)


def test_a_run_does_not_wait_for_a_source_that_a_person_has_paused(bench: LocalBench, acme: Babelforce) -> None:
    assert bench.run_here() == 0
    asked = len(acme.log)
    assert main(["pause", "acme", "--reason", "maintenance", "-a", str(bench.out)]) == 0
    run = bench.run()
    assert (run.code, len(acme.log)) == (1, asked)
    assert re.search(r"acme: paused by \S+: maintenance; next: recordings resume acme -a \S+\n", run.err)
    source = bench.figures()["sources"]["acme"]
    assert (source["state"], source["reason"].endswith(": maintenance")) == ("paused", True)


def full_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes so many writes of objects, and no more."""
    left = [writes]
    as_it_is: Callable[[Any, Any], None] = files.write_all

    def write_all(file: Any, piece: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        as_it_is(file, piece)

    monkeypatch.setattr(files, "write_all", write_all)


@pytest.mark.parametrize("writes", [0, 1, 2, 3, 5, 12, 23, 25])
def test_a_full_disk_at_any_write_is_one_sentence_and_the_next_run_heals(
    bench: LocalBench, writes: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        full_after(writes, patched)
        with pytest.raises(Failure, match=f"{bench.out} is full: .* free, .* needed") as failure:
            bench.run_here()
        assert failure.value.code == 5
        assert "Traceback" not in "".join(capsys.readouterr())
    assert bench.run_here() == 0
    assert bench.holds_all("acme")


# terms


def test_what_is_past_its_term_goes_with_its_sidecar_and_its_row_and_a_dry_run_only_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = datetime.now(UTC) - timedelta(days=90)
    with Babelforce(recordings=12, start=begin, span=timedelta(days=2), **SMALL) as acme:
        bench = LocalBench(folder=tmp_path, sources={"acme": acme})
        assert bench.run_here() == 0
        old, held = list(acme.recordings)[:2]
        acme.remove(old)
        acme.remove(held)
        with SqliteTable(bench.out / ".archive" / "ledger.sqlite") as table:
            archived_at = (begin + timedelta(days=3)).isoformat()
            table.update(f"acme#recording#{old}", put={"archived_at": archived_at})
            table.update(f"acme#recording#{held}", put={"archived_at": archived_at, "held": True})
        bench.archive = 'expire_after = "30 days"'
        bench.write()
        assert bench.run_here(dry_run=True) == 0
        told = "".join(capsys.readouterr())
        assert f"acme: {old!r} expired on {begin + timedelta(days=34):%Y-%m-%d}: would be removed" in told
        assert len(bench.rows()) == 12
        assert bench.run_here() == 0
        assert set(bench.rows()) == {*acme.recordings, held}
    assert not list(bench.out.glob(f"*/*/*/{old}.*"))
    assert list(bench.out.glob(f"audio/*/*/{held}.*"))


def test_what_has_expired_is_not_fetched_again_though_all_is_listed_anew(tmp_path: Path) -> None:
    begin = datetime.now(UTC) - timedelta(days=90)
    with Babelforce(recordings=6, start=begin, span=timedelta(days=2), **SMALL) as acme:
        bench = LocalBench(folder=tmp_path, sources={"acme": acme})
        assert bench.run_here() == 0
        old = next(iter(acme.recordings))
        with SqliteTable(bench.out / ".archive" / "ledger.sqlite") as table:
            table.update(f"acme#recording#{old}", put={"archived_at": (begin + timedelta(days=3)).isoformat()})
        bench.archive = 'expire_after = "30 days"'
        bench.write()
        assert bench.run_here() == 0
        with SqliteTable(bench.out / ".archive" / "ledger.sqlite") as table:
            table.delete("acme#lister", when=Exists("pk"))
        before = len(acme.log)
        assert bench.run_here() == 0
        asked = {entry.recording_id for entry in acme.log[before:] if entry.kind == "media"}
        assert any(entry.kind == "list" for entry in acme.log[before:])
        assert (old in bench.rows(), asked) == (False, set())
    assert not list(bench.out.glob(f"*/*/*/{old}.*"))


# where the ledger is, and what time it goes by


def test_a_ledger_on_another_disk_is_found_again_by_every_run_and_verb(bench: LocalBench, tmp_path: Path) -> None:
    ledger = tmp_path / "disk" / "acme.sqlite"
    assert bench.run_here(ledger=ledger) == 0
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert not (bench.out / ".archive" / "ledger.sqlite").exists()
    assert (bench.run_here(), bench.holds_all("acme"), verified(bench)[0]) == (0, True, 0)
    with pytest.raises(Failure, match=r"has its ledger in .*acme\.sqlite: move it to .*other\.sqlite first") as other:
        bench.run_here(ledger=tmp_path / "other.sqlite")
    assert other.value.code == 2
    ledger.unlink()
    with pytest.raises(Failure, match=r"the ledger .*acme\.sqlite is missing"):
        bench.run_here()


def test_real_time_waits_for_what_an_ordinary_run_looks_ahead_to(bench: LocalBench, acme: Babelforce) -> None:
    broken = next(iter(acme.recordings))
    acme.faults.add(Fault("html", recording_id=broken))  # once: its second attempt is due after a minute
    process = bench.start("--real-time")
    while len(list(bench.out.glob("metadata/*/*/*.json"))) < 11:
        time.sleep(0.05)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    assert end(process).code == 130
    assert bench.figures()["sources"]["acme"]["waiting"] == 1
    assert (bench.run_here(), bench.holds_all("acme")) == (0, True)


# telling somebody


def test_trouble_is_told_once_for_each_change_of_it(bench: LocalBench, acme: Babelforce, tmp_path: Path) -> None:
    told = tmp_path / "told.txt"
    broken = next(iter(acme.recordings))
    acme.faults.add(Fault("html", recording_id=broken, times=None))
    for _ in range(2):
        assert bench.run_here(on_trouble=f"cat >> {told}") == 1
    lines = told.read_text().splitlines()
    assert [line.partition(" has failed")[0] for line in lines if "failed" in line] == [f"acme: {broken!r}"]
    assert lines[-1] == "one thing to look at, named above"


def test_a_run_that_goes_on_ends_by_its_result_when_it_is_stopped(bench: LocalBench) -> None:
    process = bench.start("--keep-running")
    while len(list(bench.out.glob("metadata/*/*/*.json"))) < 12:
        time.sleep(0.05)
    ended = end(process, 15)
    assert (ended.code, bench.holds_all("acme")) == (0, True)
    assert bench.figures()["calls"]["lister"]
