"""Whole local runs on a folder: what they leave, what they find again, and what they survive."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.clock import from_ms, to_ms
from functions.archiver.errors import Misconfigured
from functions.archiver.ledger.conditions import Exists
from ops.local.engine import files
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.output import Failure
from simulators.faults import Fault
from simulators.providers.babelforce import Babelforce
from tests.harness.local import SMALL, LocalBench, end, kill, modes
from tests.harness.schemas import checked


@pytest.fixture
def acme() -> Iterator[Babelforce]:
    with Babelforce(recordings=12, **SMALL) as simulator:
        yield simulator


@pytest.fixture
def bench(tmp_path: Path, acme: Babelforce) -> LocalBench:
    return LocalBench(folder=tmp_path, sources={"acme": acme})


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
    told = re.search(r"acme: 1 wait until (?:\S+ )?(\d\d):(\d\d); run it again", done.err)
    assert told
    item = SqliteTable(bench.out / ".archive" / "ledger.sqlite").get(f"acme#recording#{missing}")
    assert item is not None
    due = from_ms(int(item["due_at"]))
    assert told.groups() == ((due + timedelta(hours=14)).strftime("%H"), f"{due:%M}")


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
    moments = random.Random(20261128)
    with Babelforce(recordings=60, **SMALL) as acme:
        bench = LocalBench(folder=tmp_path, sources={"acme": acme}, requests_per_minute=3000)
        for _ in range(4):
            process = bench.start()
            while not (bench.out / ".archive" / "format").exists():
                time.sleep(0.02)
            time.sleep(moments.uniform(0.1, 1.2))
            kill(process)
        assert bench.run_here() == 0
        assert bench.holds_all("acme")
        assert not list((bench.out / ".archive" / "tmp").iterdir())


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


# bytes that are no longer what they were


def flip(path: Path) -> bytes:
    """Turns one bit of a file, as a failing disk does; the bytes that it had."""
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    return content


def verified(bench: LocalBench, *words: str) -> tuple[int, dict[str, Any], str]:
    words = ("-a", str(bench.out), "--json", *words)
    command = [sys.executable, "-m", "ops", "verify", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, checked(done.stdout) if done.stdout else {}, done.stderr


def test_a_flipped_byte_is_found_by_verify_set_aside_by_the_next_run_and_healed_by_the_provider(
    bench: LocalBench, acme: Babelforce
) -> None:
    assert bench.run_here() == 0
    flipped, gone = list(acme.recordings)[:2]
    path = bench.audio(flipped)
    true_bytes = flip(path)
    damaged = path.read_bytes()
    missing = bench.audio(gone)
    missing.unlink()
    code, found, told = verified(bench)
    assert (code, [each["recording_id"] for each in found["altered"]]) == (6, [flipped])
    assert [each["recording_id"] for each in found["absent"]] == [gone]
    assert (found["checked"], found["same"]) == (12, 10)
    assert "acme: 2 recordings no longer match their digest:" in told
    assert path.read_bytes() == damaged, "verify moves nothing"
    assert bench.run_here() == 6
    assert bench.audio(flipped).read_bytes() == true_bytes
    assert (bench.out / "altered" / path.relative_to(bench.out)).read_bytes() == damaged
    assert bench.holds_all("acme")
    assert bench.run_here() == 0
    assert verified(bench)[0] == 0


def test_what_is_altered_and_no_longer_at_the_provider_stays_in_the_ledger_and_is_said_each_time(
    bench: LocalBench, acme: Babelforce
) -> None:
    assert bench.run_here() == 0
    flipped, gone = list(acme.recordings)[:2]
    flip(bench.audio(flipped))
    bench.audio(gone).unlink()
    acme.remove(flipped)
    acme.remove(gone)
    assert verified(bench)[0] == 6
    for _ in range(2):
        assert bench.run_here() == 6
        rows = bench.rows()
        assert (len(rows), rows[flipped]["state"], rows[gone]["state"]) == (12, "altered", "absent")
    assert bench.figures()["sources"]["acme"]["altered"] == 1


def test_an_absent_file_is_named_by_the_run_itself_because_names_and_sizes_are_looked_at(
    bench: LocalBench, acme: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run_here() == 0
    newest = max(acme.recordings.values(), key=lambda recording: recording.recorded_at).id
    bench.audio(newest).unlink()
    assert bench.run_here() == 6
    assert f"acme: {newest!r} is absent" in "".join(capsys.readouterr())
    assert bench.run_here() == 6, "the run that heals it says so too"
    assert bench.run_here() == 0


def test_verify_finds_what_is_shortened_swapped_and_extra(bench: LocalBench, acme: Babelforce) -> None:
    assert bench.run_here() == 0
    short, one, other = list(acme.recordings)[:3]
    bench.audio(short).write_bytes(bench.audio(short).read_bytes()[:-1])
    first, second = bench.audio(one), bench.audio(other)
    bytes_of_first = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(bytes_of_first)
    (first.parent / "stranger.mp3").write_bytes(b"who put this here")
    code, found, _ = verified(bench, "--dry-run")
    assert (code, {each["recording_id"] for each in found["altered"]}) == (6, {short, one, other})
    assert [each["key"].rpartition("/")[2] for each in found["extra"]] == ["stranger.mp3"]
    sample = [verified(bench, "--dry-run", "--sample", "5", "--seed", "7")[1] for _ in range(2)]
    assert sample[0]["checked"] == 5
    assert sample[0]["altered"] == sample[1]["altered"]
    assert verified(bench, "--dry-run", one)[1]["checked"] == 1
    assert verified(bench, "nobody")[0] == 3
    assert {row["state"] for row in bench.rows().values()} == {"archived"}


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


# folders that are no good


def test_a_folder_with_other_files_is_refused_and_nothing_is_written(bench: LocalBench) -> None:
    bench.out.mkdir()
    (bench.out / "thesis.txt").write_text("mine")
    with pytest.raises(Failure, match=r"holds other files, such as 'thesis\.txt'") as failure:
        bench.run_here()
    assert failure.value.code == 2
    assert [path.name for path in bench.out.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_and_a_folder_in_place_of_a_file_are_sentences(bench: LocalBench) -> None:
    bench.out.write_text("a file")
    with pytest.raises(Failure, match="is a file"):
        bench.run_here()
    bench.out.unlink()
    (bench.out / "ledger.jsonl").mkdir(parents=True)
    (bench.out / "metadata").mkdir()
    with pytest.raises(Failure, match=r"ledger\.jsonl is a folder"):
        bench.run_here()


def test_a_folder_of_a_newer_version_and_a_damaged_ledger_are_sentences(bench: LocalBench) -> None:
    assert bench.run_here() == 0
    marker = bench.out / ".archive" / "format"
    marker.write_text("2\n")
    with pytest.raises(Failure, match="newer version") as newer:
        bench.run_here()
    marker.write_text("1\n")
    (bench.out / ".archive" / "ledger.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(Failure, match="is damaged") as damaged:
        bench.run_here()
    assert (newer.value.code, damaged.value.code) == (2, 5)
    (bench.out / ".archive" / "ledger.sqlite").unlink()
    with pytest.raises(Failure, match="is missing") as missing:
        bench.run_here()
    assert (missing.value.code, "rebuild-ledger" in str(missing.value.next)) == (5, True)


def test_a_wrong_secret_leaves_no_folder_behind(bench: LocalBench) -> None:
    bench.secrets.write_text('{"acme": {"client_id": "only"}}')
    with pytest.raises(Misconfigured):
        bench.run_here()
    assert not bench.out.exists()


# a folder of an earlier version


def as_an_earlier_version_left_it(bench: LocalBench) -> None:
    """Without the engine's own folder, and open to everybody."""
    import shutil

    shutil.rmtree(bench.out / ".archive")
    for path, _ in modes(bench.out):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_folder_of_an_earlier_version_is_taken_over_and_made_private(bench: LocalBench, acme: Babelforce) -> None:
    broken = next(iter(acme.recordings))
    acme.faults.add(Fault("html", recording_id=broken, times=None))
    assert bench.run_here() == 1
    before = bench.rows()
    as_an_earlier_version_left_it(bench)
    asked = len([served for served in acme.log if served.kind == "media"])
    assert bench.run_here() == 1
    after = bench.rows()
    assert after == before
    assert len([served for served in acme.log if served.kind == "media"]) == asked
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes(bench.out))


class StoppedAt(threading.Event):
    """Somebody stops the run when it has asked so often whether anybody has."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.left = looks

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_a_take_over_that_is_stopped_or_killed_in_the_middle_changes_nothing_and_the_next_run_goes_on(
    bench: LocalBench, acme: Babelforce
) -> None:
    assert bench.run_here() == 0
    before = bench.rows()
    as_an_earlier_version_left_it(bench)
    for looks in (0, 5, 11):
        assert bench.run_here(stopping=StoppedAt(looks)) == 130
        assert bench.rows() == before
        assert not (bench.out / ".archive" / "format").exists()
    process = bench.start()
    while not (bench.out / ".archive" / "ledger.sqlite").exists():
        time.sleep(0.01)
    kill(process)
    asked = len(acme.served("media"))
    assert bench.run_here() == 0
    assert (bench.rows(), len(acme.served("media"))) == (before, asked)


@pytest.mark.parametrize("line", ["{", "[]", '{"state": "archived"}', '{"source": 1, "state": "lost"}', "\x00"])
def test_a_bad_line_of_an_earlier_ledger_is_named_and_nothing_is_changed(bench: LocalBench, line: str) -> None:
    assert bench.run_here() == 0
    as_an_earlier_version_left_it(bench)
    with (bench.out / "ledger.jsonl").open("a") as ledger:
        ledger.write(f"{line}\n")
    before = modes(bench.out)
    with pytest.raises(Failure, match=r"ledger\.jsonl:13: is no line of a ledger") as failure:
        bench.run_here()
    assert (failure.value.code, modes(bench.out)) == (2, before)


# telling somebody


def test_trouble_is_told_once_for_each_change_of_it(bench: LocalBench, acme: Babelforce, tmp_path: Path) -> None:
    told = tmp_path / "told.txt"
    broken = next(iter(acme.recordings))
    acme.faults.add(Fault("html", recording_id=broken, times=None))
    for _ in range(2):
        assert bench.run_here(on_trouble=f"cat >> {told}") == 1
    lines = told.read_text().splitlines()
    assert [line.partition(" is failed")[0] for line in lines if "failed" in line] == [f"acme: {broken!r}"]
    assert lines[-1] == "one thing to look at, named above"


def test_a_run_that_goes_on_ends_by_its_result_when_it_is_stopped(bench: LocalBench) -> None:
    process = bench.start("--keep-running")
    while len(list(bench.out.glob("metadata/*/*/*.json"))) < 12:
        time.sleep(0.05)
    ended = end(process, 15)
    assert (ended.code, bench.holds_all("acme")) == (0, True)
    assert bench.figures()["calls"]["lister"]
