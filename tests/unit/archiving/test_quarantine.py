"""Bytes of no known kind that the provider keeps serving are kept, apart from audio, and looked at again on request."""

from __future__ import annotations

import hashlib

import pytest

from functions.archiver.archiving import keeping
from functions.archiver.archiving.completeness import pour
from functions.archiver.audio.kinds import WAV, Kind, Verdict
from functions.archiver.bucket.sidecar import entry_of
from functions.archiver.bucket.upload import ONE_OBJECT_BYTES
from functions.archiver.entry import State
from functions.archiver.errors import Gone, NotFound, Rejected
from tests.doubles.aws import Aws
from tests.doubles.aws_calls import Died, death_before
from tests.doubles.clock import FakeClock
from tests.harness.archiving import DAY, ArchivingBench, Sends, whole
from tests.harness.audio import wav

KEY = f"quarantine/source=acme/date={DAY}/rec.bin"


def unknown(size: int = 5_000) -> bytes:
    """Bytes as a codec of one's own, or a cipher, makes them: the same ones each time."""
    blocks = (hashlib.sha256(str(number).encode()).digest() for number in range(size // 32 + 1))
    return (b"\x07\x99\xfe\x01" + b"".join(blocks))[:size]


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ArchivingBench:
    return ArchivingBench(aws, clock)


def quarantined(bench: ArchivingBench, body: bytes) -> None:
    bench.provider.audio["rec"] = [whole(body)]
    bench.finds()
    assert bench.work().outcome == "quarantined"


@pytest.mark.parametrize("size", [3, 5_000, ONE_OBJECT_BYTES + 1_000])
def test_unknown_bytes_that_come_twice_are_kept_and_never_as_audio(bench: ArchivingBench, size: int) -> None:
    body = unknown(size)
    quarantined(bench, body)
    entry = bench.entry()
    assert (entry.state, entry.attempts) == (State.QUARANTINED, 0)
    assert bench.provider.times("open") == 2
    assert bench.body(KEY) == body
    assert bench.keys("audio/") == []
    assert bench.uploads() == 0
    assert entry.stored is not None
    assert (entry.stored.key, entry.stored.sha256) == (KEY, hashlib.sha256(body).hexdigest())
    assert bench.sidecar()["key"] == KEY
    assert entry_of(bench.sidecar()).state is State.QUARANTINED


def test_unknown_bytes_that_change_are_no_recording(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(unknown(5_000)), whole(unknown(4_000))]
    bench.finds()
    assert bench.work().outcome == "rejected"
    assert bench.keys() == []


@pytest.mark.parametrize(
    "document",
    [b"<html><body>sign in</body></html>", b'{"error": "no"}', b"<?xml version='1.0'?><e/>", b"502 Bad Gateway\n"],
    ids=["HTML", "JSON", "XML", "text"],
)
def test_an_error_document_is_never_kept_however_often_it_comes(bench: ArchivingBench, document: bytes) -> None:
    bench.provider.audio["rec"] = [whole(document)]
    bench.finds()
    report = bench.work()
    while report.outcome == "rejected":
        report = bench.next_turn()
    assert report.outcome == "failed"
    assert bench.keys() == []


def test_a_header_without_sound_fails_and_is_noted_by_size_and_digest(bench: ArchivingBench) -> None:
    body = wav(0)
    bench.provider.audio["rec"] = [whole(body)]
    bench.finds()
    report = bench.work()
    while report.outcome == "rejected":
        report = bench.next_turn()
    assert report.outcome == "failed"
    assert bench.keys() == []
    assert f"({len(body)} bytes, SHA-256 {hashlib.sha256(body).hexdigest()})" in (bench.entry().reason or "")


def test_a_retry_takes_it_out_when_the_format_is_known_without_asking_the_provider(
    bench: ArchivingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = unknown()
    quarantined(bench, body)
    bench.provider.audio["rec"] = [Gone("410")]

    def knows_it(*arguments: object) -> Verdict:
        pour(*arguments)  # type: ignore[arg-type]  # handed on as they came
        return Verdict(kind=Kind.AUDIO, audio=WAV, size_bytes=len(body), codec="new")

    monkeypatch.setattr(keeping, "pour", knows_it)
    assert bench.ledger.revival.retry("rec")
    asked = bench.provider.times("open")
    assert bench.next_turn().outcome == "archived"
    assert bench.provider.times("open") == asked
    entry = bench.entry()
    assert entry.stored is not None
    assert (entry.state, entry.stored.key) == (State.ARCHIVED, f"audio/source=acme/date={DAY}/rec.wav")
    assert bench.body(entry.stored.key) == body


def test_a_retry_asks_the_provider_for_what_is_still_unknown(bench: ArchivingBench) -> None:
    quarantined(bench, unknown())
    bench.provider.audio["rec"] = [whole(wav())]
    assert bench.ledger.revival.retry("rec")
    assert bench.next_turn().outcome == "archived"
    assert bench.body(f"audio/source=acme/date={DAY}/rec.wav") == wav()


@pytest.mark.parametrize(
    "answer",
    [Gone("410"), NotFound("404"), Rejected("html"), whole(unknown()), whole(unknown(4_000))],
    ids=["gone", "404", "rejected", "the same", "other bytes"],
)
def test_whatever_a_retry_meets_what_lies_in_quarantine_stays_there(
    bench: ArchivingBench, answer: Sends | Exception
) -> None:
    quarantined(bench, unknown())
    bench.provider.audio["rec"] = [answer]
    assert bench.ledger.revival.retry("rec")
    assert bench.next_turn().outcome == "quarantined"
    assert bench.body(KEY) == unknown()
    entry = bench.entry()
    assert entry.stored is not None
    assert (entry.state, entry.stored.key) == (State.QUARANTINED, KEY)
    assert len(bench.versions("quarantine/")) == 1


def test_a_retry_of_a_long_one_that_is_still_unknown_leaves_no_upload_behind(bench: ArchivingBench) -> None:
    quarantined(bench, unknown(ONE_OBJECT_BYTES + 1_000))
    assert bench.ledger.revival.retry("rec")
    bench.provider.audio["rec"] = [Gone("410")]
    assert bench.next_turn().outcome == "quarantined"
    assert bench.uploads() == 0


def test_a_death_between_quarantine_and_mark_repeats_work_and_keeps_one_object(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(unknown())]
    bench.finds()
    message = bench.message()
    with death_before("dynamodb.UpdateItem"), pytest.raises(Died):
        bench.work(message)
    assert bench.work(message, times_received=2).outcome == "quarantined"
    assert len(bench.versions("quarantine/")) == 1
