"""Filters that know whole days only, filters by another clock, and cursors that do not live long."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.archiver.listing.listing import RECENT
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock
from tests.harness.listing import DAY, HOUR, MINUTE, Bench, row, rows

MIDNIGHT = NOON.replace(hour=0)


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> Bench:
    return Bench(aws, clock)


def by_day(bench: Bench) -> Bench:
    bench.provider.by_day = True
    bench.provider.declares(granularity=DAY)
    return bench


def is_midnight(moment: datetime) -> bool:
    return moment == moment.replace(hour=0, minute=0, second=0, microsecond=0)


def test_a_filter_by_the_day_is_asked_for_whole_days(bench: Bench) -> None:
    by_day(bench).provider.rows = rows(40, since=20 * DAY)
    assert bench.run().new == 40
    windows = [asked.window for asked in bench.provider.asked]
    assert all(is_midnight(window.start) and is_midnight(window.end) for window in windows)
    assert all(window.end - window.start >= DAY for window in windows)


def test_a_filter_by_the_day_is_never_taken_for_one_that_is_ignored(bench: Bench) -> None:
    bench.start = NOON - 6 * DAY
    by_day(bench).provider.rows = rows(40, since=6 * DAY, until=4 * DAY) + rows(40, since=2 * DAY, name="later")
    bench.run()
    assert max(asked.window.end - asked.window.start for asked in bench.provider.asked) <= 2 * DAY


def test_today_is_read_at_every_run_and_closes_tomorrow(bench: Bench, clock: FakeClock) -> None:
    by_day(bench).provider.rows = [row("one", 3 * HOUR)]
    assert bench.run().new == 1
    assert bench.forward().position == MIDNIGHT
    bench.provider.rows.append(row("two", 2 * HOUR))
    clock.advance(MINUTE)
    assert bench.run().new == 1
    clock.advance(MIDNIGHT + DAY + RECENT - clock.now())
    bench.run()
    assert bench.forward().position == MIDNIGHT + DAY


def test_a_call_of_before_midnight_that_appears_after_it_is_found(bench: Bench, clock: FakeClock) -> None:
    by_day(bench).run()
    clock.advance(MIDNIGHT + DAY + 5 * MINUTE - clock.now())
    bench.provider.rows.append(row("late", -(MIDNIGHT + DAY - MINUTE - NOON)))
    assert bench.run().new == 1


def test_a_day_with_many_pages_is_not_divided_further(bench: Bench) -> None:
    by_day(bench).provider.rows = [row(f"rec-{n:03}", 3 * DAY + n * MINUTE) for n in range(400)]
    assert bench.run().new == 400
    assert min(asked.window.end - asked.window.start for asked in bench.provider.asked) == DAY


def test_what_a_whole_day_brings_of_before_the_start_is_left_alone(bench: Bench) -> None:
    bench.start = NOON - DAY
    by_day(bench).provider.rows = [row("before", DAY + HOUR), row("after", DAY - HOUR)]
    bench.run()
    assert bench.ids() == {"after"}


def test_a_window_of_whole_days_is_no_longer_than_the_provider_allows(bench: Bench) -> None:
    by_day(bench).provider.declares(granularity=DAY, max_window=3 * DAY)
    bench.run()
    assert max(asked.window.end - asked.window.start for asked in bench.provider.asked) <= 3 * DAY


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(st.integers(20, 40 * 24 * 60), max_size=60, unique=True),
    start=st.integers(1, 40 * 24 * 60),
    page_size=st.integers(1, 10),
)
def test_whole_days_bring_everything_since_the_start_whatever_its_hour(
    aws: Aws, ages: list[int], start: int, page_size: int
) -> None:
    clock = FakeClock()
    bench = by_day(Bench(aws, clock, fresh_source=True))
    bench.provider.page_size = page_size
    bench.start = NOON - start * MINUTE
    bench.provider.rows = [row(f"r{age}", age * MINUTE) for age in ages]
    for _ in range(3):
        bench.run()
    assert bench.ids() == {f"r{age}" for age in ages if age <= start}


def test_a_cursor_that_outlived_its_life_is_not_tried_again_and_the_window_becomes_narrower(
    bench: Bench, clock: FakeClock
) -> None:
    bench.one_window(bench.provider).declares(cursor_life=15 * MINUTE)
    bench.provider.by_token = True
    bench.provider.rows = rows(60, since=10 * HOUR)
    bench.stop_after(pages=3)
    bench.run_walk()
    saved = bench.forward()
    assert saved.cursor
    clock.advance(15 * MINUTE)
    bench.provider.refused = {saved.cursor}
    bench.stop_after(pages=None)
    bench.provider.asked.clear()
    bench.run_walk()
    assert saved.cursor not in {asked.cursor for asked in bench.provider.asked}
    first = bench.provider.asked[0].window
    assert saved.window_end is not None
    assert first.end - first.start == (saved.window_end - saved.position) / 2
    assert len(bench.ids()) == 60


def test_a_cursor_within_its_life_continues(bench: Bench, clock: FakeClock) -> None:
    bench.one_window(bench.provider).declares(cursor_life=15 * MINUTE)
    bench.provider.by_token = True
    bench.provider.rows = rows(60, since=10 * HOUR)
    bench.stop_after(pages=3)
    bench.run_walk()
    clock.advance(14 * MINUTE)
    bench.stop_after(pages=None)
    bench.provider.asked.clear()
    bench.run_walk()
    assert bench.provider.asked[0].cursor is not None


def test_a_window_is_read_to_its_end_even_if_each_run_is_shorter_than_a_cursor_lives(
    bench: Bench, clock: FakeClock
) -> None:
    bench.one_window(bench.provider).declares(cursor_life=MINUTE)
    bench.provider.by_token = True
    bench.provider.rows = rows(90, since=10 * HOUR)
    for _ in range(40):
        bench.stop_after(pages=4)
        bench.run_walk()
        clock.advance(2 * MINUTE)
        if bench.forward().position >= NOON - RECENT:
            break
    assert len(bench.ids()) == 90
