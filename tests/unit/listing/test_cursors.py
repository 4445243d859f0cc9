"""The lister's lease and what it keeps under it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.archiver.listing.cursors import LEASE, CursorStore, LeaseLost, Unclean, Walk
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock

HOUR = timedelta(hours=1)
WALK = Walk(
    name="forward",
    position=NOON,
    end=NOON + 3 * HOUR,
    width=HOUR,
    cursor="7",
    window_end=NOON + HOUR,
    passes=2,
    listed={"2026-03-04": 5},
)


def store(aws: Aws, clock: FakeClock) -> CursorStore:
    return CursorStore(aws.table, source="acme", owner="lister", clock=clock)


def held(aws: Aws, clock: FakeClock) -> CursorStore:
    cursors = store(aws, clock)
    assert cursors.acquire()
    return cursors


def spans(cursors: CursorStore) -> list[tuple[float, float, str]]:
    return [((u.start - NOON) / HOUR, (u.end - NOON) / HOUR, u.reason) for u in cursors.unclean()]


def unclean(start: float, end: float, reason: str = "bad rows") -> Unclean:
    return Unclean(start=NOON + start * HOUR, end=NOON + end * HOUR, reason=reason)


def test_one_run_at_a_time_holds_the_lease(aws: Aws, clock: FakeClock) -> None:
    first, second = store(aws, clock), store(aws, clock)
    assert first.acquire()
    assert second.acquire() is False
    first.release()
    assert second.acquire()


def test_lister_and_reconciler_do_not_wait_for_each_other(aws: Aws, clock: FakeClock) -> None:
    held(aws, clock)
    assert CursorStore(aws.table, source="acme", owner="reconciler", clock=clock).acquire()
    assert CursorStore(aws.table, source="other", owner="lister", clock=clock).acquire()


def test_a_dead_runs_lease_lapses(aws: Aws, clock: FakeClock) -> None:
    held(aws, clock)
    clock.advance(LEASE - timedelta(milliseconds=1))
    assert store(aws, clock).acquire() is False
    clock.advance(timedelta(milliseconds=1))
    assert store(aws, clock).acquire()


def test_a_run_that_lost_its_lease_saves_nothing(aws: Aws, clock: FakeClock) -> None:
    slow = held(aws, clock)
    clock.advance(LEASE)
    held(aws, clock).save(WALK)
    before = aws.items()
    with pytest.raises(LeaseLost):
        slow.save(Walk(name="forward", position=NOON + HOUR, end=NOON + 3 * HOUR, width=HOUR))
    with pytest.raises(LeaseLost):
        slow.release()
    assert aws.items() == before


def test_a_walk_is_read_back_as_it_was_saved(aws: Aws, clock: FakeClock) -> None:
    first = held(aws, clock)
    first.note_unclean(unclean(0, 1))
    first.round_done(NOON)
    first.save(WALK)
    clock.advance(LEASE)
    second = held(aws, clock)
    assert second.walk("forward") == WALK
    assert second.walk("overlap") is None
    assert second.unclean() == (unclean(0, 1),)
    assert not second.round_due(NOON + HOUR - timedelta(seconds=1), HOUR)
    assert second.round_due(NOON + HOUR, HOUR)
    assert store(aws, clock).progress().walks == {"forward": WALK}


def test_what_was_kept_is_written_when_the_lease_is_given_back(aws: Aws, clock: FakeClock) -> None:
    first = held(aws, clock)
    first.keep(WALK)
    assert store(aws, clock).progress().walks == {}
    first.release()
    assert held(aws, clock).walk("forward") == WALK


def test_taking_the_lease_reads_the_cursors_in_the_same_call(aws: Aws, clock: FakeClock) -> None:
    held(aws, clock).release()
    aws.calls.clear()
    held(aws, clock)
    assert aws.calls == {"dynamodb.UpdateItem": 1}


def test_a_first_round_is_always_due(aws: Aws, clock: FakeClock) -> None:
    assert held(aws, clock).round_due(NOON, HOUR)


def test_neighbouring_spans_with_the_same_reason_become_one(aws: Aws, clock: FakeClock) -> None:
    cursors = held(aws, clock)
    for span in (unclean(0, 1), unclean(1, 2), unclean(2, 3, "other"), unclean(4, 5, "other")):
        cursors.note_unclean(span)
    assert spans(cursors) == [(0, 2, "bad rows"), (2, 3, "other"), (4, 5, "other")]
    cursors.forget_unclean(unclean(2, 3, "other"))
    assert len(cursors.unclean()) == 2


def test_the_list_of_unclean_spans_stays_short_and_still_covers_all_of_them(aws: Aws, clock: FakeClock) -> None:
    cursors = held(aws, clock)
    noted = [unclean(n, n + 1) for n in range(0, 120, 2)] + [unclean(-9, -8)]
    for span in noted:
        cursors.note_unclean(span)
    assert len(cursors.unclean()) <= 50
    assert all(any(kept.start <= span.start and span.end <= kept.end for kept in cursors.unclean()) for span in noted)
