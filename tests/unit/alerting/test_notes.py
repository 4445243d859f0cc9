"""What the functions note for the tick, and how seldom they write."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.archiver.alerting.notes import MAY_BE_INCOMPLETE, REFUSALS, REFUSED_WITHIN, SEALED_WITHIN, Notebook
from functions.archiver.ledger.integrity import Integrity
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock
from tests.harness.ledger import STORED, ledger_of, queued, recording

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MONDAY, TUESDAY = NOON.date() - 2 * DAY, NOON.date() - DAY


@pytest.fixture
def notes(aws: Aws, clock: FakeClock) -> Notebook:
    return Notebook(aws.table, source="acme", clock=clock)


def writes(aws: Aws) -> int:
    return aws.calls["dynamodb.UpdateItem"]


def test_a_day_is_told_of_when_it_has_lacked_something_for_a_day(notes: Notebook, clock: FakeClock) -> None:
    notes.days({MONDAY: False, TUESDAY: True})
    clock.advance(MAY_BE_INCOMPLETE - SECOND)
    assert notes.read().incomplete == ()
    notes.days({MONDAY: False, TUESDAY: False})
    clock.advance(SECOND)
    assert notes.read().incomplete == (MONDAY.isoformat(),)


def test_a_day_that_is_complete_is_forgotten_and_one_that_nobody_looked_at_is_not(
    notes: Notebook, clock: FakeClock
) -> None:
    notes.days({MONDAY: False, TUESDAY: False})
    notes.days({TUESDAY: True})
    clock.advance(MAY_BE_INCOMPLETE)
    assert notes.read().incomplete == (MONDAY.isoformat(),)
    notes.days({MONDAY: True})
    assert notes.read().incomplete == ()


def test_nobody_is_told_for_ever_of_a_day_that_is_not_compared_any_more(notes: Notebook, clock: FakeClock) -> None:
    notes.days({MONDAY: False})
    clock.advance(100 * DAY)
    notes.days({clock.now().date() - DAY: True})
    assert notes.read().incomplete == ()


def test_a_webhook_is_quiet_when_listing_finds_what_no_event_told(notes: Notebook, clock: FakeClock) -> None:
    notes.found()
    assert not notes.read(quiet_after=HOUR).quiet, "its first hour is not over"
    clock.advance(HOUR)
    assert not notes.read(quiet_after=HOUR).quiet, "and nothing was found since"
    notes.found()
    assert notes.read(quiet_after=HOUR).quiet
    notes.event()
    assert not notes.read(quiet_after=HOUR).quiet


def test_a_webhook_of_a_source_without_new_recordings_is_not_quiet(notes: Notebook, clock: FakeClock) -> None:
    notes.event()
    clock.advance(9 * HOUR)
    assert not notes.read(quiet_after=HOUR).quiet


def test_silence_is_nobodys_trouble_where_it_is_not_watched(notes: Notebook, clock: FakeClock) -> None:
    notes.found()
    clock.advance(HOUR)
    notes.found()
    assert not notes.read(quiet_after=None).quiet


def test_events_in_a_row_are_written_once(notes: Notebook, clock: FakeClock, aws: Aws) -> None:
    for _ in range(50):
        notes.event()
        clock.advance(SECOND)
    assert writes(aws) == 1


def test_a_stray_request_is_no_trouble_and_writes_nothing(notes: Notebook, clock: FakeClock, aws: Aws) -> None:
    for _ in range(REFUSALS * 3):
        notes.refusal()
        clock.advance(REFUSED_WITHIN / (REFUSALS - 2))
    assert writes(aws) == 0
    assert not notes.read().refusing


def test_refusals_in_a_row_are_a_trouble_that_ends_by_itself_and_cost_one_write(
    notes: Notebook, clock: FakeClock, aws: Aws
) -> None:
    for _ in range(REFUSALS * 5):
        notes.refusal()
    assert writes(aws) == 1
    assert notes.read().refusing
    clock.advance(HOUR)
    assert not notes.read().refusing


def test_a_broken_chain_is_a_trouble_for_as_long_as_the_hourly_run_says_so(notes: Notebook, clock: FakeClock) -> None:
    for _ in range(5):
        notes.broken_chain()
        clock.advance(HOUR)
        assert notes.read().broken_chain
    clock.advance(3 * HOUR)
    assert not notes.read().broken_chain


def test_altered_and_absent_recordings_are_counted_of_its_own_source(aws: Aws, clock: FakeClock) -> None:
    ledger = ledger_of(aws, clock)
    integrity = Integrity(aws.table, source="acme", clock=clock)
    for id_ in ("one", "two", "three"):
        ledger.mark_archived(queued(ledger, recording(id_)), STORED)
    integrity.mark_altered("one", "other bytes")
    integrity.mark_absent("two", "no bytes")
    assert Notebook(aws.table, source="acme", clock=clock).read().changed == 2
    assert Notebook(aws.table, source="dialer", clock=clock).read().changed == 0


def test_a_day_is_unsealed_a_day_after_it_left_the_window_and_never_before_the_first_is_due(
    notes: Notebook, clock: FakeClock
) -> None:
    window = 7 * DAY
    assert notes.read(window=window).unsealed is None
    notes.sealed(MONDAY - window)
    left = MONDAY - window + DAY
    clock.moment = NOON.replace(hour=0) - DAY  # the moment at which the next day leaves the window
    assert (clock.now() - window).date() == left
    clock.advance(SEALED_WITHIN - SECOND)
    assert notes.read(window=window).unsealed is None
    clock.advance(SECOND)
    assert notes.read(window=window).unsealed == left
    notes.sealed(left)
    assert notes.read(window=window).unsealed is None


def test_how_far_days_are_sealed_is_written_once_a_day(notes: Notebook, aws: Aws) -> None:
    for _ in range(24):
        notes.sealed(MONDAY)
    notes.sealed(TUESDAY)
    assert writes(aws) == 2
