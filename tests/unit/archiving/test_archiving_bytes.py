"""Only audio is stored, and only when something proves that it is whole."""

from __future__ import annotations

from typing import Any

import pytest

from functions.archiver.audio.kinds import MP3, WAV
from functions.archiver.entry import State
from functions.archiver.errors import Gone, Unavailable
from tests.doubles.aws import Aws, s3
from tests.doubles.aws_calls import Died, calls_kept, death_before, refused
from tests.doubles.clock import FakeClock
from tests.harness.archiving import PIECE, ArchivingBench, Sends, whole
from tests.harness.audio import mp3, wav

LONG = 9 * 1024 * 1024
UNKNOWN = 0xFFFFFFFF


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ArchivingBench:
    return ArchivingBench(aws, clock)


def sent(bench: ArchivingBench, *answers: Sends | Exception, **facts: Any) -> str:
    """What becomes of a recording for which the provider sends this."""
    bench.provider.audio["rec"] = list(answers)
    bench.finds(**facts)
    return bench.work().outcome


NOT_PROVEN = wav(claimed=UNKNOWN)
"""A streaming writer's header, which does not know how much follows."""


@pytest.mark.parametrize("body", [NOT_PROVEN, mp3()], ids=["wav", "mp3"])
def test_a_content_length_proves_the_length(bench: ArchivingBench, body: bytes) -> None:
    assert sent(bench, whole(body)) == "archived"
    assert bench.provider.times("open") == 1


def test_chunked_framing_proves_the_length(bench: ArchivingBench) -> None:
    assert sent(bench, Sends(body=NOT_PROVEN, framed=True)) == "archived"
    assert bench.provider.times("open") == 1


@pytest.mark.parametrize("claimed", ["audio/wav", "audio/x-wav", "Audio/Wave", "audio/vnd.wave"])
def test_a_listed_size_of_the_same_type_proves_the_length(bench: ArchivingBench, claimed: str) -> None:
    outcome = sent(bench, Sends(body=NOT_PROVEN), size_bytes=len(NOT_PROVEN), content_type=claimed)
    assert outcome == "archived"
    assert bench.provider.times("open") == 1


@pytest.mark.parametrize("framed", [True, False])
def test_another_length_than_the_listed_one_has_to_come_twice(bench: ArchivingBench, framed: bool) -> None:
    body = wav()
    length = len(body) if framed else None
    outcome = sent(bench, Sends(body=body, length=length), size_bytes=len(body) + 8, content_type="audio/wav")
    assert outcome == "archived"
    assert bench.provider.times("open") == 2
    assert bench.sidecar()["contradictions"] == [
        {"what": "listed size", "claimed": f"{len(body) + 8} bytes", "found": f"{len(body)} bytes"}
    ]


def test_a_content_length_that_the_wavs_own_header_contradicts_has_to_come_twice(bench: ArchivingBench) -> None:
    cut = wav(claimed=8_000)
    assert sent(bench, whole(cut), whole(wav(8_000))) == "rejected"
    assert "two fetches brought different content" in str(bench.entry().reason)
    assert bench.versions() == []


def test_a_wav_that_the_provider_itself_has_cut_is_archived_as_it_is(bench: ArchivingBench) -> None:
    assert sent(bench, whole(wav(claimed=8_000))) == "archived"
    assert bench.provider.times("open") == 2


@pytest.mark.parametrize("claimed", ["audio/mpeg", None])
def test_a_listed_size_of_another_type_says_nothing(bench: ArchivingBench, claimed: str | None) -> None:
    assert sent(bench, whole(wav()), size_bytes=7, content_type=claimed) == "archived"


def test_a_format_that_ends_where_it_says_proves_the_length(bench: ArchivingBench) -> None:
    assert sent(bench, Sends(body=wav())) == "archived"
    assert bench.provider.times("open") == 1


def test_an_end_between_two_frames_proves_nothing(bench: ArchivingBench) -> None:
    assert sent(bench, Sends(body=mp3(frames=10)), Sends(body=mp3())) == "rejected"
    assert bench.next_turn().outcome == "archived"
    assert bench.body(bench.keys("audio/")[0]) == mp3()


@pytest.mark.parametrize("length", [None, 1], ids=["closed", "framed"])
@pytest.mark.parametrize(
    ("body", "contradiction"),
    [
        (wav(claimed=8_000), ("length in its header", "8044 bytes", "4044 bytes")),
        (mp3(cut=7), ("end of the file", "that of its format", "its last frame is cut")),
    ],
    ids=["wav", "mp3"],
)
def test_a_format_that_tells_of_more_has_to_come_twice(
    bench: ArchivingBench, body: bytes, contradiction: tuple[str, str, str], length: int | None
) -> None:
    assert sent(bench, Sends(body=body, length=length and len(body))) == "archived"
    assert bench.provider.times("open") == 2
    stored = bench.entry().stored
    assert stored is not None
    assert [(each.what, each.claimed, each.found) for each in stored.contradictions] == [contradiction]


def test_a_wrong_label_is_noted_and_decides_nothing(bench: ArchivingBench) -> None:
    assert sent(bench, whole(wav(), content_type="application/json")) == "archived"
    assert bench.provider.times("open") == 1
    assert bench.sidecar()["contradictions"] == [
        {"what": "content type", "claimed": "application/json", "found": "audio/wav"}
    ]


def test_the_sidecar_tells_codec_channels_and_a_duration_that_the_provider_left_out(bench: ArchivingBench) -> None:
    assert sent(bench, whole(wav())) == "archived"
    known = {name: bench.sidecar()[name] for name in ("codec", "channels", "duration_seconds", "contradictions")}
    assert known == {"codec": "pcm", "channels": 1, "duration_seconds": 0.25, "contradictions": []}


def test_a_duration_that_the_provider_tells_stays(bench: ArchivingBench) -> None:
    assert sent(bench, whole(wav()), duration_seconds=3.5) == "archived"
    assert bench.sidecar()["duration_seconds"] == 3.5


def test_where_nothing_proves_the_length_two_fetches_have_to_agree(bench: ArchivingBench) -> None:
    assert sent(bench, Sends(body=NOT_PROVEN)) == "archived"
    assert bench.provider.times("open") == 2
    assert len(bench.versions()) == 1


@pytest.mark.parametrize("again", [NOT_PROVEN + b"\1\2", NOT_PROVEN[:-1] + b"\3"], ids=["longer", "other"])
def test_two_fetches_that_differ_are_rejected(bench: ArchivingBench, again: bytes) -> None:
    assert sent(bench, Sends(body=NOT_PROVEN), Sends(body=again)) == "rejected"
    assert "two fetches brought different content" in str(bench.entry().reason)
    assert bench.versions() == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "an HTML page in place of audio"),
        (b'{"message": "not found"}', "a JSON document in place of audio"),
        (b"", "an empty body"),
        (wav(0), "a WAV header without sound"),
    ],
)
def test_what_is_not_audio_is_never_stored_and_named(bench: ArchivingBench, body: bytes, reason: str) -> None:
    assert sent(bench, whole(body), content_type="audio/wav") == "rejected"
    assert (bench.entry().reason or "").startswith(reason)
    assert bench.keys() == []


def test_of_a_long_body_that_is_not_audio_nothing_goes_to_the_bucket(bench: ArchivingBench) -> None:
    page = b"<html>" + b" " * LONG
    with calls_kept() as calls:
        assert sent(bench, whole(page)) == "rejected"
    assert [call.operation for call in calls if call.operation.startswith("s3.")] == []


def test_a_long_body_that_is_not_audio_is_not_read_to_its_end(bench: ArchivingBench) -> None:
    broken = Unavailable("the end would never come")
    assert sent(bench, Sends(body=b"<html>" + b" " * 4 * PIECE, fails=broken)) == "rejected"


def test_a_body_that_breaks_off_leaves_nothing_behind(bench: ArchivingBench) -> None:
    body = wav(LONG)
    broken = Sends(body=body, length=2 * len(body), fails=Unavailable("the body ended early"))
    with calls_kept() as calls:
        assert sent(bench, broken) == "released"
    assert "s3.CreateMultipartUpload" in {call.operation for call in calls}
    assert (bench.versions(), bench.uploads()) == ([], 0)
    assert bench.entry().attempts == 0


def test_a_long_recording_whose_length_nothing_proves_is_compared_before_it_is_visible(bench: ArchivingBench) -> None:
    body = wav(LONG, claimed=UNKNOWN)
    assert sent(bench, Sends(body=body), Sends(body=body + b"\1\2")) == "rejected"
    assert (bench.versions(), bench.uploads()) == ([], 0)


def test_the_type_in_the_archive_is_that_of_the_bytes(bench: ArchivingBench) -> None:
    assert sent(bench, whole(mp3()), content_type="audio/wav") == "archived"
    stored = bench.entry().stored
    assert stored is not None
    assert stored.content_type == MP3.content_type != WAV.content_type
    assert stored.key.endswith(".mp3")


def test_a_retry_adopts_the_recordings_own_object_without_asking_the_provider(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav()), Gone("deleted meanwhile")]
    bench.finds()
    with death_before("s3.PutObject", 2), pytest.raises(Died):
        bench.work()
    bench.clock.moment = bench.ledger.due.next_at() or bench.clock.moment
    assert bench.next_turn().outcome == "archived"
    assert bench.provider.times("open") == 1
    assert len(bench.versions()) == 1
    assert bench.sidecar()["sha256"] == getattr(bench.entry().stored, "sha256", None)


def test_other_bytes_under_the_recordings_key_are_never_overwritten(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    key = bench.entry().place.audio("wav")
    s3().put_object(Bucket=bench.aws.bucket, Key=key, Body=b"somebody else's")
    assert bench.work().outcome == "rejected"
    assert bench.entry().reason == f"the key {key} holds other bytes, which were left as they are"
    assert bench.body(key) == b"somebody else's"
    assert len(bench.versions()) == 1


def test_two_writers_that_meet_at_a_key_start_again(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    with refused("s3.PutObject", 409, "ConditionalRequestConflict"):
        assert bench.work().outcome == "released"
    entry = bench.entry()
    assert (entry.state, entry.attempts, entry.troubles) == (State.PENDING, 0, 0)
    assert bench.next_turn().outcome == "archived"
