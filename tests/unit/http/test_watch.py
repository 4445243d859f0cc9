from __future__ import annotations

import threading
import time

from functions.archiver.http.watch import Watch

SOON, LATE = 0.02, 60.0


def test_an_alarm_rings_while_its_block_runs() -> None:
    rung = threading.Event()
    with Watch().ringing_in(SOON, rung.set):
        assert rung.wait(10)


def test_an_alarm_whose_block_has_ended_does_not_ring() -> None:
    watch, early, late = Watch(), threading.Event(), threading.Event()
    with watch.ringing_in(SOON, early.set):
        pass
    with watch.ringing_in(2 * SOON, late.set):
        assert late.wait(10)
    assert not early.is_set()


def test_a_nearer_alarm_is_not_kept_waiting_by_a_farther_one() -> None:
    watch, near, far = Watch(), threading.Event(), threading.Event()
    with watch.ringing_in(LATE, far.set), watch.ringing_in(SOON, near.set):
        assert near.wait(10)
    assert not far.is_set()


def test_an_alarm_rings_once() -> None:
    watch, rings, after = Watch(), [0], threading.Event()

    def ring() -> None:
        rings[0] += 1

    with watch.ringing_in(SOON, ring), watch.ringing_in(3 * SOON, after.set):
        assert after.wait(10)
    assert rings == [1]


def test_alarms_of_many_threads_all_ring_on_one_thread_of_the_watch() -> None:
    watch, count = Watch(), 20
    rung = [threading.Event() for _ in range(count)]
    before = threading.active_count()

    def wait(number: int) -> None:
        with watch.ringing_in(SOON + number / 1000, rung[number].set):
            rung[number].wait(10)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each.is_set() for each in rung)
    assert threading.active_count() <= before + 1


def test_an_alarm_that_is_over_already_rings_at_once() -> None:
    rung, began = threading.Event(), time.monotonic()
    with Watch().ringing_in(-1.0, rung.set):
        assert rung.wait(10)
    assert time.monotonic() - began < LATE
