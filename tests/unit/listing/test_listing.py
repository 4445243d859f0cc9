"""Windows close late and only when clean, whatever happens between two pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.archiver.entry import State
from functions.archiver.errors import TooLarge
from functions.archiver.listing.listing import NARROWEST, RECENT, WIDEST
from functions.archiver.recording import Call, Readiness
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.provider_in_memory import ProviderInMemory
from tests.harness.listing import DAY, HOUR, MINUTE, Bench, row, rows


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> Bench:
    return Bench(aws, clock)


def test_everything_in_the_past_is_found_once(bench: Bench) -> None:
    bench.provider.rows = rows(23, since=20 * DAY)
    assert bench.run().new == 23
    assert bench.ids() == {recording.id for recording in bench.provider.rows}
    assert bench.forward().position == NOON - RECENT


def test_windows_are_walked_oldest_first_without_a_gap(bench: Bench) -> None:
    bench.provider.rows = rows(40, since=29 * DAY)
    bench.run()
    windows = bench.windows_after(bench.overlap)
    assert windows[0].start == bench.start
    assert windows[-1].end == NOON - RECENT
    assert len(windows) > 1
    assert all(later.start in (earlier.start, earlier.end) for earlier, later in pairwise(windows))


def test_nothing_before_the_start_is_asked_for(bench: Bench) -> None:
    bench.start = NOON - 5 * MINUTE
    bench.run()
    assert {asked.window.start for asked in bench.provider.asked} == {bench.start}


def test_the_last_quarter_of_an_hour_is_read_at_every_tick_and_never_closed(bench: Bench, clock: FakeClock) -> None:
    for number in range(3):
        bench.provider.rows.append(row(f"rec-{number}", MINUTE - number * 2 * MINUTE))
        assert bench.run().new == 1
        assert bench.provider.asked[0].window.start == clock.now() - RECENT
        assert bench.provider.asked[0].window.end == clock.now()
        assert bench.forward().position == clock.now() - RECENT
        bench.provider.asked.clear()
        clock.advance(2 * MINUTE)


def test_a_row_that_appears_late_but_within_the_overlap_is_found_within_an_hour(bench: Bench, clock: FakeClock) -> None:
    bench.run()
    bench.provider.rows.append(row("late", bench.overlap - HOUR))
    clock.advance(HOUR - MINUTE)
    assert bench.run().new == 0
    clock.advance(MINUTE)
    assert bench.run().new == 1


def test_an_unfinished_row_is_pending_at_once_and_hurried_when_it_is_listed_ready(
    bench: Bench, clock: FakeClock
) -> None:
    bench.provider.rows = [row("call", MINUTE, readiness=Readiness.NOT_READY)]
    assert bench.run().new == 1
    assert bench.states() == {"call": State.PENDING}
    assert bench.ledger.due.waiting(9) == []
    clock.advance(timedelta(seconds=10))
    bench.provider.rows = [row("call", MINUTE)]
    assert bench.run().new == 0
    assert len(bench.ledger.due.waiting(9)) == 1


def test_listed_calls_are_noted_for_a_look_up(bench: Bench) -> None:
    bench.provider.calls = [Call(call_id="call-1", recorded_at=NOON - MINUTE)]
    bench.run()
    assert bench.ledger.known_calls(["call-1"]) == {"call-1"}


@pytest.mark.parametrize("by_token", [False, True])
def test_a_window_of_several_pages_closes_only_after_a_pass_that_finds_nothing_new(
    bench: Bench, by_token: bool
) -> None:
    bench.one_window(ProviderInMemory(rows(25, since=10 * HOUR), by_token=by_token))
    bench.run_walk()
    assert [asked.cursor is None for asked in bench.provider.asked] == [True, False, False] * 2
    assert bench.forward().finished


@pytest.mark.parametrize(("name", "passes"), [("forward", 2), ("overlap", 1)])
def test_a_window_of_several_pages_that_is_read_for_good_needs_two_passes_even_if_all_is_known(
    bench: Bench, name: str, passes: int
) -> None:
    provider = bench.one_window(ProviderInMemory(rows(25, since=10 * HOUR)))
    bench.knows(provider.rows)
    bench.run_walk(name=name)
    assert len(provider.asked) == 3 * passes


def test_a_window_of_one_page_is_read_once(bench: Bench) -> None:
    bench.one_window(ProviderInMemory(rows(10, since=10 * HOUR)))
    bench.run_walk()
    assert len(bench.provider.asked) == 1
    assert bench.forward().finished


def test_rows_that_expire_between_two_pages_hide_no_others(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(30, since=10 * HOUR)))

    def expire(number: int) -> None:
        if number == 2:
            del provider.rows[:5]

    provider.before = expire
    bench.run_walk()
    assert bench.ids() >= {recording.id for recording in provider.rows}
    assert bench.forward().finished


def test_rows_that_arrive_during_the_second_pass_ask_for_a_third(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(25, since=10 * HOUR)))

    def arrive(number: int) -> None:
        if number == 5:
            provider.rows += rows(2, since=2 * HOUR, until=HOUR, name="late")

    provider.before = arrive
    bench.run_walk()
    assert bench.ids() == {recording.id for recording in provider.rows}
    assert len(provider.asked) == 9


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_comes_and_goes_while_a_window_is_read_first_nothing_that_stays_is_missed(
    aws: Aws, data: st.DataObject
) -> None:
    """Were a row hidden from two readings in a row, the overlap would have to find it."""
    bench = Bench(aws, FakeClock(), fresh_source=True)
    stays = rows(data.draw(st.integers(1, 14)), since=10 * HOUR)
    passing = rows(5, since=10 * HOUR, name="passing")
    by_token = data.draw(st.booleans())
    provider = bench.one_window(ProviderInMemory([*stays, *passing], page_size=3, by_token=by_token))

    def change(number: int) -> None:
        if sum(asked.cursor is None for asked in provider.asked) == 1:
            provider.rows = [*stays, *data.draw(st.lists(st.sampled_from(passing), unique_by=lambda r: r.id))]

    provider.before = change
    bench.run_walk()
    assert bench.ids() >= {recording.id for recording in stays}
    assert bench.forward().finished


def test_rows_that_come_twice_are_counted_once(bench: Bench) -> None:
    doubled = [recording for recording in rows(3, since=10 * HOUR) for _ in range(2)]
    bench.one_window(ProviderInMemory(doubled))
    findings = bench.run_walk(name="reconcile")
    assert (findings.listed, findings.new) == (3, 3)
    assert sum(bench.walk("reconcile").listed.values()) == 3


def test_a_row_that_moves_to_the_next_page_is_counted_once(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(15, since=10 * HOUR)))
    moved = row("pushes", 11 * HOUR)
    bench.knows([*provider.rows, moved])
    provider.before = lambda number: provider.rows.append(moved) if number == 2 else None
    assert bench.run_walk(name="reconcile").listed == 15
    assert len(provider.asked) == 2
    assert sum(bench.walk("reconcile").listed.values()) == 15


def test_a_window_that_keeps_bringing_new_recordings_is_halved(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(25, since=10 * HOUR)))

    def arrive(number: int) -> None:
        if number <= 12:
            provider.rows.append(row(f"late-{number}", HOUR + number * MINUTE))

    provider.before = arrive
    bench.run_walk()
    assert bench.ids() == {recording.id for recording in provider.rows}
    assert bench.cursors.unclean() == ()
    assert bench.forward().finished


def test_the_server_counting_more_rows_than_it_lists_keeps_the_window_open_then_is_noted(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(10, since=10 * HOUR)))
    provider.total_off = 1
    bench.run_walk()
    assert len(provider.asked) == 3
    assert bench.forward().finished
    (unclean,) = bench.cursors.unclean()
    assert (unclean.start, unclean.end) == (bench.start, NOON - RECENT)
    assert "11" in unclean.reason
    assert "10" in unclean.reason


def test_a_total_that_agrees_closes_the_window(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(10, since=10 * HOUR)))
    provider.total_off = 0
    bench.run_walk()
    assert len(provider.asked) == 1
    assert bench.cursors.unclean() == ()


def test_repeated_rows_do_not_make_up_for_missing_ones_in_the_total(bench: Bench) -> None:
    doubled = [recording for recording in rows(5, since=10 * HOUR) for _ in range(2)]
    provider = bench.one_window(ProviderInMemory(doubled))
    provider.total_off = 0
    bench.run_walk()
    assert len(bench.cursors.unclean()) == 1


def test_malformed_rows_keep_the_window_open_then_are_noted_and_the_others_are_found(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(10, since=10 * HOUR)))
    provider.malformed = "2 rows have no usable id"
    bench.run_walk()
    assert len(bench.ids()) == 10
    assert [unclean.reason for unclean in bench.cursors.unclean()] == ["2 rows have no usable id"]
    assert bench.forward().finished


def test_a_cursor_that_never_ends_is_left_and_noted(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(10, since=10 * HOUR), by_token=True))
    provider.endless = True
    bench.run_walk()
    assert len(provider.asked) < 30
    assert [unclean.reason for unclean in bench.cursors.unclean()] == ["its cursor never ends"]
    assert bench.forward().finished


def test_a_server_that_ignores_filters_is_asked_once_for_all_rather_than_once_per_window(bench: Bench) -> None:
    bench.provider.rows = [*rows(30, since=29 * DAY), *rows(3, since=300 * DAY, until=40 * DAY, name="before")]
    bench.provider.ignores_filters = True
    bench.run_walk()
    assert bench.ids() == {recording.id for recording in bench.provider.rows if recording.id.startswith("rec")}
    assert len(bench.provider.asked) < 16
    assert bench.forward().finished


@pytest.mark.parametrize(("days", "most"), [(90, 31), (400, 27), (31, 31), (800, 7)])
def test_a_server_that_ignores_filters_is_asked_for_no_longer_span_than_it_takes(
    bench: Bench, days: int, most: int
) -> None:
    """It refuses one, and a source that is asked for it again and again is listed no more."""
    bench.start = NOON - days * DAY
    bench.provider.declares(max_window=most * DAY)
    bench.provider.rows = [*rows(5, since=(days - 1) * DAY), *rows(30, since=900 * DAY, until=850 * DAY, name="before")]
    bench.provider.ignores_filters = True
    bench.run_walk()
    assert max(asked.window.end - asked.window.start for asked in bench.provider.asked) <= most * DAY
    assert bench.ids() == {recording.id for recording in bench.provider.rows if recording.id.startswith("rec")}
    assert bench.forward().finished


def test_a_window_with_too_many_pages_is_halved(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(60, since=10 * HOUR), page_size=2))
    bench.run_walk()
    windows = [asked.window for asked in provider.asked if asked.cursor is None]
    assert windows[0].end == NOON - RECENT
    assert windows[1].end - windows[1].start == (windows[0].end - windows[0].start) / 2
    assert len(bench.ids()) == 60
    assert bench.forward().finished


def test_a_window_that_the_server_counts_as_huge_is_halved_after_its_first_page(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(60, since=10 * HOUR), page_size=2))
    provider.total_off = 0
    bench.run_walk()
    assert [asked.cursor for asked in provider.asked[:2]] == [None, None]
    assert len(bench.ids()) == 60


def refuse_long_answers(bench: Bench, over: timedelta) -> None:
    def before(number: int) -> None:
        window = bench.provider.asked[-1].window
        if window.end - window.start > over:
            raise TooLarge("the list request was answered with more than 4194304 bytes")

    bench.provider.before = before


def test_an_answer_that_is_too_long_is_asked_for_in_shorter_windows(bench: Bench) -> None:
    """A hundred calls with 50 KB of details each."""
    bench.one_window(ProviderInMemory(rows(60, since=10 * HOUR), page_size=100))
    refuse_long_answers(bench, HOUR)
    assert bench.run_walk().stopped is None
    assert len(bench.ids()) == 60
    assert bench.forward().finished


@pytest.mark.parametrize("ignores_filters", [False, True])
def test_an_answer_that_is_too_long_for_every_window_stops_the_source(bench: Bench, ignores_filters: bool) -> None:
    provider = bench.one_window(ProviderInMemory(rows(60, since=10 * HOUR), page_size=7))
    provider.ignores_filters = ignores_filters
    refuse_long_answers(bench, NARROWEST / 2)
    assert "more than" in (bench.run_walk().stopped or "")
    assert len(provider.asked) <= 12
    assert not bench.forward().finished


def test_even_the_busiest_minute_is_read_to_its_end(bench: Bench) -> None:
    busy = [row(f"rec-{number:03}", 2 * HOUR) for number in range(70)]
    provider = bench.one_window(ProviderInMemory(busy, page_size=3))
    bench.run_walk()
    assert len(bench.ids()) == 70
    assert bench.forward().finished
    assert min(asked.window.end - asked.window.start for asked in provider.asked) <= NARROWEST


def test_empty_windows_widen(bench: Bench) -> None:
    bench.start = NOON - 800 * DAY
    bench.run_walk()
    widths = [asked.window.end - asked.window.start for asked in bench.provider.asked]
    assert widths[1] == 2 * widths[0]
    assert max(widths) <= WIDEST


def test_no_window_is_longer_than_the_provider_allows(bench: Bench) -> None:
    class Narrow(ProviderInMemory):
        declaration = replace(ProviderInMemory.declaration, max_window=7 * DAY)

    bench.provider = Narrow()
    bench.start = NOON - 800 * DAY
    bench.run_walk()
    assert max(asked.window.end - asked.window.start for asked in bench.provider.asked) == 7 * DAY
    assert bench.forward().finished


@pytest.mark.parametrize("count", [0, 60])
def test_a_first_run_over_three_years_ends_in_few_pages(bench: Bench, count: int) -> None:
    bench.start = NOON - 3 * 365 * DAY
    bench.provider.rows = rows(count, since=30 * DAY) if count else []
    bench.run()
    assert bench.forward().finished
    assert len(bench.ids()) == count
    assert len(bench.provider.asked) < 40


def test_listing_known_recordings_again_costs_a_twentieth_of_a_call_each_at_most(
    bench: Bench, clock: FakeClock
) -> None:
    bench.provider.rows = rows(1000, since=bench.overlap - 2 * HOUR)
    bench.provider.page_size = 100
    bench.knows(bench.provider.rows)
    bench.start = NOON - bench.overlap
    bench.run()
    bench.books_its_requests()
    clock.advance(HOUR)
    bench.aws.calls.clear()
    findings = bench.run()
    assert findings.listed >= 1000
    assert findings.new == 0
    assert sum(bench.aws.calls.values()) / 1000 <= 0.05


def test_a_row_is_checked_against_the_ledger_once_in_a_run(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(25, since=10 * HOUR)))
    bench.aws.calls.clear()
    bench.run_walk()
    assert len(provider.asked) == 6
    assert bench.aws.calls["dynamodb.BatchGetItem"] == 3


def test_what_closed_windows_held_is_counted_by_day(bench: Bench) -> None:
    bench.provider.rows = [row("a", 3 * DAY), row("b", 3 * DAY - MINUTE), row("c", 2 * DAY)]
    bench.run_walk(name="reconcile")
    first, second = (str((NOON - ago * DAY).date()) for ago in (3, 2))
    assert bench.walk("reconcile").listed == {first: 2, second: 1}


def test_the_walk_that_never_ends_keeps_no_count_of_days(bench: Bench) -> None:
    bench.provider.rows = rows(30, since=29 * DAY)
    bench.run_walk()
    assert bench.forward().listed == {}


def test_a_walk_that_was_finished_begins_anew_where_it_is_asked_to(bench: Bench) -> None:
    bench.run_walk(name="reconcile", start=NOON - 3 * DAY)
    bench.run_walk(name="reconcile", start=NOON - 2 * DAY)
    assert bench.walk("reconcile").finished
    assert [asked.window.start for asked in bench.provider.asked if asked.window.start == NOON - 2 * DAY]


def test_recordings_found_are_said_to_be_found_by_the_one_who_looked(bench: Bench) -> None:
    bench.discovered_by = "backfill"
    bench.provider.rows = rows(2, since=DAY)
    bench.run_walk()
    assert {entry.discovered_by for entry in bench.ledger.everything()} == {"backfill"}
