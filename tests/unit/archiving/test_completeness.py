"""What the witnesses come to, as one table."""

from __future__ import annotations

from typing import Any

import pytest

from functions.archiver.archiving.completeness import Claims, Decision, ruling_on
from functions.archiver.archiving.content_types import contradicts, names_format
from functions.archiver.audio.kinds import WAV, Kind, Verdict
from functions.archiver.recording import Contradiction

SIZE = 4044


def verdict(complete: bool | None, **more: Any) -> Verdict:
    cut = "its last frame is cut" if complete is False else None
    return Verdict(kind=Kind.AUDIO, audio=WAV, size_bytes=SIZE, complete=complete, cut=cut, **more)


def listed(size: int | None, kind: str | None = "audio/x-wav") -> dict[str, Any]:
    return {"listed_bytes": size, "listed_type": kind}


PROVEN, AGAIN = Decision.PROVEN, Decision.FETCH_AGAIN
TABLE = [
    # framed, format, listed -> decision
    (True, True, None, PROVEN),
    (True, None, None, PROVEN),
    (True, False, None, AGAIN),
    (False, True, None, PROVEN),
    (False, None, None, AGAIN),
    (False, False, None, AGAIN),
    (True, True, SIZE, PROVEN),
    (True, None, SIZE, PROVEN),
    (True, False, SIZE, AGAIN),
    (False, True, SIZE, PROVEN),
    (False, None, SIZE, PROVEN),
    (False, False, SIZE, AGAIN),
    (True, True, SIZE + 8, AGAIN),
    (True, None, SIZE + 8, AGAIN),
    (True, False, SIZE + 8, AGAIN),
    (False, True, SIZE + 8, AGAIN),
    (False, None, SIZE + 8, AGAIN),
    (False, False, SIZE - 8, AGAIN),
]


@pytest.mark.parametrize(("framed", "complete", "size", "decision"), TABLE)
def test_the_witnesses_decide(framed: bool, complete: bool | None, size: int | None, decision: Decision) -> None:
    ruling = ruling_on(Claims(framed=framed, **listed(size)), verdict(complete))
    assert ruling.decision is decision
    assert bool(ruling.reason) == (decision is AGAIN)
    assert bool(ruling.contradictions) == (complete is False or size not in (None, SIZE))


@pytest.mark.parametrize("kind", ["audio/mpeg", "application/octet-stream", None])
@pytest.mark.parametrize("size", [SIZE, SIZE + 8])
def test_the_listed_size_of_another_or_no_type_is_no_witness(kind: str | None, size: int) -> None:
    assert ruling_on(Claims(framed=True, **listed(size, kind)), verdict(None)).decision is PROVEN
    assert ruling_on(Claims(framed=False, **listed(size, kind)), verdict(None)).decision is AGAIN


@pytest.mark.parametrize("complete", [True, None])
def test_a_part_that_does_not_say_which_is_proven_by_nothing_but_a_second_fetch(complete: bool | None) -> None:
    ruling = ruling_on(Claims(framed=True, partial=True), verdict(complete))
    assert ruling.decision is AGAIN
    assert [each.what for each in ruling.contradictions] == ["status"]


def test_every_contradiction_is_noted() -> None:
    claims = Claims(framed=True, sent_type="text/html", **listed(5000))
    ruling = ruling_on(claims, verdict(False, promised_bytes=8044))
    assert ruling.contradictions == (
        Contradiction(what="listed size", claimed="5000 bytes", found="4044 bytes"),
        Contradiction(what="length in its header", claimed="8044 bytes", found="4044 bytes"),
        Contradiction(what="content type", claimed="text/html", found="audio/wav"),
    )
    assert ruling.reason == "listed size 5000 bytes, 4044 bytes came; length in its header 8044 bytes, 4044 bytes came"


def test_a_cut_without_a_number_is_told_in_words() -> None:
    ruling = ruling_on(Claims(framed=True), verdict(False))
    assert ruling.reason == "its last frame is cut"
    assert ruling.contradictions == (
        Contradiction(what="end of the file", claimed="that of its format", found="its last frame is cut"),
    )


def test_a_coding_that_was_undone_is_noted() -> None:
    ruling = ruling_on(Claims(framed=True, undone="gzip"), verdict(True))
    assert ruling.decision is PROVEN
    assert ruling.contradictions == (
        Contradiction(what="content coding", claimed="identity", found="gzip, which was undone"),
    )


def test_a_wrong_label_alone_needs_no_second_fetch() -> None:
    ruling = ruling_on(Claims(framed=True, sent_type="application/json"), verdict(True))
    assert (ruling.decision, len(ruling.contradictions)) == (PROVEN, 1)


@pytest.mark.parametrize("kind", [Kind.NO_SOUND, Kind.ERROR_DOCUMENT])
def test_what_is_no_recording_is_rejected_whatever_proves_its_length(kind: Kind) -> None:
    nothing = Verdict(kind=kind, audio=None, size_bytes=9, problem="plain text in place of audio")
    ruling = ruling_on(Claims(framed=True, **listed(9)), nothing)
    assert (ruling.decision, ruling.reason) == (Decision.REJECTED, "plain text in place of audio")


def test_unknown_bytes_have_to_come_twice() -> None:
    unknown = Verdict(kind=Kind.UNKNOWN, audio=None, size_bytes=9, problem="unknown kind of data (starts with 01)")
    ruling = ruling_on(Claims(framed=True, sent_type="audio/wav", **listed(9)), unknown)
    assert (ruling.decision, ruling.reason) == (AGAIN, "unknown kind of data (starts with 01)")


SAME = [
    ("audio/x-wav", "audio/wav"),
    ("Audio/Wave; charset=binary", "audio/wav"),
    ("audio/mp3", "audio/mpeg"),
    ("application/ogg", "audio/ogg"),
    ("video/mp4", "audio/mp4"),
    ("audio/x-m4a", "audio/mp4"),
    ("audio/x-flac", "audio/flac"),
    ("audio/aacp", "audio/aac"),
]


@pytest.mark.parametrize(("claimed", "found"), SAME)
def test_one_format_has_many_names(claimed: str, found: str) -> None:
    assert names_format(claimed, found)
    assert not contradicts(claimed, found)


@pytest.mark.parametrize("claimed", ["application/octet-stream", "binary/octet-stream", "audio/*"])
def test_a_name_that_says_nothing_contradicts_nothing_and_proves_nothing(claimed: str) -> None:
    assert not names_format(claimed, "audio/wav")
    assert not contradicts(claimed, "audio/wav")


@pytest.mark.parametrize("claimed", ["audio/mpeg", "application/json", "text/html", "nonsense"])
def test_another_format_is_a_contradiction(claimed: str) -> None:
    assert contradicts(claimed, "audio/wav")
