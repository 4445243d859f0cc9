"""An end state is left when the provider says something else, once a day, or because a person wants it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.archiver.entry import State
from functions.archiver.errors import Rejected, Unavailable
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.revival import description_digest
from functions.archiver.recording import Readiness
from tests.doubles.aws import Aws
from tests.doubles.clock import FakeClock
from tests.harness.archiving import ArchivingBench, whole
from tests.harness.audio import wav
from tests.harness.ledger import PK, STORED, again, ledger_of, present, queued, recording

REC = "acme#recording#rec"
HALF_A_DAY = timedelta(hours=12)


@pytest.fixture
def ledger(aws: Aws, clock: FakeClock) -> Ledger:
    return ledger_of(aws, clock)


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ArchivingBench:
    return ArchivingBench(aws, clock)


def fail(bench: ArchivingBench, **facts: Any) -> None:
    bench.provider.audio["rec"] = [Rejected("a sign-in page")]
    bench.finds(**facts)
    report = bench.work()
    while report.outcome == "rejected":
        report = bench.next_turn()
    assert bench.entry().state is State.FAILED


@pytest.mark.parametrize(
    "now_said",
    [
        {"size_bytes": 5_000},
        {"link": "https://media.example/other.wav"},
        {"readiness": Readiness.BROKEN},
    ],
    ids=["size", "link", "state"],
)
def test_a_listing_that_says_something_else_revives_a_failed_recording(
    bench: ArchivingBench, now_said: dict[str, Any]
) -> None:
    fail(bench, size_bytes=4_044, link="https://media.example/rec.wav?token=1")
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds(**{"size_bytes": 4_044, "link": "https://media.example/rec.wav?token=1", **now_said})
    assert bench.entry().attempts == 0
    assert bench.next_turn().outcome == "archived"


@pytest.mark.parametrize("discovered_by", ["schedule", "webhook", "backfill"])
def test_a_listing_that_says_the_same_revives_nothing(
    bench: ArchivingBench, clock: FakeClock, discovered_by: Any
) -> None:
    fail(bench, size_bytes=4_044, link="https://media.example/rec.wav?token=1")
    clock.advance(timedelta(days=3))
    same = bench.finds(size_bytes=4_044, link="https://media.example/rec.wav?token=2", agent="Another")
    bench.intake.take([same], discovered_by)
    assert bench.entry().state is State.FAILED


def test_the_daily_reconcile_gives_one_attempt_a_day(bench: ArchivingBench, clock: FakeClock) -> None:
    fail(bench)
    same, opened = bench.finds(), bench.provider.times("open")
    for day in range(1, 4):
        clock.advance(timedelta(days=1))
        for _ in range(3):  # a walk meets it again in its second pass
            bench.intake.take([same], "reconcile")
            if bench.ledger.due.next_at():
                assert bench.next_turn().outcome == "failed"
        assert bench.provider.times("open") == opened + day
    bench.provider.audio["rec"] = [whole(wav())]
    clock.advance(timedelta(days=1))
    bench.intake.take([same], "reconcile")
    assert bench.next_turn().outcome == "archived"


def test_the_daily_attempt_leaves_alone_what_a_person_accepted(bench: ArchivingBench, clock: FakeClock) -> None:
    fail(bench)
    assert bench.ledger.revival.accept("rec", "the customer hung up")
    clock.advance(timedelta(days=2))
    bench.intake.take([bench.finds()], "reconcile")
    entry = bench.entry()
    assert (entry.state, entry.accepted) == (State.FAILED, True)


@pytest.mark.parametrize("accepted", [False, True])
def test_retry_always_revives_with_fresh_attempts(bench: ArchivingBench, accepted: bool) -> None:
    fail(bench)
    if accepted:
        bench.ledger.revival.accept("rec", "known")
    bench.provider.audio["rec"] = [Rejected("html"), whole(wav())]
    assert bench.ledger.revival.retry("rec", "ada")
    assert (bench.entry().attempts, bench.entry().accepted) == (0, False)
    assert bench.next_turn().outcome == "rejected"
    assert bench.next_turn().outcome == "archived"
    assert [code for _, code, _ in bench.entry().story][-3:] == ["retried", "tried", "archived"]


def test_retry_and_accept_are_for_what_failed_or_lies_in_quarantine(ledger: Ledger) -> None:
    assert not ledger.revival.retry("rec-1")
    ticket = queued(ledger)
    assert not ledger.revival.retry("rec-1")
    assert not ledger.revival.accept("rec-1", "known")
    ledger.mark_archived(ticket, STORED)
    assert not ledger.revival.retry("rec-1")
    assert not ledger.revival.accept("rec-1", "known")


def _listed_otherwise(bench: ArchivingBench) -> None:
    bench.finds(size_bytes=5_000)


def _retried(bench: ArchivingBench) -> None:
    assert bench.ledger.revival.retry("rec")


def _gone_and_listed_again(bench: ArchivingBench) -> None:
    bench.aws.table.update(REC, put={"state": "gone"}, remove=["due_at", "due_group"])
    bench.finds()


@pytest.mark.parametrize("revived", [_listed_otherwise, _retried, _gone_and_listed_again])
def test_a_revived_recording_begins_afresh(bench: ArchivingBench, revived: Callable[[ArchivingBench], None]) -> None:
    """Troubles and deaths of before would make the next trouble of its source one of its own."""
    fail(bench)
    before: dict[str, object] = {"troubles": 9, "deaths": 2, "not_before": 1, "looks": 3, "missing_since": 1}
    bench.aws.table.update(REC, put=before)
    revived(bench)
    item = bench.aws.table.get(REC) or {}
    assert item["state"] == "pending"
    assert not item.keys() & {*before, "attempts", "accepted", "reason"}
    bench.provider.audio["rec"] = [Unavailable("503")]
    assert bench.next_turn().outcome == "released"
    assert (bench.entry().attempts, bench.entry().troubles) == (0, 1)


def test_what_is_accepted_keeps_its_state_and_is_counted_by_itself(aws: Aws, ledger: Ledger) -> None:
    ledger.mark_quarantined(queued(ledger), STORED, "unknown")
    assert ledger.revival.accept("rec-1", "a fax")
    item = present(aws.item(PK))
    assert (item["state"], item["accepted"], item["due_group"]) == ("quarantined", True, "acme#accepted")
    assert ledger.revival.retry("rec-1")
    entry = ledger.entry(again(ledger))
    assert (entry.accepted, entry.stored) == (False, STORED)


def test_a_query_in_a_link_is_nothing_new() -> None:
    one, other = (recording(link=f"https://media.example/a?{query}") for query in ("x=1", "x=2"))
    assert (
        description_digest(one)
        == description_digest(other)
        != description_digest(recording(link="https://media.example/b"))
    )
