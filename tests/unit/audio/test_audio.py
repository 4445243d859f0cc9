"""What a body is and whether it is all there, told from its bytes alone."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import wave
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.archiver.audio.inspector import (
    AMR,
    AU,
    FLAC,
    M4A,
    MP3,
    MP4,
    OGG,
    OPUS,
    WAV,
    WEBM,
    Inspector,
    Verdict,
    describe,
    sniff,
)

# Bytes of a header after the sync byte, and the length of its frame as the standard's tables give it.
FRAMES = {
    "MPEG-1 layer III, 128 kbit/s, 44.1 kHz": (b"\xff\xfb\x90\xc4", 417),
    "MPEG-1 layer III, 128 kbit/s, 44.1 kHz, padded": (b"\xff\xfb\x92\xc4", 418),
    "MPEG-1 layer III, 320 kbit/s, 32 kHz": (b"\xff\xfb\xe8\xc4", 1440),
    "MPEG-1 layer II, 384 kbit/s, 32 kHz": (b"\xff\xfd\xe8\xc4", 1728),
    "MPEG-2 layer III, 24 kbit/s, 16 kHz": (b"\xff\xf3\x38\xc4", 108),
    "MPEG-2 layer II, 8 kbit/s, 24 kHz": (b"\xff\xf5\x14\xc4", 48),
    "MPEG-2.5 layer III, 16 kbit/s, 8 kHz": (b"\xff\xe3\x28\xc4", 144),
    "MPEG-2.5 layer III, 8 kbit/s, 11.025 kHz, with checksum": (b"\xff\xe2\x10\xc4", 52),
}
HEADER = FRAMES["MPEG-2.5 layer III, 16 kbit/s, 8 kHz"][0]


def frame(header: bytes = HEADER, length: int = 144) -> bytes:
    """A frame of silence: an MP3 frame whose data are all zero decodes to nothing."""
    return header + bytes(length - len(header))


def xing(claimed_bytes: int) -> bytes:
    tag = bytes(9) + b"Xing" + struct.pack(">III", 3, 100, claimed_bytes)
    return (HEADER + tag).ljust(144, b"\0")


def id3(size: int) -> bytes:
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\0\0" + length + b"\xff\xfb\x90\xc4" * (size // 4) + bytes(size % 4)


def ape() -> bytes:
    footer = b"APETAGEX" + struct.pack("<IIII", 2000, 32 + 50, 1, 1 << 31) + bytes(8)
    return b"APETAGEX" + footer[8:] + bytes(50) + footer


def lyrics() -> bytes:
    text = b"LYRICSBEGIN" + b"IND0000200"
    return text + f"{len(text):06}".encode() + b"LYRICS200"


ID3V1 = b"TAG" + bytes(125)


def riff(
    tag: int = 1,
    sound: bytes = bytes(320),
    *,
    form: bytes = b"RIFF",
    data: int | None = None,
    size: int | None = None,
    extra: bytes = b"",
) -> bytes:
    order = ">" if form == b"RIFX" else "<"
    fmt = b"fmt " + struct.pack(order + "IHHIIHH", 16, tag, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + fmt + extra + b"data" + struct.pack(order + "I", len(sound) if data is None else data) + sound
    body += bytes(len(sound) % 2)
    return form + struct.pack(order + "I", len(body) if size is None else size) + body


def written(frames: int = 160) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * frames))
    return out.getvalue()


def rf64(sound: bytes) -> bytes:
    size = 4 + 36 + 24 + 8 + len(sound)
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, size, len(sound), len(sound), 0)
    return riff(sound=sound, form=b"RF64", data=0xFFFFFFFF, size=0xFFFFFFFF, extra=ds64)


def page(flags: int, payload: bytes = bytes(100)) -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(20) + b"\x01" + bytes([len(payload)]) + payload


def judge(body: bytes, *cuts: int) -> Verdict:
    inspector = Inspector()
    at = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    for start, end in pairwise(at):
        inspector.feed(body[start:end])
    return inspector.finish()


@pytest.mark.parametrize(("header", "length"), FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_an_mp3_of_whole_frames_is_complete(header: bytes, length: int, count: int) -> None:
    body = frame(header, length) * count
    assert judge(body) == Verdict(audio=MP3, size_bytes=len(body), complete=True)


@pytest.mark.parametrize(("header", "length"), FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("tag", [b"", ID3V1], ids=["bare", "tagged"])
def test_an_mp3_cut_within_its_last_two_frames_is_never_complete(header: bytes, length: int, tag: bytes) -> None:
    body = id3(100) + frame(header, length) * 4 + tag
    frames_end = len(body) - len(tag)
    for end in range(frames_end - 2 * length + 1, len(body)):
        if end not in (frames_end - length, frames_end):  # a cut between two frames leaves a whole, shorter MP3
            verdict = judge(body[:end])
            assert (verdict.audio, verdict.complete) == (MP3, False), end


def test_a_long_mp3_cut_within_a_frame_misses_bytes() -> None:
    body = frame() * 2000
    assert judge(body).complete is True
    assert judge(body[:-1]).complete is False
    assert judge(body[:-143]).complete is False


def test_an_mp3_cut_between_frames_is_not_proven_by_a_xing_header_that_counts_more() -> None:
    body = xing(144 * 100) + frame() * 99
    assert judge(body).complete is True
    assert judge(body[:-144]).complete is None


@pytest.mark.parametrize("tags", [ID3V1, ape(), ape() + ID3V1, lyrics() + ID3V1, ape() + lyrics() + ID3V1])
def test_tags_after_the_last_frame_belong_to_a_complete_mp3(tags: bytes) -> None:
    assert judge(frame() * 300 + tags).complete is True
    assert judge(frame() * 300 + frame()[:-1] + tags).complete is False


def test_foreign_bytes_after_the_last_frame_prove_nothing() -> None:
    assert judge(frame() * 300 + b"foreign").complete is None
    assert judge(frame() * 300 + b"foreign" + frame()).complete is None


@pytest.mark.parametrize("size", [0, 10, 20_000, 700_000])
def test_an_id3_tag_of_any_size_comes_before_the_first_frame(size: int) -> None:
    body = id3(size) + frame() * 50
    assert judge(body, *range(0, len(body), 4096)) == Verdict(audio=MP3, size_bytes=len(body), complete=True)


def test_an_id3_tag_without_frames_is_not_a_recording() -> None:
    verdict = judge(id3(5000))
    assert (verdict.audio, verdict.problem) == (None, "an MP3 tag without a single frame")
    assert judge(id3(5000)[:-1]).complete is False


def test_an_mp3_joined_midway_is_an_mp3() -> None:
    verdict = judge(frame()[50:] + frame() * 200)
    assert (verdict.audio, verdict.complete) == (MP3, True)


def test_random_bytes_behind_a_frame_header_are_not_an_mp3() -> None:
    noise = random.Random(1)
    for header, _ in FRAMES.values():
        verdict = judge(header + noise.randbytes(30_000))
        assert verdict.audio is None
        assert verdict.problem == f"unknown kind of data (starts with {header.hex(' ')})"


def test_frames_of_different_kinds_do_not_make_an_mp3() -> None:
    assert judge(frame() + frame(*FRAMES["MPEG-1 layer III, 128 kbit/s, 44.1 kHz"])[:200]).audio is None


def test_an_mp3_inside_an_archive_is_not_a_recording() -> None:
    assert judge(b"PK\x03\x04" + bytes(26) + frame() * 300).problem == "a ZIP archive in place of audio"


@pytest.mark.parametrize("tag", [1, 2, 6, 7, 0x11, 0x31, 0x55, 0xFFFE])
@pytest.mark.parametrize("form", [b"RIFF", b"RIFX"])
def test_a_wav_of_any_codec_whose_sizes_fit_is_complete(tag: int, form: bytes) -> None:
    body = riff(tag, form=form)
    assert judge(body) == Verdict(audio=WAV, size_bytes=len(body), complete=True)


@pytest.mark.parametrize("body", [written(), riff(sound=bytes(33))[:-1], rf64(bytes(320)), riff() + bytes(2)])
def test_a_wav_with_fitting_sizes_is_complete_and_cut_anywhere_it_is_not(body: bytes) -> None:
    assert judge(body).complete is True
    for end in range(16, len(body) - 2):
        assert judge(body[:end]).complete is False, end


def test_chunks_before_and_after_the_sound_are_counted() -> None:
    extra = b"LIST" + struct.pack("<I", 70_001) + bytes(70_002) + b"odd " + struct.pack("<I", 3) + bytes(4)
    body = riff(extra=extra)
    assert judge(body, *range(0, len(body), 999)).complete is True
    after = b"LIST" + struct.pack("<I", 100) + bytes(100)
    body = riff(size=4 + 24 + 8 + 320 + len(after)) + after
    assert judge(body).complete is True
    assert judge(body[:-50]).complete is False


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_with_placeholder_sizes_proves_nothing(size: int) -> None:
    assert judge(riff(size=size, data=size, sound=bytes(5000))) == Verdict(audio=WAV, size_bytes=5044)


def test_a_wav_whose_header_was_never_completed_proves_nothing() -> None:
    assert judge(riff(size=36, data=0, sound=bytes(5000))) == Verdict(audio=WAV, size_bytes=5044)


def test_a_riff_size_that_counts_its_own_header_is_not_taken_for_missing_bytes() -> None:
    assert judge(riff(size=44 + 320)).complete is None


def test_much_behind_the_end_of_a_wav_proves_nothing() -> None:
    assert judge(riff() + bytes(5000)).complete is None


@pytest.mark.parametrize(
    "body",
    [
        written(0),
        riff(sound=b"", size=0),
        riff(sound=b"", data=0xFFFFFFFF, size=0xFFFFFFFF),
        riff()[:36].replace(b"\x64\x01", b"\x1c\0", 1),
    ],
)
def test_a_wav_header_without_sound_is_named(body: bytes) -> None:
    verdict = judge(body)
    assert (verdict.problem, verdict.no_sound, verdict.complete) == ("a WAV header without sound", True, None)


def test_a_wav_header_that_promises_sound_is_cut_and_not_silent() -> None:
    verdict = judge(riff()[:44])
    assert (verdict.problem, verdict.no_sound, verdict.complete) == (None, False, False)


def test_a_wav_of_countless_chunks_is_given_up() -> None:
    body = b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 5000 + b"data\0\0\0\0"
    assert judge(body) == Verdict(audio=WAV, size_bytes=len(body))


def test_an_ogg_is_complete_with_its_last_page_and_cut_within_it() -> None:
    body = page(2) + page(0) * 800 + page(4)
    assert judge(body) == Verdict(audio=OGG, size_bytes=len(body), complete=True)
    assert judge(body[: -len(page(4))]).complete is None
    for missing in range(1, len(page(4)) - 5):
        assert judge(body[:-missing]).complete is False, missing


@pytest.mark.parametrize(
    ("head", "audio"),
    [
        (page(2, b"OpusHead" + bytes(11)), OPUS),
        (b"fLaC" + bytes(40), FLAC),
        (b"\0\0\0\x20ftypM4A " + bytes(40), M4A),
        (b"\0\0\0\x20ftypisom" + bytes(40), MP4),
        (b"#!AMR\n" + bytes(40), AMR),
        (b".snd" + bytes(40), AU),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(40), WEBM),
    ],
)
def test_other_kinds_are_known_by_their_first_bytes(head: bytes, audio: object) -> None:
    assert sniff(head) == audio
    assert judge(head).problem is None


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "an empty body"),
        (b"<!DOCTYPE html><title>Sign in</title>", "an HTML page in place of audio"),
        (b"\xef\xbb\xbf\r\n  <HTML lang=en>", "an HTML page in place of audio"),
        (b"<!-- a --> <!-- b --><html>", "an HTML page in place of audio"),
        (b"<html>caf\xe9</html>", "an HTML page in place of audio"),
        ("<html>".encode("utf-16"), "an HTML page in place of audio"),
        ("<html>".encode("utf-16-be"), "an HTML page in place of audio"),
        (b'<?xml version="1.0"?><html xmlns="x">', "an HTML page in place of audio"),
        (b'<?xml version="1.0"?><response/>', "an XML document in place of audio"),
        (b"\n<response><result>failed</result>", "an XML document in place of audio"),
        (b"<!---->" * 140 + b"<htm", "an XML document in place of audio"),
        (b'\xef\xbb\xbf {"error": 404}', "a JSON document in place of audio"),
        (b"[]", "a JSON document in place of audio"),
        (b"Too many requests", "plain text in place of audio"),
        ("verboten: zu früh".encode() * 100, "plain text in place of audio"),
        (b"GIF89a\1\0\1\0", "a GIF image in place of audio"),
        (b"PK\x03\x04\x14\0", "a ZIP archive in place of audio"),
        (b"\x1f\x8b\x08\0", "gzip data in place of audio"),
        (b"%PDF-1.7\n", "a PDF document in place of audio"),
        (b"\x7fELF secret", "unknown kind of data (starts with 7f 45 4c 46)"),
        (b"\xff", "unknown kind of data (starts with ff)"),
    ],
)
def test_what_came_in_place_of_audio_is_named(body: bytes, problem: str) -> None:
    assert judge(body) == Verdict(audio=None, size_bytes=len(body), problem=problem)
    assert describe(body) == problem


def test_the_kind_is_known_before_the_end() -> None:
    inspector = Inspector()
    inspector.feed(frame() * 50)
    assert inspector.audio is None
    inspector.feed(frame() * 100)
    assert inspector.audio == MP3


SAMPLES = [
    id3(20_000) + id3(30) + frame() * 40 + ID3V1,
    frame() * 250 + ape(),
    xing(999_999) + frame() * 130,
    id3(90),
    riff(extra=b"LIST" + struct.pack("<I", 301) + bytes(302)),
    rf64(bytes(20_000)),
    riff(sound=b""),
    page(2) + page(0) * 700 + page(4),
    b"<html>" + b" " * 20_000,
    HEADER + random.Random(2).randbytes(20_000),
]


@settings(max_examples=150, deadline=None)
@given(
    sample=st.sampled_from(SAMPLES),
    end=st.integers(0, 30_000),
    cuts=st.lists(st.integers(1, 40_000), max_size=60),
    step=st.integers(1, 40_000),
)
def test_no_verdict_depends_on_how_the_body_came_in_chunks(sample: bytes, end: int, cuts: list[int], step: int) -> None:
    for body in (sample, sample[:end]):
        whole = judge(body)
        assert judge(body, *cuts) == whole
        assert judge(body, *range(0, len(body), step)) == whole


def test_a_body_that_comes_byte_by_byte_gets_the_same_verdict() -> None:
    for body in SAMPLES:
        assert judge(body, *range(len(body))) == judge(body)


@settings(max_examples=300, deadline=None)
@given(
    start=st.sampled_from(
        [b"", HEADER, frame() * 2, b"ID3\4\0\0\0\0\0\5", riff()[:12], riff()[:40], page(2), b"RF64\0\0\0\0WAVEds64"]
    ),
    rest=st.binary(max_size=300),
    tags=st.sampled_from([b"", ID3V1, ape(), b"999999LYRICS200", b"APETAGEX" + b"\xff" * 24]),
)
def test_arbitrary_bytes_never_raise_and_are_never_both_complete_and_a_problem(
    start: bytes, rest: bytes, tags: bytes
) -> None:
    body = start + rest + tags
    verdict = judge(body, len(start), len(start) + len(rest))
    assert verdict.size_bytes == len(body)
    assert verdict.complete is not True or verdict.problem is None
    assert verdict.audio is not None or verdict.problem
    assert not verdict.no_sound or verdict.problem


STREAMS = {
    "mp3": (frame(), frame() * 1000),
    "wav": (riff(sound=b"", data=1 << 30, size=(1 << 30) + 36), bytes(144_000)),
    "unknown": (b"\x7fELF", bytes(144_000)),
    "id3": (b"ID3\4\0\0\x7f\x7f\x7f\x7f", bytes(144_000)),
}


@pytest.mark.parametrize(("first", "chunk"), STREAMS.values(), ids=STREAMS.keys())
def test_memory_does_not_grow_with_the_body(first: bytes, chunk: bytes) -> None:
    inspector = Inspector()
    tracemalloc.start()
    try:
        inspector.feed(first)
        for _ in range(140):
            inspector.feed(chunk)
        inspector.finish()
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
