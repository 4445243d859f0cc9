"""What is deleted at the source, and everything that keeps it from being deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from functions.archiver.entry import State
from functions.archiver.errors import Closed, Gone, NotFound, NotReady, Rejected, Throttled, Unauthorized, Unavailable
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.object_keys import digest_of
from functions.archiver.recording import Readiness, Recording
from tests.doubles.vault import Vault
from tests.harness.sealing import SOURCE
from tests.harness.sweeping import AFTER, SweepBench

DAY = date(2026, 3, 4)
ONE_DAY = timedelta(days=1)


def untouched(bench: SweepBench) -> bool:
    return bench.provider.deletions == [] and bench.listed() == ["a", "b"]


def test_what_is_archived_verified_sealed_locked_and_old_enough_goes_and_leaves_its_proof(ready: SweepBench) -> None:
    done = ready.round()
    assert (done.deleted, done.gone, done.left, done.stopped) == (2, 0, {}, None)
    assert ready.listed() == []
    entry = ready.entry("a")
    assert (entry.state, entry.deleting_since) == (State.ARCHIVED, None)
    assert entry.deleted_at_source
    assert entry.story[-1][1] == "deleted at source"
    before, after = ready.records()
    proof = before["deletions"][0]
    (seal,) = ready.seals(DAY)
    assert proof["recording"] == digest_of(SOURCE, "a")
    assert proof["seal"] == {"key": seal.key, "sequence": 1, "sha256": seal.sha256}
    assert proof["name"] in {line.name for line in seal.statement.lines}
    assert proof["checksum"] == f"sha256 {entry.stored.sha256 if entry.stored else ''}"
    assert proof["locked_until"]
    assert after["deletions"] == [{"recording": digest_of(SOURCE, id_), "result": "deleted"} for id_ in ("a", "b")]
    assert '"a"' not in json.dumps([before, after]), "a record names nobody"


def test_the_first_round_is_a_rehearsal_that_says_what_would_go(bench: SweepBench) -> None:
    bench.ripe(DAY, "a", "b")
    done = bench.round()
    assert (done.rehearsal, done.deleted, done.eligible) == (True, 0, 2)
    assert untouched(bench)
    assert bench.records() == []
    assert bench.round().deleted == 2


def test_a_round_is_a_rehearsal_where_somebody_asks_for_one(ready: SweepBench) -> None:
    done = ready.go_on(rehearse=True)
    assert (done.rehearsal, done.eligible, done.deleted) == (True, 2, 0)
    assert untouched(ready)


def test_a_rehearsal_that_stopped_is_rehearsed_again(bench: SweepBench) -> None:
    bench.ripe(DAY, "a", "b")
    Integrity(bench.table, source=SOURCE, clock=bench.clock).mark_absent("b", "gone")
    assert bench.round().stopped
    Integrity(bench.table, source=SOURCE, clock=bench.clock).mark_sound("b", "there again")
    assert bench.round().rehearsal
    assert not bench.round().rehearsal


def test_a_day_has_one_round(ready: SweepBench) -> None:
    hold(ready)
    assert ready.round().deleted == 1
    ready.holds.release("b", "Meyer")
    ready.fake.advance(timedelta(hours=5))
    ready.go_on()
    assert ready.listed() == ["b"]
    ready.round()
    assert ready.listed() == []


def test_what_went_is_never_asked_for_again(ready: SweepBench) -> None:
    ready.round()
    ready.round()
    ready.round()
    assert len(ready.provider.deletions) == 2


# what stays for now


def hold(bench: SweepBench) -> None:
    bench.holds.hold("b", "Meyer")


def hold_in_the_bucket(bench: SweepBench) -> None:
    assert isinstance(bench.bucket, Vault)
    bench.bucket.held.add(f"audio/source={SOURCE}/date={DAY}/b.wav")


def unlock(bench: SweepBench) -> None:
    assert isinstance(bench.bucket, Vault)
    bench.bucket.unlocked.add(f"audio/source={SOURCE}/date={DAY}/b.wav")


def state(name: str) -> Callable[[SweepBench], None]:
    def change(bench: SweepBench) -> None:
        bench.table.update(f"{SOURCE}#recording#b", put={"state": name})

    return change


def expire(bench: SweepBench) -> None:
    past = int((bench.clock.now() - ONE_DAY).timestamp())
    bench.table.update(f"{SOURCE}#recording#b", put={"expires_at": past})


def archive_late(bench: SweepBench) -> None:
    """Its line in the seal is as young."""
    bench.table.update(f"{SOURCE}#recording#b", put={"archived_at": bench.clock.now().isoformat()})


STAYS: dict[str, tuple[Callable[[SweepBench], None], str]] = {
    "on hold": (hold, "held"),
    "on hold in the bucket alone": (hold_in_the_bucket, "held"),
    "not locked": (unlock, "not locked"),
    "quarantined": (state("quarantined"), "not archived"),
    "failed": (state("failed"), "not archived"),
    "pending": (state("pending"), "not archived"),
    "archived lately": (archive_late, "waiting"),
}


@pytest.mark.parametrize("what", STAYS)
def test_one_recording_stays_and_the_other_goes(ready: SweepBench, what: str) -> None:
    change, why = STAYS[what]
    change(ready)
    done = ready.round()
    assert (done.deleted, done.left, done.stopped) == (1, {why: 1}, None)
    assert ready.listed() == ["b"]


def test_a_recording_past_its_term_is_not_asked_for(ready: SweepBench) -> None:
    expire(ready)
    assert ready.round().deleted == 1
    assert ready.listed() == ["b"]


def test_a_recording_that_was_archived_behind_its_seal_waits_for_the_next_one(bench: SweepBench) -> None:
    bench.ripe(DAY, "a")
    bench.archived(DAY, "b")
    bench.at(DAY + AFTER + ONE_DAY)
    bench.rehearsed()
    done = bench.round()
    assert (done.deleted, done.left) == (1, {"not in the seal of its day": 1})


@pytest.mark.parametrize("sealed", [True, False])
def test_a_day_that_is_not_sealed_as_complete_stays(bench: SweepBench, sealed: bool) -> None:
    bench.archived(DAY, "a", "b")
    if sealed:
        bench.sealed(DAY, clean=False)
    else:
        bench.ripe(DAY - ONE_DAY, "c")
    bench.at(DAY + AFTER + ONE_DAY)
    bench.rehearsed()
    done = bench.round()
    assert done.left == {"day not sealed as complete" if sealed else "day not sealed": 2}
    assert {"a", "b"} <= set(bench.listed())


# how the source answers


def test_a_404_without_an_earlier_request_says_that_the_source_lost_it_by_itself(ready: SweepBench) -> None:
    ready.provider.answers["a"] = NotFound("404")
    done = ready.round()
    assert (done.deleted, done.gone) == (1, 1)
    assert (ready.entry("a").gone_at_source is not None, ready.entry("a").deleted_at_source) == (True, None)
    assert ready.records()[-1]["deletions"][0]["result"] == "gone"


@pytest.mark.parametrize("lost", [Unavailable("reset"), Throttled("429", retry_after=1.0)])
def test_a_404_after_a_request_whose_answer_was_lost_is_our_own_doing(ready: SweepBench, lost: Any) -> None:
    ready.provider.deaf["a"] = lost
    done = ready.round()
    assert (done.deleted, done.ended_at) == (0, None)
    assert ready.entry("a").deleting_since
    assert [each["result"] for each in ready.records()[-1]["deletions"]] == ["unknown", "unknown"]
    ready.fake.advance(timedelta(hours=1))
    done = ready.go_on()
    assert (done.deleted, done.gone, done.ended_at is not None) == (2, 0, True)
    assert ready.entry("a").deleted_at_source


@pytest.mark.parametrize("answer", [Rejected("answered with 403"), Unauthorized("401")])
def test_a_refusal_stops_the_round_and_leaves_the_source_open_for_everybody_else(
    ready: SweepBench, answer: Any
) -> None:
    ready.provider.answers["a"] = answer
    done = ready.round()
    assert done.stopped
    assert "refuses" in done.stopped
    assert ready.provider.deletions == ["a"]
    assert ready.sweeper().pace.gate().closed_until is None


def test_what_is_said_to_be_deleted_and_is_still_listed_stops_the_next_round(ready: SweepBench) -> None:
    ready.provider.keeps |= {"a", "b"}
    assert ready.round().deleted == 2
    ready.archived(DAY, "c")
    ready.sealed(DAY)
    ready.at(DAY + 2 * AFTER)
    done = ready.round()
    assert done.stopped
    assert "still lists" in done.stopped
    assert len(ready.provider.deletions) == 2
    ready.provider.rows = [replace(row, readiness=Readiness.GONE) for row in ready.provider.rows]
    assert ready.round().stopped is None


def test_a_list_that_shows_the_deleted_for_a_while_proves_nothing(ready: SweepBench) -> None:
    ready.provider.declares(deletes="file", lists_deleted=True)
    ready.provider.keeps |= {"a", "b"}
    assert ready.round().deleted == 2
    assert ready.round().stopped is None


@pytest.mark.parametrize("trouble", [Unavailable("503"), Throttled("429"), Closed("later", until=datetime.max)])
def test_a_source_in_trouble_is_left_alone_and_the_round_goes_on_later(ready: SweepBench, trouble: Any) -> None:
    if isinstance(trouble, Closed):
        trouble = Closed("later", until=ready.clock.now())
    ready.provider.trouble = trouble
    done = ready.round()
    assert (done.ended_at, done.stopped, ready.provider.deletions) == (None, None, [])
    ready.provider.trouble = None
    ready.fake.advance(timedelta(hours=1))
    assert ready.go_on().deleted == 2


def test_a_paused_source_is_not_asked(ready: SweepBench) -> None:
    paused = {"by": "me", "reason": "moving"}
    ready.table.update(f"{SOURCE}#pace", put={"paused": paused, "paused_until": 4_000_000_000_000})
    done = ready.round()
    assert done.ended_at is None
    assert untouched(ready)


# several at once


def test_several_go_in_one_request_and_what_its_answer_leaves_is_asked_for_alone(ready: SweepBench) -> None:
    ready.provider.declares(deletes="file", deletes_many=True)
    ready.provider.rows = [row for row in ready.provider.rows if row.id != "b"]
    done = ready.round()
    assert ready.provider.deletions == ["a+b", "b"]
    assert done.deleted == 2, "it may have been ours: the first request named it"


def test_a_whole_call_goes_in_one_request_once_all_of_it_is_ripe(bench: SweepBench) -> None:
    bench.provider.declares(deletes="call")
    bench.ripe(DAY, "a", "b", call_id="call")
    bench.rehearsed()
    assert bench.round().deleted == 2
    assert bench.provider.deletions == ["call"]
    assert bench.entry("b").deleted_at_source


@pytest.mark.parametrize("held", ["a", "b", "c"])
def test_of_a_call_that_was_not_asked_for_in_the_end_nothing_counts_as_asked_for(
    bench: SweepBench, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    """Else what the source loses by itself later would be recorded as deleted by us."""
    bench.provider.declares(deletes="call")
    bench.ripe(DAY, "a", "b", "c", call_id="call")
    bench.rehearsed()
    put_new = bench.bucket.put_new

    def put_and_hold(key: str, *given: Any, **named: Any) -> str | None:
        bench.holds.hold(held, "case")  # after it was proven, and before it is asked for
        return put_new(key, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(bench.bucket, "put_new", put_and_hold)
        bench.round()
    assert bench.provider.deletions == []
    assert [id_ for id_ in "abc" if bench.entry(id_).deleting_since] == []
    bench.holds.release(held, "case")
    bench.provider.rows.clear()
    done = bench.round()
    assert (done.deleted, done.gone) == (0, 3)


def add_a_file(bench: SweepBench) -> None:
    at = datetime.fromisoformat(f"{DAY + ONE_DAY}T00:10:00+00:00")
    bench.provider.rows.append(Recording(id="c", call_id="call", recorded_at=at))


HINDERS = (hold, hold_in_the_bucket, unlock, state("failed"), add_a_file, archive_late, expire)


@pytest.mark.parametrize("change", HINDERS)
def test_a_whole_call_stays_where_one_file_of_it_has_to(
    bench: SweepBench, change: Callable[[SweepBench], None]
) -> None:
    bench.provider.declares(deletes="call")
    bench.ripe(DAY, "a", "b", call_id="call")
    bench.rehearsed()
    change(bench)
    done = bench.round()
    assert (done.deleted, bench.provider.deletions) == (0, [])
    assert done.left
    assert {"a", "b"} <= set(bench.listed())


@pytest.mark.parametrize("clean", [None, False, True], ids=["not sealed", "incomplete", "complete"])
def test_a_call_over_midnight_goes_once_both_its_days_are_sealed_as_complete(
    bench: SweepBench, clean: bool | None
) -> None:
    bench.provider.declares(deletes="call")
    bench.archived(DAY, "a", call_id="call")
    bench.archived(DAY + ONE_DAY, "b", call_id="call")
    bench.sealed(DAY)
    if clean is not None:
        bench.sealed(DAY + ONE_DAY, clean=clean)
    bench.at(DAY + AFTER + 2 * ONE_DAY)
    bench.rehearsed()
    done = bench.round()
    assert (done.deleted, done.stopped) == (2 if clean else 0, None)
    assert bench.listed() == ([] if clean else ["a", "b"])


def test_files_of_a_call_that_the_source_has_deleted_do_not_hinder_the_rest(bench: SweepBench) -> None:
    bench.provider.declares(deletes="call")
    bench.ripe(DAY, "a", "b", call_id="call")
    bench.rehearsed()
    bench.provider.rows = [
        replace(row, readiness=Readiness.GONE) if row.id == "b" else row for row in bench.provider.rows
    ]
    bench.provider.answers["a"] = Gone("410")
    assert bench.round().gone == 2


def test_a_call_that_the_source_cannot_describe_yet_stays_and_stops_nothing(bench: SweepBench) -> None:
    bench.provider.declares(deletes="call")
    bench.ripe(DAY, "a", "b", call_id="call")
    bench.rehearsed()
    bench.provider.unknown_calls["call"] = NotReady("the call has no file yet")
    done = bench.round()
    assert (done.deleted, done.stopped, done.left) == (0, None, {"goes only with others": 2})


@pytest.mark.parametrize("change", [hold, unlock, state("failed")])
def test_channels_that_have_one_date_of_deletion_stay_together(
    bench: SweepBench, change: Callable[[SweepBench], None]
) -> None:
    """As Genesys deletes: the first channel has the recording's own id."""
    bench.provider.deleted_with = lambda recording: "a"  # type: ignore[method-assign]  # one call of two files
    bench.ripe(DAY, "a", "b")
    bench.rehearsed()
    change(bench)
    assert bench.round().deleted == 0
    assert bench.provider.deletions == []


# how much


def test_no_round_deletes_more_than_twice_the_mean_of_a_week_and_at_least_ten(bench: SweepBench) -> None:
    bench.ripe(DAY, *(f"{number:02}" for number in range(25)))
    bench.rehearsed()
    done = bench.round()
    assert (done.limit, done.deleted, done.eligible) == (10, 10, 15)
    week = {bench.clock.now().date() - number * ONE_DAY: {"archived": 3} for number in range(8)}
    bench.totals_kept(week)
    assert bench.round().limit == 10
    bench.totals_kept({day + ONE_DAY: {"archived": 28} for day in week})
    assert bench.round().deleted == 5


def test_time_that_is_up_ends_the_run_and_the_next_one_goes_on(ready: SweepBench) -> None:
    left = iter([100.0, 100.0, 0.0])
    ready.seconds_left = lambda: next(left, 0.0)
    ready.fake.advance(ONE_DAY)
    done = ready.go_on()
    assert (done.deleted, done.ended_at) == (1, None)
    ready.seconds_left = lambda: 100.0
    ready.fake.advance(timedelta(hours=1))
    done = ready.go_on()
    assert (done.deleted, done.ended_at is not None) == (2, True)
