"""Days are sealed as they leave the window, and again when they say something else."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import pytest

from functions.archiver.listing.cursors import CursorStore
from functions.archiver.recording import Recording
from functions.archiver.sealing.book import Plan
from functions.archiver.sealing.chain import ChainBroken
from functions.archiver.sealing.document import name_of
from functions.archiver.sealing.sealer import AUDITED_AT_ONCE
from functions.archiver.sealing.statement import Listed
from tests.doubles.clock import NOON
from tests.harness.sealing import SOURCE, SealBench, a_sealer

DAY = date(2026, 2, 25)
NEXT = DAY + timedelta(days=1)


def listed(number: int | None, **more: bool) -> Listed:
    return Listed(number=number, **({"clean": True} | more))


def test_a_day_that_leaves_the_window_is_sealed_with_what_the_archive_holds_of_it(bench: SealBench) -> None:
    stored = bench.keep("one", DAY)
    bench.seal({DAY: listed(1)})
    (seal,) = bench.seals()
    assert (seal.standing.number, seal.standing.sequence, seal.standing.previous) == (1, 1, None)
    assert seal.standing.as_of == NOON.isoformat()
    assert (seal.statement.listed, seal.statement.archived, seal.statement.complete) == (1, 1, True)
    (line,) = seal.statement.lines
    assert line.name == name_of(stored.key, stored.version_id)
    assert (line.sha256, line.bytes, line.archived_at) == (stored.sha256, 5, NOON.isoformat())


def test_a_day_without_calls_is_sealed_too(bench: SealBench) -> None:
    bench.seal({DAY: listed(0)})
    (seal,) = bench.seals()
    assert (seal.statement.listed, seal.statement.archived, seal.statement.complete) == (0, 0, True)


def test_no_word_of_a_seal_names_anybody(bench: SealBench) -> None:
    bench.keep("call-of-alice-+49301234567", DAY)
    bench.seal({DAY: listed(1)})
    (seal,) = bench.seals()
    assert b"alice" not in bench.body(seal.key)
    assert b"4930" not in bench.body(seal.key)


def test_each_seal_names_the_one_before_it(bench: SealBench) -> None:
    bench.seal({DAY: listed(0)})
    bench.seal({NEXT: listed(0)})
    first, second = bench.seals()
    assert second.standing.previous == first.sha256 == hashlib.sha256(bench.body(first.key)).hexdigest()
    assert (first.standing.sequence, second.standing.sequence) == (1, 2)


def test_days_within_the_window_are_not_sealed(bench: SealBench) -> None:
    bench.seal({DAY: listed(0), NEXT: listed(0)}, leaving=DAY)
    assert [seal.statement.day for seal in bench.seals()] == [DAY]


def test_a_day_that_says_the_same_is_not_sealed_again(bench: SealBench) -> None:
    bench.keep("one", DAY)
    bench.seal({DAY: listed(1)})
    assert bench.seal({DAY: listed(1)}) == ()
    assert len(bench.seals()) == 1


def test_a_day_that_changed_is_sealed_again_under_the_next_number(bench: SealBench) -> None:
    bench.keep("one", DAY)
    bench.ledger.insert(Recording(id="late", recorded_at=NOON - timedelta(days=7)), "schedule")
    bench.seal({DAY: listed(2)})
    (ticket,) = (bench.ledger.due.mark_queued(each) for each in bench.ledger.due.waiting(9))
    assert ticket is not None
    bench.ledger.mark_gone(ticket, "deleted")
    bench.seal({NEXT: listed(0)})
    first, second = bench.seals(DAY)
    assert (first.statement.missing, first.statement.complete) == (1, False)
    assert (second.statement.gone, second.statement.missing, second.statement.complete) == (1, 0, True)
    assert (second.standing.number, second.standing.sequence, second.key[-10:]) == (2, 2, "0002.jsonl")


@pytest.mark.parametrize(
    ("seen", "complete"),
    [
        (Listed(number=1, clean=True), True),
        (Listed(number=1, clean=False), False),
        (Listed(number=2, clean=True), False),
        (Listed(number=None), "unknown"),
        (Listed(number=0, clean=True), "unknown"),
        (Listed(number=0, clean=True, lists=False), "unknown"),
        (Listed(number=1, clean=True, lists=False), True),
    ],
)
def test_complete_is_said_only_where_the_provider_was_read_cleanly_and_nothing_is_missing(
    bench: SealBench, seen: Listed, complete: object
) -> None:
    bench.keep("one", DAY)
    bench.seal({DAY: seen})
    assert bench.seals()[0].statement.complete == complete


def test_an_object_that_is_gone_makes_the_day_incomplete_and_is_no_line_of_it(bench: SealBench) -> None:
    stored = bench.keep("one", DAY)
    bench.keep("two", DAY)
    bench.seal({DAY: listed(2)})
    bench.bucket.delete(stored.key, version_id=None)
    bench.seal({NEXT: listed(0)})  # what was sealed is looked at again in turn
    _, again = bench.seals(DAY)
    assert (again.statement.archived, again.statement.missing, again.statement.complete) == (1, 1, False)


def test_days_sealed_long_ago_are_looked_at_again_in_turn(bench: SealBench) -> None:
    days = [DAY - timedelta(days=number) for number in range(AUDITED_AT_ONCE + 5)]
    bench.seal({day: listed(0) for day in days})
    for day in days:
        bench.keep(f"late-{day}", day)
    bench.seal({NEXT: listed(0)})
    assert len(bench.seals()) == len(days) + 1 + AUDITED_AT_ONCE
    bench.seal({NEXT + timedelta(days=1): listed(0)})
    assert all(len(bench.seals(day)) == 2 for day in days)


def test_what_is_past_its_term_does_not_unseal_its_day(bench: SealBench) -> None:
    stored = bench.keep("one", DAY)
    bench.seal({DAY: listed(1)})
    bench.bucket.delete(stored.key, version_id=None)
    bench.more["term"] = timedelta(days=7)
    bench.seal({NEXT: listed(0)})
    assert len(bench.seals(DAY)) == 1


def test_another_seal_at_the_key_breaks_the_chain_and_is_left_alone(bench: SealBench) -> None:
    key = f"seals/source={SOURCE}/date={DAY}/0001.jsonl"
    bench.seal({NEXT: listed(0)})
    bench.bucket.put(key, b"forged")
    with pytest.raises(ChainBroken, match=r"0001\.jsonl"):
        bench.seal({DAY: listed(0), NEXT: listed(0)})
    assert bench.body(key) == b"forged"
    with pytest.raises(ChainBroken):
        bench.seal({NEXT: listed(0)})


def test_a_ledger_that_knows_no_head_goes_on_with_the_chain_of_the_bucket(bench: SealBench) -> None:
    bench.seal({DAY: listed(0), NEXT: listed(0)})
    bench.table.update(f"{SOURCE}#reconciler", put=dict.fromkeys(("seal_head", "seal_sequence", "seal_key", "seals")))
    later = NEXT + timedelta(days=1)
    bench.seal({later: listed(0)})
    assert bench.seals(later)[0].standing.sequence == 3
    assert bench.seals(later)[0].standing.previous == bench.seals(NEXT)[0].sha256


def test_of_days_that_a_person_asks_for_those_that_are_over_are_next(bench: SealBench) -> None:
    cursors = CursorStore(bench.table, source=SOURCE, owner="reconciler", clock=bench.clock)
    assert cursors.acquire()
    sealer, today = a_sealer(cursors, bench.bucket, bench.ledger, bench.clock), NOON.date()
    yesterday = today - timedelta(days=1)
    for first, last, days in ((DAY, DAY, [DAY]), (yesterday, today, [yesterday]), (today, today, [])):
        sealer.ask(first, last)
        assert sealer.asked() == days
    cursors.release()


def test_a_plan_is_read_as_it_was_written() -> None:
    for asked in ((DAY, NEXT), None):
        plan = Plan(first=DAY, until=NEXT, audited=DAY, due={NEXT}, open={DAY: listed(2)}, asked=asked)
        assert Plan.load(plan.dump()) == plan


def test_each_seal_is_told_when_it_is_written(bench: SealBench) -> None:
    told: list[str] = []
    bench.more["on_sealed"] = lambda seal: told.append(seal.sha256)
    bench.seal({DAY: listed(0), NEXT: listed(0)})
    assert told == [seal.sha256 for seal in bench.seals()]


def test_what_is_told_of_the_seals_of_a_round_holds_no_lines_of_theirs(bench: SealBench) -> None:
    bench.keep("one", DAY)
    (told,) = bench.seal({DAY: listed(1)})
    (written,) = bench.seals(DAY)
    assert (len(written.statement.lines), told.statement.lines) == (1, ())
    assert (told.key, told.sha256, told.standing) == (written.key, written.sha256, written.standing)
