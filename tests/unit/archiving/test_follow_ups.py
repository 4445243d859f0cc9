"""Transcripts that come later, and calls whose recordings have to be looked up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from functions.archiver.archiving.retries import NOT_READY_DELAYS
from functions.archiver.bucket.everything import versions_of
from functions.archiver.entry import State
from functions.archiver.errors import Gone, NotReady, Outcome, Rejected, Unavailable
from functions.archiver.ledger.holds import Holds
from functions.archiver.recording import Call, Recording, Transcript, TranscriptState
from tests.doubles.aws import Aws, s3
from tests.doubles.aws_calls import Died, death_before
from tests.doubles.clock import FakeClock
from tests.harness.archiving import DAY, RECORDED, ArchivingBench, whole
from tests.harness.audio import wav

A_DAY = timedelta(days=1)
PENDING = Transcript(state=TranscriptState.PENDING)
DONE = Transcript(state=TranscriptState.COMPLETED, text="Hello?", language="en")
TRANSCRIPT = f"transcripts/source=acme/date={DAY}/rec.json"


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ArchivingBench:
    return ArchivingBench(aws, clock)


def archive(bench: ArchivingBench, transcript: Transcript) -> None:
    bench.provider.audio["rec"] = [whole(wav(), transcript=transcript)]
    bench.finds(agent="Ada")
    assert bench.work().outcome == "archived"


def test_a_transcript_that_comes_with_the_audio_is_written_with_it(bench: ArchivingBench) -> None:
    archive(bench, DONE)
    assert bench.aws.document(TRANSCRIPT)["text"] == "Hello?"
    assert bench.sidecar()["transcript"] == "completed"
    assert bench.ledger.due.next_at() is None


def test_a_late_transcript_is_fetched_without_the_audio(bench: ArchivingBench) -> None:
    bench.provider.transcripts["rec"] = [PENDING, DONE]
    archive(bench, PENDING)
    assert bench.entry().state is State.ARCHIVED
    assert bench.sidecar()["transcript"] == "pending"
    assert bench.next_turn().outcome == "not ready"
    assert bench.next_turn().outcome == "transcript completed"
    assert bench.provider.times("open") == 1
    assert len(bench.versions("audio/")) == 1
    assert bench.aws.document(TRANSCRIPT) == {
        "source": "acme",
        "recording_id": "rec",
        "call_id": None,
        "recorded_at": RECORDED.isoformat(),
        "language": "en",
        "text": "Hello?",
    }
    assert bench.ledger.due.next_at() is None
    assert bench.aws.item("acme#transcript#rec") is None


def test_a_late_transcript_changes_nothing_else_in_the_sidecar(bench: ArchivingBench) -> None:
    bench.provider.transcripts["rec"] = [DONE]
    archive(bench, PENDING)
    before = bench.sidecar()
    assert before["sha256"]
    bench.next_turn()
    assert bench.sidecar() == {**before, "transcript": "completed"}


@pytest.mark.parametrize("answer", [DONE, Transcript(state=TranscriptState.FAILED)])
@pytest.mark.parametrize("released", [False, True])
def test_a_recording_that_is_held_while_its_transcript_is_fetched_is_held_with_all_its_documents(
    bench: ArchivingBench, answer: Transcript, released: bool
) -> None:
    s3().put_object_lock_configuration(
        Bucket=bench.aws.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    )
    bench.provider.transcripts["rec"] = [answer]
    archive(bench, PENDING)
    holds = Holds(bench.aws.table, source="acme", clock=bench.clock)

    def hold() -> ArchivingBench:
        holds.hold("rec", "case")
        if released:
            holds.release("rec", "case")
        return bench

    bench.provider_of = lambda: hold().provider
    bench.next_turn()
    documents = [version for version in versions_of(bench.store.bucket, bench.entry().place) if version.latest]
    heads = [bench.store.bucket.head(each.key, version_id=each.version_id) for each in documents]
    assert len(heads) == 2 + (answer is DONE)
    assert {head.held for head in heads if head} == {not released}


def test_a_transcript_that_the_provider_could_not_make_is_noted(bench: ArchivingBench) -> None:
    bench.provider.transcripts["rec"] = [Transcript(state=TranscriptState.FAILED)]
    archive(bench, PENDING)
    assert bench.next_turn().outcome == "transcript failed"
    assert bench.sidecar()["transcript"] == "failed"
    assert bench.keys("transcripts/") == []
    assert bench.ledger.due.next_at() is None


@pytest.mark.parametrize("answer", [PENDING, NotReady("not yet"), Rejected("nonsense"), Gone("deleted")])
def test_a_transcript_is_given_up_after_a_day_and_the_recording_stays(
    bench: ArchivingBench, answer: Transcript | Outcome
) -> None:
    bench.provider.transcripts["rec"] = [answer]
    archive(bench, PENDING)
    assert bench.next_turn().outcome == "not ready"
    assert bench.waits() == NOT_READY_DELAYS[0]
    bench.clock.advance(A_DAY - timedelta(hours=1))
    assert bench.next_turn().outcome == "not ready"
    bench.clock.advance(timedelta(hours=1))
    assert bench.next_turn().outcome == "given up"
    assert bench.ledger.due.next_at() is None
    assert bench.entry().state is State.ARCHIVED


def test_trouble_of_the_source_does_not_give_a_transcript_up(bench: ArchivingBench) -> None:
    bench.provider.transcripts["rec"] = [Unavailable("503"), DONE]
    archive(bench, PENDING)
    bench.clock.advance(2 * A_DAY)
    assert bench.next_turn().outcome == "released"
    assert bench.next_turn().outcome == "transcript completed"


def test_a_run_that_died_between_sidecar_and_mark_still_asks_for_the_transcript(bench: ArchivingBench) -> None:
    bench.provider.makes_transcripts()
    bench.provider.transcripts["rec"] = [DONE]
    bench.provider.audio["rec"] = [whole(wav(), transcript=PENDING)]
    bench.finds()
    message = bench.message()
    with death_before("dynamodb.PutItem"), pytest.raises(Died):
        bench.work(message)
    assert bench.work(message, times_received=2).outcome == "archived"
    assert bench.next_turn().outcome == "transcript completed"
    assert bench.provider.times("open") == 1


def look_up(bench: ArchivingBench, *answers: Sequence[Recording] | Exception) -> None:
    bench.provider.calls["call"] = list(answers)
    bench.intake.take_calls([Call(call_id="call")], "webhook")


def test_a_lookup_brings_the_recordings_of_its_call_and_goes(bench: ArchivingBench) -> None:
    found = [Recording(id=id_, call_id="call", recorded_at=RECORDED, raw={"id": id_}) for id_ in ("a", "b")]
    look_up(bench, NotReady("no recording yet"), found)
    assert bench.next_turn().outcome == "not ready"
    assert bench.next_turn().outcome == "looked up"
    assert {entry.recording.id for entry in bench.ledger.everything()} == {"a", "b"}
    assert {entry.discovered_by for entry in bench.ledger.everything()} == {"webhook"}
    assert bench.aws.item("acme#lookup#call") is None


def test_a_lookup_that_finds_nothing_in_a_day_is_given_up(bench: ArchivingBench) -> None:
    look_up(bench, NotReady("no recording yet"))
    bench.next_turn()
    bench.clock.advance(A_DAY)
    assert bench.next_turn().outcome == "given up"
    assert bench.aws.items().keys() <= {"acme#pace"}
