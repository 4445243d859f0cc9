"""MP3, AAC and AMR: frames, counts, tags, and what stands where no frame is."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.archiver.audio.kinds import AAC, AMR, AMR_WB, MP3, Kind
from tests.doubles.audio_files import (
    ID3V1,
    adts_frame,
    amr,
    amr_wb,
    ape,
    frame,
    free_format_mp3,
    id3,
    lyrics,
    vbri,
    xing,
)
from tests.doubles.judging import judge

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
MPEG1 = FRAMES["MPEG-1 layer III, 128 kbit/s, 44.1 kHz"]


@pytest.mark.parametrize(("header", "length"), FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_whole_frames_are_an_mp3_whose_end_proves_nothing(header: bytes, length: int, count: int) -> None:
    verdict = judge(frame(header, length) * count)
    assert (verdict.audio, verdict.complete, verdict.size_bytes) == (MP3, None, count * length)


@pytest.mark.parametrize(("header", "length"), FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("tag", [b"", ID3V1], ids=["bare", "tagged"])
def test_a_cut_within_the_last_two_frames_or_the_tag_shows(header: bytes, length: int, tag: bytes) -> None:
    body = id3(100) + frame(header, length) * 4 + tag
    frames_end = len(body) - len(tag)
    for end in range(frames_end - 2 * length + 1, len(body)):
        if end not in (frames_end - length, frames_end):  # a cut between two frames leaves a whole, shorter MP3
            verdict = judge(body[:end])
            assert (verdict.audio, verdict.complete) == (MP3, False), end


BIT_RATES = {1: 8, 2: 16, 3: 24, 4: 32, 5: 40, 9: 80, 14: 160}
"""Of MPEG-2 layer III, in kbit/s, by the four bits that name them."""


@given(
    st.lists(st.tuples(st.sampled_from(sorted(BIT_RATES)), st.lists(st.booleans(), max_size=40)), max_size=8),
    st.lists(st.integers(1, 20_000), max_size=4),
)
def test_every_frame_counts_whatever_its_bit_rate_and_its_padding(
    rows: list[tuple[int, list[bool]]], cuts: list[int]
) -> None:
    frames = [(4, False), (4, True), *((rate, padded) for rate, paddings in rows for padded in paddings)]
    body = b"".join(
        frame(bytes((0xFF, 0xF3, rate << 4 | padded << 1, 0xC4)), 72_000 * BIT_RATES[rate] // 22_050 + padded)
        for rate, padded in frames
    )
    verdict = judge(body, *cuts)
    assert (verdict.audio, verdict.complete, verdict.cut) == (MP3, None, None)
    assert verdict.duration_seconds == round(len(frames) * 576 / 22_050, 3)
    assert judge(body[:-1], *cuts).cut == "its last frame is cut"


@given(st.lists(st.integers(8, 8191), min_size=3, max_size=60), st.lists(st.integers(1, 100_000), max_size=4))
@example([8187, 8191, 8], [])  # the third header is partly, and wholly, behind what is looked at to tell the format
@example([8191, 8191, 8191], [])
def test_every_frame_of_aac_counts_whatever_its_length(lengths: list[int], cuts: list[int]) -> None:
    body = b"".join(adts_frame(length) for length in lengths)
    verdict = judge(body, *cuts)
    assert (verdict.audio, verdict.complete, verdict.cut) == (AAC, None, None)
    assert verdict.duration_seconds == round(len(lengths) * 1024 / 8_000, 3)


def test_a_long_mp3_cut_within_a_frame_says_so() -> None:
    body = frame() * 2000
    assert judge(body).complete is None
    assert judge(body[:-1]).cut == judge(body[:-143]).cut == "its last frame is cut"


def test_the_duration_is_counted_by_frames() -> None:
    assert judge(frame() * 100).duration_seconds == 7.2
    assert judge(id3(50) + frame(*MPEG1) * 100 + ID3V1).duration_seconds == 2.612
    assert judge(xing(frames=99, size=14_400) + frame() * 99).duration_seconds == 7.128


@pytest.mark.parametrize("first", [xing(frames=99, size=14_400), vbri(frames=99, size=14_400), xing(frames=99, size=0)])
def test_counts_in_the_first_frame_that_fit_are_proof(first: bytes) -> None:
    body = first + frame() * 99
    assert judge(body).complete is True
    assert judge(body + ID3V1).complete is True
    assert judge(body + frame()).complete is None


def test_counts_that_tell_of_more_show_a_cut_between_frames() -> None:
    verdict = judge(id3(90) + xing(frames=99, size=14_400) + frame() * 98)
    assert (verdict.complete, verdict.promised_bytes) == (False, 100 + 14_400)
    assert judge(xing(frames=99, size=0) + frame() * 90).cut == "its first frame announces 99 frames"


def test_a_count_that_may_hold_the_first_frame_is_no_proof() -> None:
    assert judge(xing(frames=100, size=0) + frame() * 99).complete is None


def test_a_first_frame_of_counts_alone_is_no_sound() -> None:
    verdict = judge(xing(frames=0, size=144))
    assert (verdict.kind, verdict.problem) == (Kind.NO_SOUND, "an MP3 header without sound")


@pytest.mark.parametrize("tags", [ID3V1, ape(), ape() + ID3V1, lyrics() + ID3V1, ape() + lyrics() + ID3V1])
def test_tags_behind_the_last_frame_belong_to_the_file(tags: bytes) -> None:
    assert judge(frame() * 300 + tags).complete is None
    assert judge(frame() * 300 + frame()[:-1] + tags).complete is False
    assert judge(frame() * 300 + tags[:-1]).complete is False


def test_zeros_behind_the_last_frame_prove_nothing() -> None:
    assert judge(frame() * 300 + bytes(700)).complete is None


def test_what_follows_the_last_frame_and_is_no_tag_shows() -> None:
    assert judge(frame() * 300 + b"Internal Server Error").cut == "something else follows its last frame"
    assert judge(frame() * 300 + b"foreign" + frame()).complete is False


def test_a_gap_between_frames_takes_the_proof_away() -> None:
    body = xing(frames=99, size=14_400 + 500) + frame() * 40 + b"\1" * 500 + frame() * 59
    assert judge(body).complete is None


@pytest.mark.parametrize("size", [0, 10, 20_000, 700_000])
def test_an_id3_tag_of_any_size_comes_before_the_first_frame(size: int) -> None:
    body = id3(size) + frame() * 50
    verdict = judge(body, *range(0, len(body), 4096))
    assert (verdict.audio, verdict.size_bytes, verdict.problem) == (MP3, len(body), None)


@pytest.mark.parametrize("body", [id3(5000), id3(5000)[:-1], id3(40) + bytes(9)])
def test_an_id3_tag_without_frames_is_no_sound(body: bytes) -> None:
    verdict = judge(body)
    assert (verdict.kind, verdict.problem) == (Kind.NO_SOUND, "an ID3 tag without sound behind it")


def test_an_mp3_joined_midway_is_an_mp3() -> None:
    verdict = judge(frame()[50:] + frame() * 200)
    assert (verdict.audio, verdict.complete) == (MP3, None)


def test_random_bytes_behind_a_frame_header_are_unknown() -> None:
    noise = random.Random(1)
    for header, _ in FRAMES.values():
        verdict = judge(header + noise.randbytes(30_000))
        assert verdict.kind is Kind.UNKNOWN
        assert verdict.problem == f"unknown kind of data (starts with {header.hex(' ')})"


def test_frames_of_different_kinds_do_not_make_an_mp3() -> None:
    assert judge(frame() + frame(*MPEG1)[:200]).audio is None


def test_an_mp3_inside_an_archive_is_not_a_recording() -> None:
    assert judge(b"PK\x03\x04" + bytes(26) + frame() * 300).problem == "a ZIP archive in place of audio"


@pytest.mark.parametrize("length", [60, 100, 417, 1200])
def test_free_format_is_as_long_as_it_is_to_the_next_header(length: int) -> None:
    body = free_format_mp3(length=length)
    assert (judge(body).audio, judge(body).complete, judge(body).codec) == (MP3, None, "mp3")
    assert judge(body).duration_seconds == 0.96
    assert judge(body[:-3]).cut == "its last frame is cut"


@pytest.mark.parametrize("mpeg2", [False, True])
@pytest.mark.parametrize("count", [1, 2, 300])
def test_aac_in_adts_frames_is_an_aac(count: int, mpeg2: bool) -> None:
    verdict = judge(adts_frame(mpeg2=mpeg2) * count)
    assert (verdict.audio, verdict.complete, verdict.codec, verdict.sample_rate) == (AAC, None, "aac", 8000)
    assert verdict.duration_seconds == count * 0.128
    assert judge(adts_frame(mpeg2=mpeg2) * count + adts_frame()[:9]).complete is False


@pytest.mark.parametrize(("body", "audio"), [(amr(), AMR), (amr_wb(), AMR_WB)])
def test_amr_is_walked_frame_by_frame(body: bytes, audio: object) -> None:
    assert (judge(body).audio, judge(body).complete, judge(body).duration_seconds) == (audio, None, 1.0)
    assert judge(body[:-1]).complete is False
    assert judge(body + b"Internal Server Error").cut == "something else follows its last frame"


@pytest.mark.parametrize("head", [b"#!AMR\n", b"#!AMR-WB\n", b"#!AMR_MC1.0\n\0\0\0\2", b"#!AMR-WB_MC1.0\n\0"])
def test_an_amr_header_is_no_sound(head: bytes) -> None:
    assert judge(head).kind is Kind.NO_SOUND


def test_amr_of_two_channels_lasts_half_as_long() -> None:
    verdict = judge(b"#!AMR_MC1.0\n\0\0\0\2" + amr()[6:])
    assert (verdict.audio, verdict.channels, verdict.duration_seconds) == (AMR, 2, 0.5)
