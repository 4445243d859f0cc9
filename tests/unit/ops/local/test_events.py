"""The events of a local archive: kept with the change, written at least once, and without an id once it is erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.archiver.events.changes import Change, events_of
from functions.archiver.events.records import change_in
from functions.archiver.ledger.holds import Holds
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.object_keys import digest_of
from functions.archiver.recording import Readiness
from functions.archiver.sealing.statement import Listed
from ops.local import events as events_module
from ops.local.books import SqliteBooks
from ops.local.engine.folder import FolderBucket
from ops.local.engine.sqlite_table import SqliteTable
from ops.local.engine.stream import Stream
from ops.local.events import EventLog
from ops.local.sweep import expired, remove
from ops.shell.program import main
from simulators.providers.babelforce import Babelforce
from tests.doubles.clock import FakeClock
from tests.doubles.stream import StreamedTable
from tests.harness.events import checked
from tests.harness.ledger import STORED, again, queued, recording
from tests.harness.local import SMALL, LocalBench
from tests.harness.reading import a_folder, archived
from tests.harness.sealing import SealBench


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    with SqliteTable(tmp_path / "ledger.sqlite", journal="wal") as made:
        made.stream.switch(on=True)
        yield made


@pytest.fixture
def log(tmp_path: Path, table: SqliteTable) -> EventLog:
    return EventLog(tmp_path, table, "mine")


@pytest.fixture
def ledger(table: SqliteTable, clock: FakeClock) -> Ledger:
    return Ledger(table, source="acme", clock=clock)


def lines(root: Path) -> list[dict[str, Any]]:
    path = root / "events.jsonl"
    return (
        [checked(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )


def types(root: Path) -> list[str]:
    return [line["detail-type"] for line in lines(root)]


def test_a_run_writes_an_event_for_each_recording_that_it_archives_and_the_next_one_none(tmp_path: Path) -> None:
    with Babelforce(recordings=4, **SMALL) as simulator:
        bench = LocalBench(folder=tmp_path, sources={"acme": simulator}, archive="events = true")
        bench.run_here()
        found = [line for line in lines(bench.out) if line["detail-type"] == "Recording archived"]
        rows = bench.rows()
        assert {line["detail"]["recording_id"]: line["detail"]["sha256"] for line in found} == {
            id_: row["sha256"] for id_, row in rows.items()
        }
        assert {line["source"] for line in found} == {"recordings.bench"}
        assert (bench.out / "events.jsonl").stat().st_mode & 0o777 == 0o600
        before = len(lines(bench.out))
        bench.run_here()
        assert types(bench.out)[before:].count("Recording archived") == 0


def test_without_events_in_the_deployment_nothing_is_written_or_kept(tmp_path: Path) -> None:
    with Babelforce(recordings=1, **SMALL) as simulator:
        bench = LocalBench(folder=tmp_path, sources={"acme": simulator})
        bench.run_here()
    assert not (bench.out / "events.jsonl").exists()
    with SqliteTable(bench.out / ".archive" / "ledger.sqlite") as table:
        assert not table.stream.is_on


def test_switched_off_what_was_kept_is_written_and_no_more_is_kept(
    tmp_path: Path, table: SqliteTable, log: EventLog, ledger: Ledger
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    log.keep(on=False)
    assert types(tmp_path) == ["Recording archived"]
    ledger.mark_failed(queued(ledger, recording("2")), "no audio")
    assert log.deliver() == 0
    assert not table.stream.is_on


def a_life(table: Table, root: Path, clock: FakeClock) -> None:
    """Everything that makes an event of a recording or a day, and much that makes none."""
    bench = SealBench(table, FolderBucket(root), clock)
    ledger, holds = bench.ledger, Holds(table, source="acme", clock=clock)
    ledger.insert(recording("gone", readiness=Readiness.GONE), "schedule")
    ledger.mark_failed(queued(ledger, recording("failed")), "no audio")
    ledger.mark_rejected(queued(ledger, recording("rejected")), "html", due_in=timedelta(minutes=1))
    day = date(2026, 2, 1)
    bench.keep("kept", day)
    bench.keep("erased", day)
    holds.hold("kept", "A")
    holds.release("kept", "A")
    bench.seal({day: Listed(number=2, clean=True)})
    ledger.tombstones.bury("erased", day, "erased")
    ledger.erase("erased")
    entry = ledger.find("kept")
    assert entry is not None
    ledger.insert_transcript(entry, due_in=timedelta())
    ledger.restore(replace(entry, recording=recording("restored")))
    table.update("acme#told", put={"kind": "told", "source": "acme", "late": ["2026-02-01"], "announced_at": 1})
    table.update("acme#pace", put={"tat": 1})


def test_the_ledgers_own_stream_keeps_every_change_that_makes_an_event(
    tmp_path: Path, table: SqliteTable, clock: FakeClock
) -> None:
    streamed = StreamedTable(table)
    a_life(cast("Table", streamed), tmp_path / "archive", clock)
    wanted = [event.detail for each in streamed.records for event in events_of(change_in(each), bucket=None)]
    kept = table.stream.read(1000)
    changes = [Change(before=each.before, after=each.after, at=each.at) for each in kept]
    assert [event.detail for change in changes for event in events_of(change, bucket=None)] == wanted
    assert len(wanted) == 9
    assert len(kept) < len(streamed.records) / 2


def test_a_change_is_kept_under_its_time(table: SqliteTable, ledger: Ledger) -> None:
    before = datetime.now(UTC)
    ledger.mark_archived(queued(ledger), STORED)
    ledger.erase("rec-1")
    at = table.stream.read(10)[-1].at
    assert before - timedelta(seconds=1) <= at <= datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.parametrize("dies_after", ["nothing", "the line"])
def test_a_death_on_the_way_loses_no_event_and_may_write_one_twice(
    tmp_path: Path, log: EventLog, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, dies_after: str
) -> None:
    ledger.mark_archived(queued(ledger), STORED)

    target: Any = events_module if dies_after == "nothing" else Stream
    with monkeypatch.context() as dying:
        dying.setattr(target, "append_lines" if dies_after == "nothing" else "forget", _die)
        with pytest.raises(MemoryError):
            log.deliver()
    assert log.deliver() == 1
    found = lines(tmp_path)
    assert len(found) == (1 if dies_after == "nothing" else 2)
    assert len({line["detail"]["id"] for line in found}) == 1


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["archive", "fail", "deliver", "die before", "die after"]), max_size=12))
def test_whatever_dies_every_event_is_written_and_none_is_invented(
    tmp_path_factory: pytest.TempPathFactory, clock: FakeClock, steps: list[str]
) -> None:
    root = tmp_path_factory.mktemp("archive")
    happened: list[tuple[str, str]] = []
    with SqliteTable(root / "ledger.sqlite", journal="wal") as table, pytest.MonkeyPatch.context() as patch:
        table.stream.switch(on=True)
        log, ledger = EventLog(root, table, "mine"), Ledger(table, source="acme", clock=clock)
        for number, step in enumerate(steps):
            if step in ("archive", "fail"):
                ticket = queued(ledger, recording(str(number)))
                if step == "archive":
                    ledger.mark_archived(ticket, STORED)
                else:
                    ledger.mark_failed(ticket, "no audio")
                happened.append((f"Recording {'archived' if step == 'archive' else 'failed'}", str(number)))
                continue
            with patch.context() as dying:
                if step != "deliver":
                    target: Any = events_module if step == "die before" else Stream
                    dying.setattr(target, "append_lines" if step == "die before" else "forget", _die)
                with suppress(MemoryError):
                    log.deliver()
        log.deliver()
    assert {(line["detail-type"], line["detail"]["recording_id"]) for line in lines(root)} == set(happened)


def _die(*_: object) -> None:
    raise MemoryError


def test_a_line_that_a_power_cut_left_unfinished_does_not_swallow_the_next(
    tmp_path: Path, log: EventLog, ledger: Ledger
) -> None:
    (tmp_path / "events.jsonl").write_bytes(b'{"source": "recor')
    ledger.mark_archived(queued(ledger), STORED)
    log.deliver()
    cut, whole = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert cut == '{"source": "recor'
    assert checked(json.loads(whole))["detail"]["recording_id"] == "rec-1"


def test_what_is_past_its_term_goes_without_an_event(
    tmp_path: Path, table: SqliteTable, log: EventLog, ledger: Ledger, clock: FakeClock
) -> None:
    bucket = FolderBucket(tmp_path / "archive")
    SealBench(table, bucket, clock).keep("old", date(2026, 2, 1))
    (found,) = expired(SqliteBooks(table), "acme", 1, clock.now() + timedelta(days=400))
    remove(table, bucket, found, None)
    assert table.get("acme#recording#old") is None
    log.deliver()
    assert types(tmp_path) == ["Recording archived"]


def test_verbs_that_hold_release_and_erase_write_their_events_and_an_erased_id_leaves_every_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "archive"
    archive = a_folder(root, "acme")
    archive.table.stream.switch(on=True)
    archived(archive, "one")
    archived(archive, "two")

    def run(*words: str) -> int:
        return main([*words, "-a", str(root)])

    assert run("hold", "--case", "A", "--reason", "order", "one") == 0
    assert types(root) == ["Recording archived", "Recording archived", "Hold placed"]
    assert run("release", "--case", "A", "--reason", "over", "--confirm", "1") == 0
    assert run("erase", "--basis", "gdpr-17", "--ticket", "ABC-12", "one", "--confirm", "1") == 0
    assert types(root)[3:] == ["Hold released", "Recording erased"]
    about = [line["detail"] for line in lines(root) if line["detail"]["recording"] == digest_of("acme", "one")]
    assert len(about) == 4
    assert {detail["recording_id"] for detail in about} == {digest_of("acme", "one"), None}
    for path in (root / "events.jsonl", root / ".archive" / "ledger.sqlite"):
        assert b"one.wav" not in path.read_bytes()
        assert b'"one"' not in path.read_bytes()


def test_an_item_that_is_due_again_is_told_when_it_fails_once_more(
    tmp_path: Path, log: EventLog, ledger: Ledger, clock: FakeClock
) -> None:
    ledger.mark_failed(queued(ledger), "no audio")
    log.deliver()
    clock.advance(timedelta(minutes=1))
    assert ledger.note_change(recording(size_bytes=10))
    ledger.mark_failed(again(ledger), "no audio")
    log.deliver()
    assert types(tmp_path) == ["Recording failed"] * 2
