"""A message may come late, twice, through a closed lane, or after a run that died with it in hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.archiver.archiving.retries import ATTEMPT_DELAYS
from functions.archiver.entry import State
from functions.archiver.errors import Gone, Rejected
from tests.doubles.aws import Aws
from tests.doubles.aws_calls import Died, death_before
from tests.doubles.clock import FakeClock
from tests.harness.archiving import ArchivingBench, whole
from tests.harness.audio import wav

EIGHT = 8
"""Attempts, after which a person is told."""

THREE = 3
"""So often a message comes before the queue buries it."""


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ArchivingBench:
    return ArchivingBench(aws, clock)


def test_a_second_delivery_books_an_attempt_before_a_byte_is_touched(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [ZeroDivisionError("dies again")]
    bench.finds()
    message = bench.message()
    with pytest.raises(ZeroDivisionError):
        bench.work(message, times_received=2)
    assert bench.entry().attempts == 1


def test_a_third_delivery_is_released_without_touching_a_byte(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    report = bench.work(times_received=THREE)
    assert (report.outcome, report.reason) == ("released", "the downloader died once")
    assert bench.provider.asked == []
    assert bench.waits() == ATTEMPT_DELAYS[0]
    assert bench.next_turn().outcome == "archived"


def test_a_recording_on_which_the_downloader_always_dies_is_failed_with_the_number_of_deaths(
    bench: ArchivingBench,
) -> None:
    """Each message comes at most three times: the queue would put a fourth delivery into its dead letters."""
    bench.provider.audio["rec"] = [MemoryError()]
    bench.finds()
    message = bench.message()
    for _ in range(20):
        for received in range(1, THREE + 1):
            try:
                report = bench.work(message, times_received=received)
            except MemoryError:
                assert received < THREE, "a readable message would have been buried"
            else:
                break
        if bench.entry().state is State.FAILED:
            break
        bench.clock.advance(bench.waits())
        assert bench.intake.dispatch() == 1
        message = bench.message()
    assert report.outcome == "failed"
    assert bench.entry().attempts == EIGHT
    assert bench.entry().reason == f"the downloader died {EIGHT} times"


def test_deaths_and_rejections_share_one_limit(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Rejected("not audio")]
    bench.finds()
    bench.work()
    for _ in range(EIGHT - 3):
        bench.next_turn()
    assert bench.entry().attempts == EIGHT - 2
    bench.clock.advance(bench.waits())
    bench.intake.dispatch()
    assert bench.work(times_received=2).outcome == "failed"
    assert (bench.entry().attempts, bench.entry().reason) == (EIGHT, "not audio")


def test_a_run_that_died_after_storing_is_finished_without_fetching_again(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav()), Gone("deleted meanwhile")]
    bench.finds()
    message = bench.message()
    with death_before("dynamodb.UpdateItem"), pytest.raises(Died):
        bench.work(message)
    assert bench.work(message, times_received=2).outcome == "archived"
    assert bench.provider.times("open") == 1
    assert len(bench.versions()) == 1


def test_a_message_of_a_lane_that_was_closed_is_released_and_comes_through_an_open_one(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    assert bench.work(lane=1).outcome == "released"
    assert bench.provider.asked == []
    assert bench.entry().attempts == 0
    assert bench.waits() == timedelta()
    assert bench.next_turn().outcome == "archived"


def test_a_message_under_an_older_lease_changes_nothing(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    late = bench.message()
    bench.clock.advance(timedelta(hours=1, seconds=1))
    bench.intake.dispatch()
    assert bench.work(late).outcome == "superseded"
    assert bench.provider.asked == []
    assert bench.work().outcome == "archived"


def test_a_message_that_comes_again_after_its_work_is_done_changes_nothing(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    message = bench.message()
    bench.work(message)
    before = bench.aws.items()
    assert bench.work(message).outcome == "superseded"
    assert bench.aws.items() == before
    assert len(bench.versions()) == 1
