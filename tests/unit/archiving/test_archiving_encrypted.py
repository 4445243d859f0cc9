"""Audio that only the customer can decrypt is kept as it came, with what decrypts it beside it."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import pytest

from functions.archiver.entry import State
from functions.archiver.recording import Rendition
from tests.doubles.aws import Aws
from tests.doubles.clock import FakeClock
from tests.harness.archiving import DAY, ArchivingBench, Sends, whole
from tests.harness.audio import wav

KEY = f"audio/source=acme/date={DAY}/rec.wav.enc"
DETAILS = {"encryption_details": {"encrypted_cek": "c2VhbGVk", "iv": "aXY="}}


def ciphertext(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ArchivingBench:
    return ArchivingBench(aws, clock)


def sent(bench: ArchivingBench, *answers: Sends) -> str:
    bench.provider.audio["rec"] = list(answers)
    bench.finds(raw={"id": "rec", **DETAILS})
    return bench.work().outcome


@pytest.mark.parametrize("size", [1, 100, 5_000, 9 * 1024 * 1024])
def test_it_is_archived_byte_for_byte_with_what_decrypts_it(bench: ArchivingBench, size: int) -> None:
    body = b"\xff" + ciphertext(size)
    rendition = Rendition(format="wav", channels=2)
    assert sent(bench, whole(body, encrypted="wav", rendition=rendition)) == "archived"
    assert bench.body(KEY) == body
    document = bench.sidecar()
    assert (document["key"], document["codec"], document["sha256"]) == (
        KEY,
        "encrypted",
        hashlib.sha256(body).hexdigest(),
    )
    assert document["rendition"] == {"format": "wav", "channels": 2}
    assert document["provider_document"]["encryption_details"] == DETAILS["encryption_details"]


def test_the_rendition_of_ordinary_audio_is_noted_as_well(bench: ArchivingBench) -> None:
    assert sent(bench, whole(wav(), rendition=Rendition(format="wav", channels=1))) == "archived"
    assert bench.sidecar()["rendition"] == {"format": "wav", "channels": 1}
    assert bench.entry().stored is not None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Please sign in</html>", b'{"code": 20404}' * 500, b"<?xml version='1.0'?>" + "é".encode() * 9000],
    ids=["nothing", "HTML", "JSON", "XML"],
)
def test_a_document_in_its_place_is_not_kept(bench: ArchivingBench, body: bytes) -> None:
    assert sent(bench, whole(body, encrypted="wav")) == "rejected"
    assert bench.keys("audio/") == []


def test_where_nothing_proves_its_length_two_fetches_have_to_agree(bench: ArchivingBench) -> None:
    body = ciphertext(5_000)
    assert sent(bench, Sends(body=body, encrypted="wav")) == "archived"
    assert bench.provider.times("open") == 2


def test_two_fetches_that_differ_are_rejected(bench: ArchivingBench) -> None:
    answers = [Sends(body=ciphertext(5_000)[:size], encrypted="wav") for size in (5_000, 4_000)]
    assert sent(bench, *answers) == "rejected"


def test_what_a_run_before_its_death_stored_is_found_again(bench: ArchivingBench) -> None:
    body = ciphertext(5_000)
    sent(bench, whole(body, encrypted="wav"))
    stored = bench.store.find(bench.entry())
    assert stored is not None
    assert (stored.key, stored.codec) == (KEY, "encrypted")


def test_an_id_that_looks_like_an_encrypted_file_is_not_taken_for_one(bench: ArchivingBench) -> None:
    bench.provider.audio["rec.wav"] = [whole(ciphertext(500), encrypted="wav")]
    bench.finds("rec.wav", raw=DETAILS)
    assert bench.work().outcome == State.ARCHIVED.value
    other = bench.entry("rec.wav")
    assert bench.store.find(replace(other, recording=replace(other.recording, id="rec"))) is None
