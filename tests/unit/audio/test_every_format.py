"""What holds for files of every kind: cut anywhere, fed in any pieces, spoilt in any way."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.archiver.audio.inspector import Inspector
from functions.archiver.audio.kinds import Kind
from tests.doubles.audio_files import (
    CASES,
    HEADER,
    ID3V1,
    WHOLE,
    adts_frame,
    ape,
    box,
    counted_mp3,
    element,
    flac,
    frame,
    id3,
    noise,
    ogg,
    page,
    riff,
    wave64,
    wma,
    xing,
)
from tests.doubles.judging import judge

CUTS = 120
PROVES_NOTHING = {
    "mp3 without counts",
    "mp3 in free format",
    "mp3 between tags",
    "aac",
    "aac behind id3",
    "amr",
    "amr-wb",
    "fragmented mp4",
    "live webm",
    "from practice: aac-adts/call.aac",
}
"""Kinds whose end any cut may have."""


def some(body: bytes) -> list[int]:
    """Places to cut at: the first and the last ones all, between them some."""
    return sorted({*range(min(CUTS, len(body))), *range(max(0, len(body) - CUTS), len(body)), *range(0, len(body), 97)})


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_audio_and_shows_no_cut(name: str) -> None:
    verdict = judge(WHOLE[name])
    assert (verdict.kind, verdict.problem, verdict.cut) == (Kind.AUDIO, None, None)
    assert verdict.complete is (None if name in PROVES_NOTHING else True)
    assert verdict.codec
    assert verdict.channels in (1, 2)
    assert verdict.duration_seconds is not None


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_cut_anywhere_is_never_proven_complete(name: str) -> None:
    body = WHOLE[name]
    for end in some(body):
        assert judge(body[:end]).complete is not True, end


@pytest.mark.parametrize("name", sorted(set(WHOLE) - PROVES_NOTHING - {"fragmented mp4 with an index"}))
def test_a_format_that_knows_its_end_shows_every_cut(name: str) -> None:
    body = WHOLE[name]
    for end in some(body):
        verdict = judge(body[:end])
        in_padding = name == "wav of odd length" and end == len(body) - 1
        assert verdict.cut or verdict.kind is not Kind.AUDIO or in_padding, end


@pytest.mark.parametrize("name", sorted(set(WHOLE) - {"mp3 between tags"}))
def test_the_words_of_a_proxy_behind_half_a_file_show(name: str) -> None:
    body = WHOLE[name]
    for end in (len(body) // 2, len(body) * 2 // 3):
        verdict = judge(body[:end] + b"Internal Server Error")
        assert verdict.complete is False or verdict.kind is not Kind.AUDIO


@pytest.mark.parametrize("name", WHOLE)
def test_no_verdict_depends_on_how_the_body_came_in_pieces(name: str) -> None:
    for body in (WHOLE[name], WHOLE[name][:-9], WHOLE[name] * 2):
        whole = judge(body)
        assert judge(body, *range(0, len(body), 7)) == whole
        assert judge(body, *range(0, len(body), 1000)) == whole


LONG = [
    id3(20_000) + id3(30) + frame() * 40 + ID3V1,
    frame() * 250 + ape(),
    frame() * 300 + noise(40_000) + frame() * 300,
    frame() * 300 + id3(20_000) + frame() * 300 + bytes(500),
    xing(frames=999, size=999_999) + frame() * 130,
    counted_mp3(400),
    adts_frame() * 500 + noise(33_000) + adts_frame() * 500,
    riff(sound=noise(40_001), extra=b"LIST\x07\0\0\0INFO123"),
    ogg(pages=300),
    wave64(noise(30_000)),
    box(b"ftyp", b"qt  ") + box(b"wide") + box(b"mdat", noise(30_000)),
    wma(noise(30_000)),
    b"<html>" + b" " * 20_000,
    HEADER + random.Random(2).randbytes(20_000),
]


@settings(max_examples=120)
@given(
    body=st.sampled_from(LONG),
    end=st.integers(0, 50_000),
    cuts=st.lists(st.integers(1, 60_000), max_size=40),
    step=st.integers(5, 40_000),
)
def test_no_verdict_on_a_long_body_depends_on_its_pieces(body: bytes, end: int, cuts: list[int], step: int) -> None:
    for part in (body, body[:end]):
        whole = judge(part)
        assert judge(part, *cuts) == whole
        assert judge(part, *range(0, len(part), step)) == whole


@settings(max_examples=400)
@given(
    body=st.sampled_from(sorted(WHOLE.values(), key=len)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=0, max_size=9)), max_size=6),
    cut=st.floats(0, 1),
    behind=st.binary(max_size=60),
)
def test_spoilt_files_never_raise(body: bytes, changes: list[tuple[float, bytes]], cut: float, behind: bytes) -> None:
    spoilt = bytearray(body)
    for where, new in changes:
        at = int(where * len(spoilt))
        spoilt[at : at + len(new)] = new
    verdict = judge(bytes(spoilt[: int(cut * len(spoilt))]) + behind, 50, 333)
    assert (verdict.kind is Kind.AUDIO) == (verdict.problem is None)
    assert verdict.kind is not Kind.AUDIO or verdict.audio is not None
    assert verdict.complete is None or verdict.kind is Kind.AUDIO
    assert (verdict.complete is False) == (verdict.cut is not None)


OTHER_AAC = adts_frame(mpeg2=True)  # frames that are whole, but of another kind than the first one
CHANGING = {
    "aac that becomes another aac": adts_frame() * 500 + OTHER_AAC * 50,
    "aac that becomes another aac for long": adts_frame() * 500 + OTHER_AAC * 2_000,
    "aac that changes and changes back": (adts_frame() * 9 + OTHER_AAC * 9) * 200,
    "gap after gap": (adts_frame(8) * 4 + b"\0") * 900,
    "gap after gap of an mp3": (frame() * 4 + b"\0") * 60,
    "tag after tag": frame() * 9 + id3(0) * 5_000,
    "a tag after each frame": frame() * 9 + (frame() + id3(0)) * 2_000,
}


@pytest.mark.parametrize("name", CHANGING)
def test_a_body_that_changes_again_and_again_comes_to_a_verdict(name: str) -> None:
    body = CHANGING[name]
    verdict = judge(body)
    assert verdict.kind is Kind.AUDIO
    assert judge(body, *range(0, len(body), 40_001)) == verdict


OTHER_STARTS = {b"", b"RF64\0\0\0\0WAVEds64", b"ID3\4\0\0\0\0\0\5", b"\0\0\0\1mdat"}
STARTS = sorted({body[:40] for body in WHOLE.values()} | OTHER_STARTS)


@settings(max_examples=400)
@given(start=st.sampled_from(STARTS), length=st.integers(0, 40), rest=st.binary(max_size=400))
def test_arbitrary_bytes_behind_any_start_never_raise(start: bytes, length: int, rest: bytes) -> None:
    verdict = judge(start[:length] + rest, length)
    assert verdict.size_bytes == len(start[:length] + rest)
    assert (verdict.kind is Kind.AUDIO) == (verdict.problem is None)


ENDLESS = {
    "mp3": (frame(), frame() * 1000),
    "mp3 that is lost": (frame() * 200 + b"lost", b"\xff" * 144_000),
    "mp3 in free format": (WHOLE["mp3 in free format"], noise(144_000)),
    "amr of one byte a frame": (b"#!AMR\n", b"\x7c" * 20_000),
    "wav": (riff(sound=b"", data=1 << 30, size=(1 << 30) + 36), bytes(144_000)),
    "wav of empty chunks": (b"RIFF\0\0\0\0WAVE", b"junk\0\0\0\0" * 2000),
    "ogg of empty pages": (ogg(last=False), page(0, b"") * 1000),
    "ogg of countless streams": (ogg(last=False), b"".join(page(2, serial=n) for n in range(1000))),
    "mp4 of empty boxes": (box(b"ftyp", b"isom"), b"\0\0\0\x08free" * 2000),
    "mp4 of many boxes": (box(b"ftyp", b"isom"), b"".join(box(str(n).rjust(4, "a").encode()) for n in range(2000))),
    "mp4 of tables": (box(b"ftyp", b"isom") + b"\x7f\xff\xff\xffmoov", box(b"trak", box(b"mdia")) * 1000),
    "matroska of void": (element("1a45dfa3", b""), b"\xec\x80" * 3000),
    "flac": (flac(), b"\xff\xf8\x19\x08" * 36_000),
    "wma": (wma(told=1 << 40), bytes(144_000)),
    "unknown": (b"\x7fELF", bytes(144_000)),
    "id3": (b"ID3\4\0\0\x7f\x7f\x7f\x7f", bytes(144_000)),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_memory_does_not_grow_with_the_body(name: str) -> None:
    first, chunk = ENDLESS[name]
    inspector = Inspector()
    inspector.feed(first)
    tracemalloc.start()
    try:
        for _ in range(3):
            inspector.feed(chunk)
        early = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            inspector.feed(chunk)
        inspector.finish()
        now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < early + 100_000
    assert most < 1_000_000


@pytest.mark.parametrize("name", ENDLESS)
def test_the_cost_of_a_piece_does_not_grow_with_what_came_before(name: str) -> None:
    first, chunk = ENDLESS[name]
    inspector = Inspector()
    inspector.feed(first)

    def cost() -> float:
        started = time.thread_time()
        inspector.feed(chunk)
        inspector.feed(chunk)
        return time.thread_time() - started

    cost()  # what comes first is kept and looked at later
    early = min(cost() for _ in range(3))
    for _ in range(20):
        inspector.feed(chunk)
    late = min(cost() for _ in range(3))
    assert late < 3 * early + 0.005  # a look at all that came before would cost six times as much


def test_every_file_of_the_cases_is_known() -> None:
    for path in CASES.glob("*/call.*"):
        is_header = "header-only" in path.parent.name
        assert judge(path.read_bytes()).kind is (Kind.NO_SOUND if is_header else Kind.AUDIO), path
