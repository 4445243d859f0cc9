"""Runs that end early, cursors that are refused, leases that are lost, and spans that were not read cleanly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from functions.archiver.errors import Closed, Unavailable
from functions.archiver.listing.cursors import CursorStore, LeaseLost
from functions.archiver.listing.listing import RECENT, Findings
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.provider_in_memory import ProviderInMemory
from tests.harness.listing import DAY, HOUR, MINUTE, Bench, row, rows


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> Bench:
    return Bench(aws, clock)


@pytest.mark.parametrize("by_token", [False, True])
def test_a_run_out_of_time_stops_in_order_and_the_next_one_goes_on(bench: Bench, by_token: bool) -> None:
    provider = bench.one_window(ProviderInMemory(rows(45, since=10 * HOUR), by_token=by_token))
    bench.stop_after(pages=3)
    assert bench.run_walk().stopped == "out of time"
    assert len(provider.asked) == 3
    saved = bench.forward()
    assert saved.window_end == NOON - RECENT
    assert not saved.finished
    third = provider.asked[2].cursor
    # A page number goes one page back, because rows that expired moved the others up; a token stands where it is.
    assert (saved.cursor == third) is not by_token
    bench.stop_after(pages=None)
    assert bench.run_walk().stopped is None
    assert provider.asked[3].cursor == saved.cursor
    assert bench.ids() == {recording.id for recording in provider.rows}
    assert bench.forward().finished


def test_a_resumed_pass_is_not_a_whole_one(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(25, since=10 * HOUR)))
    bench.stop_after(pages=2)
    bench.run_walk()
    bench.stop_after(pages=None)
    bench.run_walk()
    assert [asked.cursor for asked in provider.asked] == [None, "2", "2", "3", None, "2", "3"]


@pytest.mark.parametrize("pages", [2, 5])
def test_the_rest_of_a_pass_closes_no_window_even_if_it_is_one_page_or_brings_nothing_new(
    bench: Bench, pages: int
) -> None:
    provider = bench.one_window(ProviderInMemory(rows(25, since=10 * HOUR), by_token=True))
    bench.stop_after(pages=pages)
    bench.run_walk()
    bench.stop_after(pages=None)
    bench.run_walk()
    firsts = [asked.cursor is None for asked in provider.asked]
    assert firsts[pages:] == [False, True, False, False]


def test_the_cursor_is_saved_after_each_page_so_that_a_dead_run_repeats_one_page_at_most(
    bench: Bench, clock: FakeClock
) -> None:
    provider = bench.one_window(ProviderInMemory(rows(45, since=10 * HOUR)))

    def die(number: int) -> None:
        if number == 4:
            raise MemoryError

    provider.before = die
    with pytest.raises(MemoryError):
        bench.run_walk()
    provider.before = lambda number: None
    clock.advance(HOUR)
    bench.run_walk()
    assert provider.asked[4].cursor == "3"


def test_a_run_that_never_has_time_for_a_whole_window_halves_it(bench: Bench) -> None:
    bench.one_window(ProviderInMemory(rows(90, since=10 * HOUR)))
    for _ in range(60):
        bench.stop_after(pages=4)
        if bench.run_walk().stopped is None:
            break
    assert bench.forward().finished
    assert bench.cursors.unclean() == ()
    assert len(bench.ids()) == 90


def test_a_refused_cursor_starts_its_window_again(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(45, since=10 * HOUR)))
    bench.stop_after(pages=3)
    bench.run_walk()
    bench.stop_after(pages=None)
    provider.refused = {"3"}
    provider.before = lambda number: provider.refused.clear() if number == 5 else None
    bench.run_walk()
    assert [asked.cursor for asked in provider.asked[3:6]] == ["3", None, "2"]
    assert len(bench.ids()) == 45
    assert bench.cursors.unclean() == ()


def test_where_cursors_are_always_refused_windows_are_halved_until_one_page_holds_each(bench: Bench) -> None:
    provider = bench.one_window(ProviderInMemory(rows(45, since=10 * HOUR)))
    provider.refused = {"2", "3", "4", "5"}
    bench.run_walk()
    assert len(bench.ids()) == 45
    assert bench.forward().finished
    assert bench.cursors.unclean() == ()


def test_a_failure_of_the_source_cools_it_down_and_the_next_run_goes_on_from_the_saved_page(
    bench: Bench, clock: FakeClock
) -> None:
    provider = bench.one_window(ProviderInMemory(rows(45, since=10 * HOUR)))

    def fail(number: int) -> None:
        if number == 4:
            raise Unavailable("the provider answered 503")

    provider.before = fail
    assert bench.run_walk().stopped == "the provider answered 503"
    closed = bench.pace.gate().closed_until
    assert closed is not None
    clock.moment = closed
    bench.run_walk()
    assert provider.asked[4].cursor == "3"
    assert bench.forward().finished
    assert bench.ids() == {recording.id for recording in provider.rows}


def test_a_clean_run_ends_a_row_of_failures(bench: Bench, clock: FakeClock) -> None:
    clock.moment = bench.pace.cool_down(Unavailable("503"))
    bench.books_its_requests()
    bench.run()
    assert bench.pace.gate().strikes == 0


def test_a_closed_source_stops_the_run_without_a_strike(bench: Bench) -> None:
    def shut(number: int) -> None:
        raise Closed("paused", until=NOON + HOUR)

    bench.provider.before = shut
    assert bench.run().stopped == "paused"
    assert bench.pace.gate().strikes == 0
    assert bench.cursors.walk("forward") is None


def test_the_second_of_two_listers_does_not_list(bench: Bench, aws: Aws, clock: FakeClock) -> None:
    other = CursorStore(aws.table, source=bench.source, owner="lister", clock=clock)

    def meanwhile(number: int) -> None:
        assert other.acquire() is False

    bench.provider.before = meanwhile
    bench.run()
    assert bench.provider.asked


def test_a_run_that_lost_its_lease_moves_no_cursor(bench: Bench, aws: Aws, clock: FakeClock) -> None:
    provider = bench.one_window(ProviderInMemory(rows(45, since=10 * HOUR)))
    other = CursorStore(aws.table, source=bench.source, owner="lister", clock=clock)

    def pause(number: int) -> None:
        if number == 3:
            clock.advance(HOUR)
            assert other.acquire()

    provider.before = pause
    with pytest.raises(LeaseLost):
        bench.run_walk()
    assert len(provider.asked) == 3
    saved = other.progress().walks["forward"]
    assert saved.cursor == "2"


def healing(bench: Bench, clock: FakeClock, hours: int) -> Iterator[Findings]:
    for _ in range(hours):
        clock.advance(HOUR)
        yield bench.run()


def noted(bench: Bench, *days_ago: float) -> None:
    """A day-long span beyond the overlap was not read cleanly, for each of `days_ago`."""
    assert bench.cursors.acquire()
    for ago in days_ago:
        bench.note_unclean(NOON - ago * DAY, NOON - (ago - 1) * DAY)
    bench.cursors.release()


def test_an_unclean_span_is_read_again_every_hour_until_it_is_clean(bench: Bench, clock: FakeClock) -> None:
    bench.run()
    noted(bench, 20)
    bench.provider.rows = [row("hidden", 19.5 * DAY)]
    assert [findings.new for findings in healing(bench, clock, 2)] == [1, 0]
    assert bench.cursors.unclean() == ()


def test_a_span_that_never_comes_clean_does_not_keep_the_others_from_it(bench: Bench, clock: FakeClock) -> None:
    bench.run()
    noted(bench, 20, 10)

    def fail_in_the_first(number: int) -> None:
        window = bench.provider.asked[-1].window
        bench.provider.malformed = "bad rows" if window.start < NOON - 15 * DAY else None

    bench.provider.before = fail_in_the_first
    assert len(list(healing(bench, clock, 3))) == 3
    assert [unclean.start for unclean in bench.cursors.unclean()] == [NOON - 20 * DAY]


def test_a_large_unclean_span_comes_clean_too(bench: Bench, clock: FakeClock) -> None:
    bench.run()
    noted(bench, 20)
    bench.provider.page_size = 3
    bench.provider.rows = [row(f"rec-{number:03}", 20 * DAY - number * 20 * MINUTE) for number in range(70)]
    assert len(list(healing(bench, clock, 2))) == 2
    assert bench.cursors.unclean() == ()
    assert len(bench.ids()) == 70


def test_an_unclean_span_is_not_forgotten_by_a_run_that_ends_while_it_reads_it(bench: Bench, clock: FakeClock) -> None:
    bench.run()
    noted(bench, 20)
    bench.provider.rows = [row(f"rec-{number:03}", 20 * DAY - number * 20 * MINUTE) for number in range(70)]

    def fail_there(number: int) -> None:
        asked = bench.provider.asked[-1]
        if asked.window.start < NOON - 15 * DAY and asked.cursor == "2":
            raise Unavailable("503")

    bench.provider.before = fail_there
    assert [findings.stopped for findings in healing(bench, clock, 1)] == ["503"]
    bench.provider.before = lambda number: None
    assert [findings.stopped for findings in healing(bench, clock, 2)] == [None, None]
    assert len(bench.ids()) == 70
    assert bench.cursors.unclean() == ()


def test_a_span_that_is_no_longer_noted_is_not_read_on_in_place_of_another(bench: Bench, clock: FakeClock) -> None:
    bench.run()
    noted(bench, 20)
    there = [row(f"rec-{number:02}", 20 * DAY - number * 10 * MINUTE) for number in range(25)]
    bench.provider.rows = [*there, row("hidden", 9.5 * DAY)]
    bench.knows(there)
    bench.provider.before = lambda number: bench.fail_at("3")
    assert [findings.stopped for findings in healing(bench, clock, 1)] == ["503"]
    bench.provider.before = lambda number: None
    assert bench.cursors.acquire()
    bench.cursors.forget_unclean(bench.cursors.unclean()[0])
    bench.cursors.release()
    noted(bench, 10)
    assert [findings.new for findings in healing(bench, clock, 1)] == [1]
