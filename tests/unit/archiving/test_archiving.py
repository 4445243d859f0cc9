"""Every outcome has its next move, and no trouble of the source is ever a recording's fault."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.archiver.archiving.retries import ATTEMPT_DELAYS, NOT_READY_DELAYS
from functions.archiver.entry import State
from functions.archiver.errors import (
    Closed,
    Gone,
    Misconfigured,
    NotFound,
    NotReady,
    OfTheSource,
    Rejected,
    Throttled,
    TooLong,
    Unauthorized,
    Unavailable,
)
from functions.archiver.recording import Readiness, Recording
from tests.doubles.aws import Aws
from tests.doubles.clock import NOON, FakeClock
from tests.harness.archiving import DAY, RECORDED, ArchivingBench, whole
from tests.harness.audio import wav

MINUTE = timedelta(minutes=1)

EIGHT = 8
"""Attempts, after which a person is told."""


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ArchivingBench:
    return ArchivingBench(aws, clock)


def test_a_recording_is_archived_with_its_sidecar_and_marked_last(bench: ArchivingBench) -> None:
    body = wav()
    bench.provider.audio["rec"] = [whole(body)]
    bench.finds()
    report = bench.work()
    entry = bench.entry()
    assert report.outcome == "archived"
    assert report.stored is not None
    assert entry.state is State.ARCHIVED
    assert entry.stored is not None
    assert bench.body(entry.stored.key) == body
    sidecar = bench.sidecar()
    assert (sidecar["bytes"], sidecar["sha256"]) == (len(body), report.stored.sha256)
    assert sidecar["version_id"] == report.stored.version_id
    assert bench.ledger.due.next_at() is None


def test_the_key_tells_source_and_utc_date_of_recording_and_its_extension_comes_from_the_bytes(
    bench: ArchivingBench,
) -> None:
    bench.provider.audio["a/b"] = [whole(wav())]
    bench.clock.advance(timedelta(days=40))
    bench.finds("a/b", content_type="audio/mpeg")
    bench.work()
    assert bench.keys("audio/") == [f"audio/source=acme/date={DAY}/a%2Fb.wav"]


def test_a_recording_made_late_in_the_evening_elsewhere_is_filed_under_its_utc_date(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    late = RECORDED.replace(hour=23, minute=30).astimezone(tz=None)
    bench.finds(recorded_at=late)
    bench.work()
    assert bench.keys("audio/") == [f"audio/source=acme/date={DAY}/rec.wav"]


def test_what_is_not_ready_is_asked_for_later_and_later(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [NotReady("being written")]
    bench.finds()
    waits = []
    bench.work()
    for _ in range(len(NOT_READY_DELAYS)):
        waits.append(bench.waits())
        bench.next_turn()
    assert waits == list(NOT_READY_DELAYS)
    assert waits == sorted(waits)
    assert bench.waits() == NOT_READY_DELAYS[-1]
    assert (bench.entry().state, bench.entry().attempts) == (State.PENDING, 0)


def test_what_becomes_ready_is_archived(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [NotReady("being written"), whole(wav())]
    bench.finds()
    bench.work()
    assert bench.next_turn().outcome == "archived"


def test_what_is_never_ready_fails_after_three_days_with_its_reason(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [NotReady("being written")]
    bench.finds()
    bench.work()
    bench.clock.advance(timedelta(hours=72) - MINUTE)
    assert bench.next_turn().outcome == "not ready"
    bench.clock.advance(MINUTE)
    assert bench.next_turn().outcome == "failed"
    assert bench.entry().state is State.FAILED
    assert bench.entry().reason == "not ready within 3 days: being written"


def test_what_is_rejected_is_tried_eight_times_with_growing_pauses_and_then_failed(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Rejected("a 302 to a sign-in page")]
    bench.finds()
    assert bench.work().outcome == "rejected"
    waits = []
    while bench.entry().state is State.PENDING:
        waits.append(bench.waits())
        bench.next_turn()
    assert waits == list(ATTEMPT_DELAYS)
    assert bench.provider.times("open") == EIGHT
    assert (bench.entry().state, bench.entry().attempts) == (State.FAILED, EIGHT)
    assert bench.entry().reason == "a 302 to a sign-in page"


def test_a_link_that_brought_no_audio_is_not_used_again(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Rejected("a sign-in page"), whole(wav())]
    bench.finds(link="https://acme.example/public/rec")
    bench.work()
    bench.next_turn()
    assert [recording.link is None for recording in bench.provider.wanted] == [False, True]


def test_one_404_proves_nothing(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [NotFound("404"), whole(wav())]
    bench.finds()
    assert bench.work().outcome == "missing"
    assert (bench.entry().state, bench.entry().attempts) == (State.PENDING, 0)
    assert bench.waits() == timedelta(hours=1)
    assert bench.provider.times("page") == 0
    assert bench.next_turn().outcome == "archived"


def test_two_404_an_hour_apart_are_gone_while_the_provider_answers_otherwise(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [NotFound("404")]
    bench.finds()
    bench.work()
    assert bench.next_turn().outcome == "gone"
    assert bench.provider.times("page") == 1
    assert bench.entry().state is State.GONE
    assert "twice" in str(bench.entry().reason)


@pytest.mark.parametrize("trouble", [Unavailable("500"), Unauthorized("401"), Throttled("429")])
def test_nothing_is_gone_while_the_provider_does_not_answer(bench: ArchivingBench, trouble: OfTheSource) -> None:
    bench.provider.audio["rec"] = [NotFound("404"), NotFound("404"), whole(wav())]
    bench.finds()
    bench.work()
    bench.provider.trouble = trouble
    assert bench.next_turn().outcome == "released"
    assert bench.entry().state is State.PENDING
    bench.provider.trouble = None
    assert bench.next_turn().outcome == "archived"


def test_what_the_provider_says_it_deleted_is_gone_at_once(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Gone("410")]
    bench.finds()
    assert bench.work().outcome == "gone"
    assert (bench.entry().state, bench.entry().reason) == (State.GONE, "410")
    assert bench.ledger.due.next_at() is None


def test_a_listing_that_shows_it_again_revives_what_was_gone(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Gone("410"), whole(wav())]
    bench.finds()
    bench.work()
    bench.finds()
    assert bench.next_turn().outcome == "archived"


def test_a_slow_transfer_is_an_attempt_and_the_next_one_may_be_faster(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [TooLong("could not be fetched in time"), whole(wav())]
    bench.finds()
    assert bench.work().outcome == "rejected"
    assert (bench.entry().state, bench.entry().attempts) == (State.PENDING, 1)
    assert bench.next_turn().outcome == "archived"


@pytest.mark.parametrize(
    "trouble", [Throttled("429", retry_after=30), Throttled("429"), Unavailable("503"), Unauthorized("401")]
)
def test_trouble_of_the_source_cools_it_down_and_is_no_attempt(bench: ArchivingBench, trouble: OfTheSource) -> None:
    bench.provider.audio["rec"] = [trouble, whole(wav())]
    bench.provider.trouble = None if isinstance(trouble, Throttled) else trouble
    bench.finds()
    assert bench.work().outcome == "released"
    bench.provider.trouble = None
    entry = bench.entry()
    assert (entry.state, entry.attempts, entry.reason) == (State.PENDING, 0, str(trouble))
    gate = bench.pace.gate()
    assert gate.closed_until is not None
    assert entry.due_ms == round(gate.closed_until.timestamp() * 1000)
    assert bench.intake.dispatch() == 0
    assert bench.next_turn().outcome == "archived"


def test_a_source_is_left_alone_for_as_long_as_it_asks(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Throttled("429", retry_after=1234)]
    bench.finds()
    bench.work()
    assert bench.waits() == timedelta(seconds=1234)


def test_any_number_of_troubles_never_fails_a_recording(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Unavailable("503")]
    bench.provider.trouble = Unavailable("503")
    bench.finds()
    bench.work()
    for _ in range(2 * EIGHT):
        bench.next_turn()
    assert (bench.entry().state, bench.entry().attempts) == (State.PENDING, 0)


def test_a_success_ends_a_run_of_troubles(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Unavailable("503"), Unavailable("503"), whole(wav())]
    bench.provider.trouble = Unavailable("503")
    bench.finds()
    bench.work()
    bench.next_turn()
    assert bench.pace.gate().strikes == 2
    bench.provider.trouble = None
    bench.next_turn()
    assert bench.pace.gate().strikes == 0


def test_trouble_with_one_recording_after_the_other_does_not_add_up_while_the_source_answers(
    bench: ArchivingBench,
) -> None:
    bench.provider.audio["rec"] = [Unavailable("answered with 500"), Unavailable("reset"), whole(wav())]
    bench.finds()
    for turn in (bench.work, bench.next_turn):
        assert turn().outcome == "released"
        assert bench.pace.gate().strikes == 1
        assert bench.entry().attempts == 0
    assert bench.next_turn().outcome == "archived"


def test_a_recording_that_alone_brings_errors_becomes_its_own_failure(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Unavailable("answered with 500")]
    bench.finds()
    outcomes = [bench.work().outcome, bench.next_turn().outcome]
    assert outcomes == ["released", "released"]
    assert bench.provider.times("page") == 2
    assert bench.next_turn().outcome == "rejected"
    assert bench.entry().attempts == 1
    while bench.entry().state is State.PENDING:
        bench.next_turn()
    assert bench.entry().state is State.FAILED
    assert bench.entry().reason == "answered with 500, while the provider answers otherwise"
    assert bench.pace.gate().closed_until is None


def test_a_refused_recording_is_not_a_refused_source(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Unauthorized("answered with 401")]
    bench.finds()
    assert bench.work().outcome == "rejected"
    assert bench.entry().attempts == 1
    assert not bench.pace.gate().refused


def test_a_source_that_refuses_its_list_as_well_is_refused(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [Unauthorized("answered with 401")]
    bench.provider.trouble = Unauthorized("the list too")
    bench.finds()
    assert bench.work().outcome == "released"
    assert bench.pace.gate().refused
    assert bench.entry().attempts == 0


def test_what_met_a_closed_source_waits_until_it_opens_and_asks_nothing(bench: ArchivingBench) -> None:
    until = NOON + timedelta(minutes=7)
    bench.provider.audio["rec"] = [Closed("cooling down", until=until), whole(wav())]
    bench.finds()
    assert bench.work().outcome == "released"
    assert bench.waits() == timedelta(minutes=7)
    assert bench.entry().troubles == 0
    assert bench.provider.times("page") == 0
    assert bench.next_turn().outcome == "archived"


def test_a_missing_secret_closes_the_source_and_fails_no_recording(bench: ArchivingBench) -> None:
    def missing() -> object:
        raise Misconfigured("the secret acme does not exist or cannot be read")

    bench.provider_of = missing
    bench.finds()
    assert bench.work().outcome == "released"
    assert (bench.entry().state, bench.entry().attempts) == (State.PENDING, 0)
    assert bench.entry().reason == "the secret acme does not exist or cannot be read"
    assert bench.pace.gate().refused


def test_anything_else_is_raised_so_that_the_message_comes_again(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [ZeroDivisionError("a bug")]
    bench.finds()
    with pytest.raises(ZeroDivisionError):
        bench.work()
    assert bench.entry().state is State.QUEUED


def test_siblings_that_opening_reveals_are_inserted_once(bench: ArchivingBench) -> None:
    siblings = [Recording(id="other", call_id="c", recorded_at=RECORDED, raw={"leg": 2})]
    bench.provider.audio["rec"] = [Rejected("first"), whole(wav(), siblings=siblings)]
    bench.provider.audio["other"] = [whole(wav(), siblings=[Recording(id="rec", recorded_at=RECORDED)])]
    bench.finds()
    bench.work()
    bench.next_turn()
    assert bench.work().outcome == "archived"
    assert bench.aws.messages() == []
    assert {entry.recording.id: entry.state for entry in bench.ledger.everything()} == {
        "rec": State.ARCHIVED,
        "other": State.ARCHIVED,
    }


def test_what_opening_tells_anew_is_in_the_sidecar(bench: ArchivingBench) -> None:
    fresh = Recording(id="rec", recorded_at=RECORDED, agent="Ada", raw={"agent": "Ada"})
    bench.provider.audio["rec"] = [whole(wav(), recording=fresh)]
    bench.finds()
    bench.work()
    assert bench.sidecar()["agent"] == "Ada"


def test_a_hint_is_described_before_anything_is_fetched(bench: ArchivingBench) -> None:
    bench.provider.described["rec"] = [Recording(id="rec", recorded_at=RECORDED, agent="Ada", raw={"id": 1})]
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds(recorded_at=None, raw={})
    assert bench.work().outcome == "archived"
    assert [what for what, _ in bench.provider.asked] == ["describe", "open"]
    assert bench.sidecar()["agent"] == "Ada"
    assert bench.keys("audio/") == [f"audio/source=acme/date={DAY}/rec.wav"]


def test_a_hint_is_described_once(bench: ArchivingBench) -> None:
    bench.provider.described["rec"] = [Recording(id="rec", recorded_at=RECORDED, raw={"id": 1})]
    bench.provider.audio["rec"] = [Rejected("not yet audio"), whole(wav())]
    bench.finds(recorded_at=None, raw={})
    bench.work()
    bench.next_turn()
    assert bench.provider.times("describe") == 1


@pytest.mark.parametrize(
    ("readiness", "outcome"),
    [(Readiness.NOT_READY, "not ready"), (Readiness.GONE, "gone"), (Readiness.BROKEN, "rejected")],
)
def test_a_hint_moves_as_its_description_says(bench: ArchivingBench, readiness: Readiness, outcome: str) -> None:
    bench.provider.described["rec"] = [Recording(id="rec", recorded_at=RECORDED, readiness=readiness, raw={"id": 1})]
    bench.finds(recorded_at=None, raw={})
    assert bench.work().outcome == outcome
    assert bench.provider.times("open") == 0


def test_a_source_that_refuses_one_recording_again_and_again_is_not_asked_while_it_wants_to_be_left_alone(
    bench: ArchivingBench,
) -> None:
    """Each time after the first few the source is asked for a list first, and once it was refused for nothing more."""
    bench.provider.audio["rec"] = [Throttled("429", retry_after=30)]
    bench.finds()
    outcomes = [bench.work().outcome]
    while bench.entry().state is State.PENDING:
        before = len(bench.provider.asked)
        outcomes.append(bench.next_turn().outcome)
        assert bench.provider.asked[-1] == ("open", "rec")
        assert len(bench.provider.asked) - before == (2 if len(outcomes) > 3 else 1)
        gate = bench.pace.gate()
        assert gate.closed_until is not None
    assert outcomes == ["released"] * 3 + ["rejected"] * 7 + ["failed"]
