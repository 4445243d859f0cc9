"""A ledger that is lost is filled from the archive's objects alone, in a folder and on AWS."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.clock import Clock, from_iso
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Item
from functions.archiver.object_keys import digest_of
from functions.archiver.rebuilding import Came, Rebuilding
from functions.archiver.recording import Recording
from ops.__main__ import main
from ops.local.engine.sqlite_table import SqliteTable
from simulators.faults import Fault
from simulators.providers.babelforce import Babelforce
from tests.doubles.aws import BUCKET, aws, s3
from tests.harness.local import SMALL, LocalBench
from tests.harness.schemas import checked

COMPARED = ("state", "day", "key", "version_id", "bytes", "sha256", "crc32", "codec", "recorded_at", "call_id",
            "from_number", "agent", "found_at", "archived_at", "discovered_by")  # fmt: skip


@pytest.fixture
def acme() -> Iterator[Babelforce]:
    with Babelforce(recordings=8, **SMALL) as simulator:
        yield simulator


@pytest.fixture
def bench(tmp_path: Path, acme: Babelforce) -> LocalBench:
    return LocalBench(folder=tmp_path, sources={"acme": acme})


def ledger_of(bench: LocalBench) -> Path:
    return bench.out / ".archive" / "ledger.sqlite"


def items(bench: LocalBench) -> dict[str, Item]:
    with SqliteTable(ledger_of(bench)) as table:
        return {item["recording_id"]: item for item in table.scan() if item.get("kind") == "recording"}


def lose_the_ledger(bench: LocalBench) -> None:
    for path in ledger_of(bench).parent.glob("ledger.sqlite*"):
        path.unlink()


def rebuilt(bench: LocalBench, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main(["rebuild-ledger", "-a", str(bench.out), "--json", *words])
    (source,) = checked(capsys.readouterr().out)["sources"]
    return code, source


def test_what_is_archived_gone_and_failed_comes_back_as_it_was_and_nothing_is_fetched_again(
    bench: LocalBench, acme: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, failed, *_ = acme.recordings
    acme.faults.add(Fault("status", value=410, recording_id=gone, times=None))
    acme.faults.add(Fault("json", where="media", recording_id=failed, times=None))
    bench.run_here(skip_waits=True)
    del acme.recordings[gone]
    bench.run_here(skip_waits=True, reconcile=True)
    before = items(bench)
    assert {before[gone]["state"], before[failed]["state"]} == {"gone", "failed"}
    lose_the_ledger(bench)
    code, dry = rebuilt(bench, capsys, "--dry-run")
    assert (code, dry["archived"], dry["gone"], dry["failed"]) == (0, 6, 1, 1)
    assert not ledger_of(bench).exists()
    assert rebuilt(bench, capsys) == (0, dry)
    after = items(bench)
    assert after.keys() == before.keys()
    for id_, item in before.items():
        names = COMPARED if item["state"] == "archived" else ("state", "day", "reason", "call_id", "recorded_at")
        assert {n: after[id_].get(n) for n in names} == {n: item.get(n) for n in names}
    fetched = [served.kind for served in acme.log].count("media")
    assert bench.run_here() == 1  # the failed one, which is left alone for a day
    assert [served.kind for served in acme.log].count("media") == fetched
    assert rebuilt(bench, capsys)[1]["known"] == 6


def test_what_is_wrong_is_counted_and_the_ledger_says_so(
    bench: LocalBench, acme: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run_here() == 0
    absent, unnamed, other, *_ = acme.recordings
    bench.audio(absent).unlink()
    (sidecar,) = bench.out.glob(f"metadata/*/*/{unnamed}.json")
    sidecar.unlink()
    next(bench.out.glob(f"metadata/*/*/{other}.json")).write_text("{}")
    lose_the_ledger(bench)
    code, counts = rebuilt(bench, capsys)
    assert (code, counts["archived"], counts["absent"], counts["unreadable"]) == (1, 6, 1, 1)
    assert counts["without_sidecar"] == 2
    assert items(bench)[absent]["state"] == "absent"


def test_a_recording_that_still_waits_differs_from_nothing_although_its_object_is_there(
    bench: LocalBench, acme: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run_here() == 0
    cut_short = next(iter(acme.recordings))
    before = items(bench)[cut_short]
    with SqliteTable(ledger_of(bench)) as table:  # as a crash right after the sidecar leaves it
        assert table.delete(f"acme#recording#{cut_short}", when=Exists("pk"))
        Ledger(table, source="acme", clock=Clock()).insert(
            Recording(id=cut_short, recorded_at=from_iso(before["recorded_at"])), "schedule"
        )
    code, counts = rebuilt(bench, capsys)
    assert (code, counts["known"], counts["differing"]) == (0, 8, 0)
    assert bench.run_here() == 0
    assert items(bench)[cut_short]["sha256"] == before["sha256"]


@pytest.mark.parametrize("text", [b"no ledger", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_ledger_is_renamed_and_made_anew(
    bench: LocalBench, capsys: pytest.CaptureFixture[str], text: bytes
) -> None:
    assert bench.run_here() == 0
    lose_the_ledger(bench)
    ledger_of(bench).write_bytes(text)
    assert rebuilt(bench, capsys)[1]["archived"] == 8
    (aside,) = ledger_of(bench).parent.glob("ledger.sqlite.unusable-*")
    assert aside.read_bytes() == text


def test_what_was_erased_does_not_come_back_and_what_is_held_is_held(
    bench: LocalBench, acme: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run_here() == 0
    erased, begun, held, released, *_ = acme.recordings
    day = items(bench)[erased]["day"].partition("#")[2]

    def write(key: str, **document: object) -> None:
        path = bench.out / key
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document))

    def digest(id_: str) -> str:
        return digest_of("acme", id_)

    named = [{"recording": digest(id_), "source": "acme", "date": day} for id_ in (erased, begun)]
    write("erasures/one.json", order="one", at="2026-01-01T00:00:00+00:00", recordings=named)
    write("erasures/one~a.json", order="one", at="2026-01-01T00:00:00+00:00", erased=[digest(erased)], deferred=[])
    both = [digest(held), digest(released)]
    write("holds/x.json", case="X", what="hold", at="2026-01-01T00:00:00+00:00", recordings=both)
    write("holds/x~2.json", case="X", what="release", at="2026-01-02T00:00:00+00:00", recordings=both[1:])
    for folder in ("audio", "metadata"):  # the first one is gone, the second one was cut short after that
        for id_ in (erased, begun):
            next(bench.out.glob(f"{folder}/*/*/{id_}.*")).unlink()
    lose_the_ledger(bench)
    code, counts = rebuilt(bench, capsys)
    assert (code, counts["archived"], counts["erased"], counts["held"]) == (0, 6, 2, 1)
    assert [id_ for id_, item in items(bench).items() if "held" in item] == [held]
    bench.run_here(reconcile=True)
    assert not {erased, begun} & items(bench).keys()


def test_a_new_table_on_an_old_bucket_is_filled(bench: LocalBench) -> None:
    assert bench.run_here() == 0
    with aws() as made:
        for path in (path for path in bench.out.rglob("*") if path.is_file() and ".archive" not in path.parts):
            s3().put_object(Bucket=BUCKET, Key=str(path.relative_to(bench.out)), Body=path.read_bytes())
        bucket = S3Bucket(s3(), BUCKET)
        counts: Counter[Came] = Counter()
        whole = False
        while not whole:  # as a function whose time is up after each day
            rebuilding = Rebuilding(source="acme", bucket=bucket, table=made.table, clock=Clock())
            counts += rebuilding.go_on(until=lambda: True)
            whole = rebuilding.whole
        assert (counts["archived"], counts["known"]) == (8, 0)
        assert not Rebuilding(source="other", bucket=bucket, table=made.table, clock=Clock()).run()
        entries = list(Ledger(made.table, source="acme", clock=Clock()).everything())
        assert {entry.state.value for entry in entries} == {"archived"}
        assert {entry.recording.id: entry.stored.sha256 for entry in entries if entry.stored} == {
            id_: recording.sha256 for id_, recording in bench.sources["acme"].recordings.items()
        }
        assert all(date.today() - entry.day < timedelta(days=400) for entry in entries)


def test_a_sidecar_vouches_for_no_file_but_its_recording_s_own(
    bench: LocalBench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run_here() == 0
    rows = bench.rows()
    one, other, elsewhere = list(rows)[:3]
    (bench.folder / "notes.txt").write_bytes(b"no audio")
    for id_, key in (
        (one, rows[other]["key"]),
        (elsewhere, f"audio/source=acme/date={date.today()}/../../../../notes.txt"),
    ):
        (path,) = bench.out.glob(f"metadata/*/*/{id_}.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), "key": key}) + "\n")
    lose_the_ledger(bench)
    rebuilt(bench, capsys)
    kept = items(bench)
    assert not {one, elsewhere} & kept.keys()
    assert other in kept


def test_a_run_leaves_files_alone_that_are_not_its_own(bench: LocalBench) -> None:
    assert bench.run_here() == 0
    theirs = [bench.out / "film.mkv.part", bench.out / "audio" / "half.part"]
    for path in theirs:
        path.write_bytes(b"half a download")
    ours = bench.out / ".archive" / "tmp" / "left"
    ours.write_bytes(b"of a run that was killed")
    assert bench.run_here() == 0
    assert [path.read_bytes() for path in theirs] == [b"half a download"] * 2
    assert not ours.exists()
