"""Only a recording's own bytes are adopted, whatever stands at its key and however often it is tried."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from functions.archiver.archiving.retries import MAX_ATTEMPTS
from functions.archiver.entry import State
from functions.archiver.ledger.conditions import Equals
from functions.archiver.recording import Rendition
from tests.doubles.aws import Aws, s3
from tests.doubles.aws_calls import Died, death_before, refused
from tests.doubles.clock import FakeClock
from tests.harness.archiving import ArchivingBench, whole
from tests.harness.audio import wav

LONG = wav(9 * 2**20)


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ArchivingBench:
    return ArchivingBench(aws, clock)


@pytest.mark.parametrize("extension", ["wav", "exe"])
def test_other_bytes_at_the_key_are_never_taken_for_the_recording(bench: ArchivingBench, extension: str) -> None:
    true = wav()
    bench.provider.audio["rec"] = [whole(true)]
    bench.finds(size_bytes=len(true), content_type="audio/wav")
    s3().put_object(Bucket=bench.aws.bucket, Key=bench.entry().place.audio(extension), Body=b"somebody else's")
    report = bench.work()
    if extension != "wav":
        assert report.outcome == "archived"
        assert bench.entry().stored is not None
        assert bench.body(bench.entry().place.audio("wav")) == true
        return
    for _ in range(MAX_ATTEMPTS - 1):
        assert report.outcome == "rejected"
        report = bench.next_turn()
    assert bench.entry().state is State.FAILED
    assert "holds other bytes" in (bench.entry().reason or "")
    assert bench.body(bench.entry().place.audio("wav")) == b"somebody else's"


@pytest.mark.parametrize("body", [wav(), LONG], ids=["one piece", "parts"])
def test_a_run_that_died_before_its_mark_left_an_object_that_is_adopted_without_a_download(
    bench: ArchivingBench, body: bytes
) -> None:
    bench.provider.audio["rec"] = [whole(body)]
    bench.finds()
    message = bench.message()
    with death_before("dynamodb.UpdateItem", 1 if body is not LONG else 2), pytest.raises(Died):
        bench.work(message)
    assert bench.work(message, times_received=2).outcome == "archived"
    assert bench.provider.times("open") == 1
    stored = bench.entry().stored
    assert stored is not None
    assert stored.sha256 == hashlib.sha256(body).hexdigest()
    assert len(bench.versions()) == 1


@pytest.mark.parametrize(
    ("body", "claims", "sends", "updates"),
    [
        (wav(), {"size_bytes": 7, "content_type": "audio/wav"}, {}, 2),
        (LONG, {"size_bytes": 7, "content_type": "audio/wav"}, {}, 2),
        (wav(), {}, {"content_type": "audio/mpeg"}, 2),
        (wav(), {}, {"undone": "gzip"}, 2),
        (wav(), {}, {"rendition": Rendition(format="wav", channels=2)}, 1),
        (LONG, {}, {"rendition": Rendition(format="wav")}, 2),
    ],
    ids=["listed size", "listed size, in parts", "content type", "coding", "rendition", "rendition, in parts"],
)
def test_what_is_adopted_is_told_as_if_nobody_had_died(
    bench: ArchivingBench, body: bytes, claims: dict[str, Any], sends: dict[str, Any], updates: int
) -> None:
    """Ledger and sidecar say what was claimed of the bytes and which form was asked for."""
    bench.provider.audio = {id_: [whole(body, **sends)] for id_ in ("alive", "rec")}
    bench.finds("alive", **claims)
    bench.work()
    alive = bench.entry("alive").stored
    assert alive is not None
    bench.finds(**claims)
    message = bench.message()
    with death_before("dynamodb.UpdateItem", updates), pytest.raises(Died):
        bench.work(message)
    assert bench.work(message, times_received=2).outcome == "archived"
    stored = bench.entry().stored
    assert stored is not None
    assert (stored.contradictions, stored.rendition) == (alive.contradictions, alive.rendition)
    assert stored.contradictions or stored.rendition
    assert len(bench.sidecar()["contradictions"]) == len(alive.contradictions)


def test_a_sidecar_that_is_refused_keeps_no_long_recording_from_being_archived(
    bench: ArchivingBench,
) -> None:
    bench.provider.audio["rec"] = [whole(LONG)]
    bench.finds()
    message = bench.message()
    with death_before("s3.PutObject"), pytest.raises(Died):
        bench.work(message)
    with refused("s3.GetObject", 403, "AccessDenied"):
        assert bench.work(message, times_received=2).outcome == "archived"


def test_the_ledger_made_anew_takes_an_old_object_only_after_comparing_bytes(
    bench: ArchivingBench, clock: FakeClock
) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    assert bench.work().outcome == "archived"
    bench.aws.table.delete("acme#recording#rec", when=Equals("state", "archived"))
    clock.advance(timedelta(minutes=1))
    bench.finds()
    assert bench.work().outcome == "archived"
    assert bench.provider.times("open") == 2
    assert len(bench.versions()) == 1
