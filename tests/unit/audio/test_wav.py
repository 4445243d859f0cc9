"""WAVE in all its forms, by lengths that many recorders get wrong."""

from __future__ import annotations

import struct

import pytest

from functions.archiver.audio.kinds import WAV, WAVE64, Kind
from tests.doubles.audio_files import noise, rf64, riff, wave64, written_wav
from tests.doubles.judging import judge

CODECS = {1: "pcm", 2: "adpcm", 3: "float", 6: "alaw", 7: "ulaw", 0x11: "ima adpcm", 0x31: "gsm", 0x40: "g721"}
CODECS |= {0x42: "g723.1", 0x45: "g726", 0x55: "mp3", 0x65: "g722", 0x83: "g729", 0x7777: "wave format 0x7777"}


@pytest.mark.parametrize("tag", CODECS)
@pytest.mark.parametrize("form", [b"RIFF", b"RIFX"])
def test_a_wav_of_any_codec_whose_sizes_fit_is_complete(tag: int, form: bytes) -> None:
    verdict = judge(riff(tag, form=form))
    assert (verdict.audio, verdict.complete, verdict.codec) == (WAV, True, CODECS[tag])


def test_an_extensible_header_names_the_codec_in_its_sub_format() -> None:
    fmt = struct.pack("<HHIIHHHHIH", 0xFFFE, 2, 8000, 16000, 2, 8, 22, 8, 3, 6) + bytes(14)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", 3200) + b"\x55" * 3200
    verdict = judge(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert (verdict.codec, verdict.channels, verdict.duration_seconds, verdict.complete) == ("alaw", 2, 0.2, True)


@pytest.mark.parametrize("body", [written_wav(), rf64(), wave64(), riff(sound=bytes(4000), form=b"BW64")])
def test_cut_anywhere_it_is_no_sound_or_cut(body: bytes) -> None:
    assert judge(body).complete is True
    for end in range(40, len(body)):
        verdict = judge(body[:end])
        assert verdict.complete is False or verdict.kind is Kind.NO_SOUND, end


def test_a_header_that_promises_more_names_it() -> None:
    verdict = judge(riff(data=8000, size=8036))
    assert (verdict.complete, verdict.promised_bytes, verdict.cut) == (False, 8044, "its header announces 8044 bytes")


@pytest.mark.parametrize("sound", [b"\1\2\3" * 11, b"\1" * 1001])
def test_an_end_in_front_of_the_padding_byte_proves_nothing(sound: bytes) -> None:
    counted, uncounted = riff(sound=sound), riff(sound=sound, size=36 + len(sound))
    assert judge(counted).complete is judge(uncounted).complete is True
    assert judge(counted[:-1]).complete is judge(uncounted[:-1]).complete is None
    assert judge(counted[:-2]).complete is judge(uncounted[:-2]).complete is False


def test_chunks_before_and_after_the_sound_are_counted() -> None:
    extra = b"LIST" + struct.pack("<I", 70_001) + bytes(70_002) + b"odd " + struct.pack("<I", 3) + bytes(4)
    body = riff(extra=extra)
    assert judge(body, *range(0, len(body), 999)).complete is True
    body = riff(after=b"LIST" + struct.pack("<I", 100) + bytes(100))
    assert judge(body).complete is True
    assert judge(body[:-50]).complete is False


@pytest.mark.parametrize("name", [b"LIST", b"bext", b"JUNK", b"wxyz"])
@pytest.mark.parametrize("pad", [b"", b"\0", b" ", b"\x7f"])
def test_a_chunk_of_odd_length_may_lack_its_padding_byte(name: bytes, pad: bytes) -> None:
    sound = noise(5000)
    for text in (b"INFOISFTabcdefghijk", b"x"):
        body = riff(sound=sound, extra=name + struct.pack("<I", len(text)) + text + pad)
        verdict = judge(body)
        assert (verdict.audio, verdict.problem, verdict.complete) == (WAV, None, True)
        assert verdict.duration_seconds == 0.625


def test_two_chunks_of_odd_length_may_lack_their_padding_bytes() -> None:
    extra = b"LIST" + struct.pack("<I", 5) + b"INFO1" + b"fact" + struct.pack("<I", 5) + b"12345"
    assert judge(riff(sound=noise(5000), extra=extra)).complete is True


def test_a_file_that_lost_its_way_is_never_called_empty() -> None:
    verdict = judge(riff(sound=noise(9000), extra=b"LIST" + struct.pack("<I", 3) + b"\xf1" * 40))
    assert (verdict.kind, verdict.audio, verdict.complete) == (Kind.AUDIO, WAV, False)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_with_placeholder_sizes_proves_nothing(size: int) -> None:
    verdict = judge(riff(size=size, data=size, sound=b"\1" * 5000))
    assert (verdict.audio, verdict.problem, verdict.complete, verdict.duration_seconds) == (WAV, None, None, 0.625)


def test_a_wav_whose_header_was_never_completed_proves_nothing() -> None:
    verdict = judge(riff(size=36, data=0, sound=b"\1" * 5000))
    assert (verdict.audio, verdict.problem, verdict.complete) == (WAV, None, None)


def test_a_riff_size_that_counts_its_own_header_is_not_taken_for_missing_bytes() -> None:
    assert judge(riff(size=44 + 320)).complete is None
    assert judge(riff(size=44 + 320)[:-1]).complete is False


def test_padding_behind_the_end_proves_nothing_and_words_show() -> None:
    assert judge(riff() + bytes(5000)).complete is None
    assert judge(riff() + b"Internal Server Error").cut == "something else follows its sound"


def test_a_data_size_that_says_more_than_the_whole_proves_nothing() -> None:
    assert judge(riff(data=400)).complete is None


@pytest.mark.parametrize(
    "body",
    [
        written_wav(0),
        riff(sound=b"", size=0),
        riff(sound=b"", data=0xFFFFFFFF, size=0xFFFFFFFF),
        riff(sound=b"", after=b"LIST" + struct.pack("<I", 4000) + bytes(4000)),
        riff(size=36, data=0, sound=bytes(500)),
        riff()[:44],
        riff()[:36],
        riff()[:20],
        riff()[:12],
        rf64(b""),
        rf64()[:80],
    ],
)
def test_a_wav_header_without_sound_is_named(body: bytes) -> None:
    verdict = judge(body)
    assert (verdict.kind, verdict.problem, verdict.complete) == (Kind.NO_SOUND, "a WAV header without sound", None)


@pytest.mark.parametrize("end", [40, 60, 104])
def test_a_wave64_header_without_sound_is_named(end: int) -> None:
    assert judge(wave64()[:end]).problem == "a Wave64 header without sound"
    assert judge(wave64(b"")).kind is Kind.NO_SOUND


def test_wave64_may_lack_the_padding_at_its_end() -> None:
    body = wave64(b"\1\2" * 161)
    assert (judge(body).audio, judge(body).complete) == (WAVE64, True)
    assert judge(body[:-6]).complete is None
    assert judge(body[:-7]).complete is False


def test_a_wav_of_countless_chunks_is_given_up() -> None:
    body = b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 5000 + b"data\0\0\0\0"
    assert judge(body).kind is Kind.NO_SOUND


def test_the_duration_of_a_compressed_wav_is_that_of_its_fact() -> None:
    fact = b"fact" + struct.pack("<II", 4, 16_000)
    assert judge(riff(0x31, b"\x55" * 650, extra=fact)).duration_seconds == 2.0
