"""Counts of a source: what is open live, what is settled by totals of days, whatever came in which order."""

from __future__ import annotations

from datetime import date, timedelta

from functions.archiver.entry import State
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.totals import Totals
from functions.archiver.recording import Call
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock
from tests.harness.ledger import STORED, ledger_of, queued, recording

TODAY = NOON.date()
DAY = timedelta(days=1)


def archived(ledger: Ledger, id_: str, day: date = TODAY) -> None:
    recorded = NOON.replace(year=day.year, month=day.month, day=day.day)
    ledger.mark_archived(queued(ledger, recording(id_, recorded_at=recorded)), STORED)


def test_open_recordings_are_counted_live_and_follow_ups_not_at_all(aws: Aws, clock: FakeClock) -> None:
    ledger = ledger_of(aws, clock)
    ledger.insert(recording("waits"), "schedule")
    queued(ledger, recording("in a lane"))
    ledger.insert_lookup(Call(call_id="call", recorded_at=None), "webhook", due_in=DAY)
    ledger.mark_failed(queued(ledger, recording("failed")), "no audio")
    ledger.mark_failed(queued(ledger, recording("known")), "no audio")
    ledger.revival.accept("known", "a test call")
    ledger.mark_quarantined(queued(ledger, recording("strange")), STORED, "unknown")
    numbers = Totals(aws.table, source="acme").count(ledger.due, TODAY).numbers
    assert numbers == {
        **dict.fromkeys(("archived", "gone", "altered", "absent", "erased"), 0),
        "waiting": 2,
        "failed": 1,
        "accepted": 1,
        "quarantined": 1,
    }


def test_altered_recordings_are_counted_until_they_are_sound_again(aws: Aws, clock: FakeClock) -> None:
    ledger, integrity = ledger_of(aws, clock), Integrity(aws.table, source="acme", clock=clock)
    archived(ledger, "rec-1")
    ledger.mark_quarantined(queued(ledger, recording("strange")), STORED, "unknown")

    def open_() -> dict[str, int]:
        numbers = Totals(aws.table, source="acme").count(ledger.due, TODAY).numbers
        return {name: numbers[name] for name in ("altered", "absent", "quarantined") if numbers[name]}

    integrity.mark_altered("rec-1", "other bytes")
    integrity.mark_absent("strange", "not there")
    assert open_() == {"altered": 1, "absent": 1}
    integrity.mark_sound("rec-1", "as noted")
    integrity.mark_sound("strange", "as noted")
    assert open_() == {"quarantined": 1}
    assert ledger.find("strange").state is State.QUARANTINED  # type: ignore[union-attr]  # it is there


def test_settled_recordings_of_days_with_totals_are_not_read_again(aws: Aws, clock: FakeClock) -> None:
    totals, ledger = Totals(aws.table, source="acme"), ledger_of(aws, clock)
    totals.keep({TODAY - DAY: {"archived": 400, "gone": 2}, TODAY - 40 * DAY: {"archived": 1}}, as_of=NOON)
    archived(ledger, "today")
    counts = totals.count(ledger.due, TODAY)
    assert counts.as_of == NOON
    assert (counts.numbers["archived"], counts.numbers["gone"]) == (402, 2)


def test_days_since_the_totals_are_read_one_by_one(aws: Aws, clock: FakeClock) -> None:
    totals, ledger = Totals(aws.table, source="acme"), ledger_of(aws, clock)
    totals.keep({TODAY - DAY: {"archived": 3}, TODAY: {"archived": 1}}, as_of=NOON)
    for number, day in enumerate((TODAY, TODAY, TODAY + DAY)):
        archived(ledger, f"later-{number}", day)
    assert totals.count(ledger.due, TODAY + DAY).numbers["archived"] == 3 + 3


def test_days_without_totals_and_days_with_something_open_are_to_be_counted(aws: Aws) -> None:
    totals = Totals(aws.table, source="acme")
    first, last = date(2025, 12, 30), date(2026, 1, 2)
    assert [day for day, _ in totals.uncounted(first, last)] == [last, date(2026, 1, 1), date(2025, 12, 31), first]
    totals.keep(
        {first: {"archived": 1}, last: {"archived": 1, "pending": 1}, date(2026, 1, 1): {"accepted": 1}}, as_of=NOON
    )
    assert list(totals.uncounted(first, last)) == [(last, False), (date(2025, 12, 31), True)]
    totals.forget(first, first)
    assert (first, True) in totals.uncounted(first, last)


def test_no_source_counts_for_another(aws: Aws, clock: FakeClock) -> None:
    archived(ledger_of(aws, clock), "rec-1")
    ledger_of(aws, clock).insert(recording("rec-2"), "schedule")
    other = ledger_of(aws, clock, source="acme-2")
    assert not any(Totals(aws.table, source="acme-2").count(other.due, TODAY).numbers.values())
