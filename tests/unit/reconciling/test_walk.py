"""The daily comparison finds what is missing and says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from functions.archiver.entry import State
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.terms import WHILE_UNDECIDED
from functions.archiver.ledger.totals import Totals
from functions.archiver.reconciling.walk import EVERY, Reconciled
from functions.archiver.recording import Window
from tests.doubles.aws import Aws, s3
from tests.doubles.aws_calls import refused
from tests.doubles.clock import NOON, FakeClock
from tests.harness.reconciling import DAY, REPORT, ReconcilerBench, row


def test_what_the_archive_misses_is_inserted_and_goes_into_the_lanes(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("known", 3), row("missed", 2)]
    bench.intake.take([row("known", 3)], "schedule")
    done = bench.reconcile()
    assert done.findings is not None
    assert done.findings.new == 1
    assert {e.recording.id: e.discovered_by for e in bench.ledger.everything()} == {
        "known": "schedule",
        "missed": "reconcile",
    }
    assert bench.states()["missed"] is State.QUEUED


def test_only_the_last_days_are_listed_and_never_before_the_start(bench: ReconcilerBench) -> None:
    bench.span, bench.start = 7 * DAY, NOON - 5 * DAY
    bench.reconcile()
    assert min(asked.window.start for asked in bench.provider.asked) == bench.start
    assert max(asked.window.end for asked in bench.provider.asked) == NOON - timedelta(minutes=15)
    assert bench.aws.table.delete("acme#reconciler", when=Exists("pk"))
    bench.start = NOON - 30 * DAY
    bench.provider.asked.clear()
    bench.reconcile()
    assert min(asked.window.start for asked in bench.provider.asked) == (NOON - 7 * DAY).replace(hour=0)


def test_there_is_one_report_a_day_however_often_it_is_asked_for(bench: ReconcilerBench, clock: FakeClock) -> None:
    assert bench.reconcile().report == REPORT
    asked = len(bench.provider.asked)
    clock.advance(EVERY - timedelta(minutes=1))
    assert replace(bench.reconcile(), sealed_until=None) == Reconciled()
    assert len(bench.provider.asked) == asked
    clock.advance(timedelta(minutes=1))
    assert bench.reconcile().report == "reports/source=acme/date=2026-03-05/reconciliation.json"


def test_a_span_too_long_for_one_invocation_goes_on_in_the_next_and_the_report_comes_last(
    bench: ReconcilerBench, clock: FakeClock
) -> None:
    bench.provider.rows = [row(f"rec-{number:02}", 6.5 - number / 10) for number in range(60)]
    done, runs = Reconciled(), 0
    while done.report is None:
        bench.stop_after(pages=4)
        done, runs = bench.reconcile(), runs + 1
        clock.advance(timedelta(minutes=15))
        assert runs < 30
        assert (REPORT in keys(bench.aws)) is (done.report is not None)
    assert runs > 2
    assert sum(day["listed"] for day in bench.aws.document(REPORT)["days"]) == 60
    assert len(bench.ids()) == 60


def keys(aws: Aws) -> list[str]:
    return [found["Key"] for found in s3().list_objects_v2(Bucket=aws.bucket).get("Contents", [])]


def test_a_second_reconciler_does_nothing_while_the_first_is_at_work(bench: ReconcilerBench, clock: FakeClock) -> None:
    other = ReconcilerBench(bench.aws, clock)
    seen: list[Reconciled] = []
    bench.provider.before = lambda number: seen.append(other.reconcile()) if not seen else None
    assert bench.reconcile().report == REPORT
    assert seen == [Reconciled()]
    assert other.provider.asked == []


def test_how_long_the_provider_keeps_recordings_is_asked_once_a_day_and_its_last_answer_kept(
    bench: ReconcilerBench, clock: FakeClock
) -> None:
    bench.reconcile()
    assert bench.ledger.retention() == 30 * DAY
    bench.retention = None
    clock.advance(DAY)
    assert bench.reconcile().report is not None
    assert bench.ledger.retention() == 30 * DAY


@pytest.mark.parametrize("operation", ["s3.PutObject", "s3.ListObjectVersions", "dynamodb.Query", "dynamodb.GetItem"])
def test_a_report_that_could_not_be_written_anew_keeps_nobody_else_out(
    bench: ReconcilerBench, clock: FakeClock, operation: str
) -> None:
    bench.reconcile()
    with refused(operation, 503, "SlowDown"), pytest.raises(ArchiveTrouble):
        bench.report_again()
    assert bench.report_again().report == REPORT


# what a report may say of a day that was listed in part


def days_of(bench: ReconcilerBench, done: Reconciled) -> dict[str, dict[str, Any]]:
    assert done.report is not None
    return {day["date"]: day for day in bench.aws.document(done.report)["days"]}


@pytest.mark.parametrize("minutes", [1, 5, 14])
def test_a_day_that_was_not_over_when_it_was_listed_is_not_complete(
    bench: ReconcilerBench, clock: FakeClock, minutes: int
) -> None:
    """A listing ends a quarter of an hour ago, which right after midnight is yesterday."""
    clock.moment = NOON.replace(hour=0, minute=minutes)
    bench.provider.rows = [row("rec", 1.0)]
    bench.reconcile()
    bench.archive_all()
    days = days_of(bench, bench.report_again())
    assert {name: days[name]["state"] for name in ("2026-03-02", "2026-03-03", "2026-03-04")} == {
        "2026-03-02": "complete",
        "2026-03-03": "today",
        "2026-03-04": "today",
    }


def test_a_walk_that_took_until_the_next_day_says_nothing_final_of_the_day_it_was_begun_on(
    bench: ReconcilerBench, clock: FakeClock
) -> None:
    bench.provider.rows = [row(f"rec-{number:02}", 6.5 - number / 10) for number in range(60)]
    bench.stop_after(pages=4)
    assert bench.reconcile().report is None
    bench.stop_after(pages=None)
    clock.advance(2 * DAY)
    done = bench.reconcile()
    states = {name: day["state"] for name, day in days_of(bench, done).items()}
    assert (states["2026-03-04"], states["2026-03-05"], states["2026-03-06"]) == ("today", "today", "today")
    assert max(done.days) == date(2026, 3, 3)


@pytest.mark.parametrize(("since", "until"), [(11.75, 10.25), (11.25, 10.75), (11.0, 10.9)])
def test_of_a_span_that_is_asked_for_whole_days_are_listed(bench: ReconcilerBench, since: float, until: float) -> None:
    """A span by another zone's days, or up to this moment, begins and ends within a day of UTC."""
    bench.provider.rows = [row(f"rec-{number}", 12.5 - number / 8) for number in range(24)]
    done = bench.reconcile(Window(start=NOON - since * DAY, end=NOON - until * DAY))
    listed = {name: day["listed"] for name, day in days_of(bench, done).items()}
    whole = Counter(each.recorded_at.date().isoformat() for each in bench.provider.rows if each.recorded_at)
    assert listed == {name: whole[name] for name in listed}


def test_a_sealed_day_that_a_span_only_touches_keeps_its_seal(bench: ReconcilerBench) -> None:
    day = archived_long_ago(bench, "older", 11.25)
    bench.provider.rows = [row("older", 11.25)]
    bench.reconcile(Window(start=NOON - 12 * DAY, end=NOON - 10 * DAY))
    again = bench.reconcile(Window(start=NOON - 11.1 * DAY, end=NOON - 10 * DAY))
    assert [each.statement.listed for each in again.sealed if each.statement.day == day] == []


@pytest.mark.parametrize("later", [1 * DAY, 9 * DAY, 15 * DAY, 25 * DAY])
def test_a_span_that_was_begun_before_the_start_was_moved_does_not_take_the_place_of_the_daily_report(
    bench: ReconcilerBench, clock: FakeClock, later: timedelta
) -> None:
    bench.start = NOON - 30 * DAY
    bench.provider.rows = [row(f"rec-{number:03}", 25 - number / 10) for number in range(100)]
    bench.stop_after(pages=2)
    assert bench.reconcile(Window(start=NOON - 26 * DAY, end=NOON - 14 * DAY)).report is None
    bench.stop_after(pages=None)
    bench.start += later
    done = []
    for _ in range(2):
        clock.advance(timedelta(hours=1))
        done.append(bench.reconcile().report)
    assert REPORT in done


@pytest.mark.parametrize("later", [3, 8, 12])
def test_days_that_a_moved_start_leaves_out_do_not_keep_the_days_after_them_from_being_sealed(
    bench: ReconcilerBench, clock: FakeClock, later: int
) -> None:
    """Else each round would list everything again since the new start, and one day more each time."""
    bench.start = NOON - 9 * DAY
    bench.provider.rows = [row("first", 8)]
    bench.reconcile()
    clock.advance(20 * DAY)
    bench.start += (9 + later) * DAY
    bench.provider.rows = [row("last", -18)]
    until = bench.reconcile().sealed_until
    assert until == (clock.now() - 7 * DAY).date()
    bench.provider.asked.clear()
    clock.advance(DAY)
    bench.reconcile()
    assert min(asked.window.start for asked in bench.provider.asked) >= clock.now() - 8 * DAY


# spans that a person asks for, totals, and the page


def test_a_span_that_is_asked_for_has_a_report_of_its_own(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("old", 20)]
    bench.reconcile()
    assert bench.ledger.find("old") is None
    done = bench.reconcile(Window(start=NOON - 21 * DAY, end=NOON - 19 * DAY))
    assert done.report == "reports/source=acme/date=2026-03-04/reconciliation-2026-02-11-2026-02-13.json"
    days = {day["date"]: day["listed"] for day in bench.aws.document(done.report)["days"]}
    assert days == {"2026-02-11": 0, "2026-02-12": 1, "2026-02-13": 0}
    assert bench.ledger.find("old") is not None
    assert bench.aws.document(REPORT)["days"][0]["date"] > "2026-02-13"


def test_a_report_leaves_totals_of_its_days_and_of_days_before_them(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("new", 1)]
    bench.start, bench.listed_until = NOON - 20 * DAY, NOON - 9 * DAY
    bench.ledger.insert(row("older", 11), "schedule")
    bench.reconcile()
    uncounted = {day for day, _ in Totals(bench.aws.table, source="acme").uncounted(bench.start.date(), NOON.date())}
    assert uncounted == {(NOON - n * DAY).date() for n in (1, 8, 9, 11)}


def archived_long_ago(bench: ReconcilerBench, id_: str, days_ago: float) -> date:
    """As the lister and the downloader leave a recording that no reconciler has seen yet."""
    bench.start, bench.listed_until = NOON - 20 * DAY, NOON
    ticket = bench.ledger.insert_queued(row(id_, days_ago), "schedule")
    assert ticket is not None
    bench.archive(ticket)
    return (NOON - days_ago * DAY).date()


def by_a_span(bench: ReconcilerBench) -> None:
    bench.reconcile(Window(start=NOON - 12 * DAY, end=NOON - 10 * DAY))


def by_sealing(bench: ReconcilerBench) -> None:
    bench.reconciler().run(seal=((NOON - 12 * DAY).date(), (NOON - 10 * DAY).date()))


@pytest.mark.parametrize("finds", [by_a_span, by_sealing])
@pytest.mark.parametrize("known", [True, False])
def test_what_a_person_has_listed_again_is_counted_and_gets_its_term(
    bench: ReconcilerBench, clock: FakeClock, finds: Callable[[ReconcilerBench], None], known: bool
) -> None:
    bench.start, bench.listed_until, bench.term_days = NOON - 20 * DAY, NOON, 25
    if known:
        archived_long_ago(bench, "known", 11)
    bench.reconcile()
    bench.provider.rows = [row("late", 11)]
    finds(bench)
    bench.archive_all()
    clock.advance(WHILE_UNDECIDED)
    bench.reconcile()
    day = (NOON - 11 * DAY).date()
    assert Totals(bench.aws.table, source="acme").archived(day, day) == 1 + known
    assert "expires_at" in (bench.aws.item("acme#recording#late") or {})


def test_a_day_that_had_left_the_window_before_the_first_reconcile_is_sealed_as_unknown(bench: ReconcilerBench) -> None:
    day = archived_long_ago(bench, "older", 11)
    (seal,) = [each for each in bench.reconcile().sealed if each.statement.day == day]
    assert (seal.statement.archived, seal.statement.listed, seal.statement.complete) == (1, None, "unknown")
    assert [each for each in bench.reconcile().sealed if each.statement.day == day] == []


def test_a_day_on_which_something_still_waits_is_sealed_when_that_is_done(bench: ReconcilerBench) -> None:
    day = archived_long_ago(bench, "older", 11)
    ticket = bench.ledger.insert_queued(row("slower", 11), "schedule")
    assert ticket is not None
    assert day not in {each.statement.day for each in bench.reconcile().sealed}
    bench.archive(ticket)
    (seal,) = [each for each in bench.reconcile().sealed if each.statement.day == day]
    assert seal.statement.archived == 2


def test_a_day_that_somebody_has_reconciled_first_after_it_left_the_window_is_sealed(bench: ReconcilerBench) -> None:
    day = archived_long_ago(bench, "older", 11)
    bench.listed_until = None
    bench.provider.rows = [row("older", 11)]
    done = bench.reconcile(Window(start=NOON - 12 * DAY, end=NOON - 10 * DAY))
    (seal,) = [each for each in done.sealed if each.statement.day == day]
    assert (seal.statement.listed, seal.statement.complete) == (1, True)


def test_a_day_of_which_something_was_erased_is_sealed_again_by_the_next_run(
    bench: ReconcilerBench, clock: FakeClock
) -> None:
    day = archived_long_ago(bench, "older", 11)
    bench.reconcile()
    bench.ledger.tombstones.bury("older", day, "erased")
    assert bench.ledger.erase("older")
    for version in list(bench.store.bucket.versions(f"audio/source=acme/date={day}/")):
        bench.store.bucket.delete(version.key, version_id=version.version_id)
    Totals(bench.aws.table, source="acme").forget(day, day)
    clock.advance(timedelta(hours=1))
    (seal,) = bench.reconcile().sealed
    assert (seal.statement.day, seal.statement.archived, seal.statement.erased, seal.standing.number) == (day, 0, 1, 2)
