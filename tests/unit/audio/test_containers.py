"""Ogg, MP4, FLAC, ASF, Matroska, AIFF, CAF and AU: what each tells of its kind, its sound and its end."""

from __future__ import annotations

import struct

import pytest

from functions.archiver.audio.kinds import (
    AIFF,
    AU,
    CAF,
    CONTENT_TYPES,
    FLAC,
    M4A,
    MKA,
    MKV,
    MOV,
    MP4,
    MP4_VIDEO,
    OGG,
    OGG_VIDEO,
    OPUS,
    THREE_GPP,
    THREE_GPP2,
    THREE_GPP2_VIDEO,
    THREE_GPP_VIDEO,
    WEBM,
    WEBM_VIDEO,
    WMA,
    Audio,
    Kind,
)
from tests.doubles.audio_files import (
    OPUS_HEAD,
    SPEEX_HEAD,
    VORBIS_HEAD,
    aiff,
    au,
    box,
    caf,
    case_file,
    element,
    flac,
    flac_frame,
    fragmented_mp4,
    id3,
    matroska,
    mp4,
    noise,
    ogg,
    page,
    wma,
)
from tests.doubles.judging import judge

SOUND_ONLY = (b"soun",)
WITH_PICTURE = (b"vide", b"soun")
BRANDS = [
    (b"M4A ", SOUND_ONLY, M4A),
    (b"M4B ", SOUND_ONLY, M4A),
    (b"mp42", SOUND_ONLY, M4A),
    (b"isom", SOUND_ONLY, M4A),
    (b"xyz9", SOUND_ONLY, M4A),
    (b"mp42", WITH_PICTURE, MP4_VIDEO),
    (b"3gp4", SOUND_ONLY, THREE_GPP),
    (b"3gp5", WITH_PICTURE, THREE_GPP_VIDEO),
    (b"3g2a", SOUND_ONLY, THREE_GPP2),
    (b"3g2b", WITH_PICTURE, THREE_GPP2_VIDEO),
    (b"qt  ", SOUND_ONLY, MOV),
]


@pytest.mark.parametrize("moov_first", [True, False])
@pytest.mark.parametrize(("brand", "handlers", "audio"), BRANDS)
def test_an_mp4_is_sound_unless_it_has_a_picture(
    brand: bytes, handlers: tuple[bytes, ...], audio: Audio, moov_first: bool
) -> None:
    verdict = judge(mp4(brand, handlers=handlers, moov_first=moov_first))
    assert (verdict.audio, verdict.complete, verdict.codec, verdict.duration_seconds) == (audio, True, "amr", 2.0)


def test_an_mp4_whose_description_is_still_to_come_counts_as_sound() -> None:
    assert judge(mp4(b"isom")[:300]).audio == MP4


def test_a_quicktime_file_may_lack_its_brand() -> None:
    body = box(b"wide") + mp4()[20:]
    assert (judge(body).audio, judge(body).kind) == (MOV, Kind.AUDIO)


def test_the_channels_of_aac_are_those_of_its_own_configuration() -> None:
    assert judge(case_file("m4a-brand-mp42/call.m4a")).channels == 1


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        (mp4()[:300], "its last box announces 428 bytes"),
        (mp4()[: 20 + 408], "the box that describes its sound is missing"),
        (mp4() + b"\0\0", "its last box is cut"),
        (mp4() + b"\1\1\1\1\1\1\1\1\1", "something else follows its last box"),
        (fragmented_mp4()[:-208], "the sound of its last fragment is missing"),
    ],
)
def test_a_cut_mp4_says_what_is_missing(body: bytes, cut: str) -> None:
    verdict = judge(body)
    assert verdict.complete is False
    assert verdict.cut is not None
    assert verdict.cut.startswith(cut.partition(" tells")[0])


def test_an_mp4_whose_samples_lie_behind_its_end_is_cut() -> None:
    body = mp4(moov_first=True, sound=b"")
    assert judge(body[:-8] + box(b"mdat", b"\1")).complete is True
    assert judge(body[:-8].replace(struct.pack(">I", 28), struct.pack(">I", 90_000)) + box(b"mdat", b"\1")).cut


def test_sound_up_to_the_end_of_an_mp4_proves_nothing() -> None:
    body = mp4(moov_first=True)
    at = body.index(b"mdat") - 4
    assert judge(body[:at] + bytes(4) + body[at + 4 :]).complete is None


@pytest.mark.parametrize("index", [True, False])
def test_fragments_prove_nothing_without_their_index(index: bool) -> None:
    assert judge(fragmented_mp4(index=index)).complete is (True if index else None)


OGGS = [(OPUS_HEAD, 2, OPUS, "opus"), (VORBIS_HEAD, 3, OGG, "vorbis"), (SPEEX_HEAD, 2, OGG, "speex")]


@pytest.mark.parametrize(("head", "headers", "audio", "codec"), OGGS)
def test_an_ogg_is_complete_with_the_last_page_of_its_stream(
    head: bytes, headers: int, audio: Audio, codec: str
) -> None:
    body = ogg(head, headers=headers)
    verdict = judge(body)
    assert (verdict.audio, verdict.complete, verdict.codec, verdict.channels) == (audio, True, codec, 1)
    assert judge(ogg(head, headers=headers, last=False)).cut == "its last page is missing"
    assert judge(body[:-1]).cut == "its last page is cut"
    assert judge(body + b"<html>" * 9).cut == "something else follows its last page"


@pytest.mark.parametrize(("head", "headers", "audio", "codec"), OGGS)
def test_the_headers_of_an_ogg_are_no_sound(head: bytes, headers: int, audio: Audio, codec: str) -> None:
    body = ogg(head, headers=headers, pages=0, last=False)
    assert (judge(body).kind, judge(body).audio) == (Kind.NO_SOUND, audio)
    assert judge(body + page(4, b"")).kind is Kind.NO_SOUND


def test_each_stream_of_an_ogg_has_a_last_page_of_its_own() -> None:
    first = page(2, OPUS_HEAD, granule=0) + page(2, OPUS_HEAD, serial=8, granule=0)
    body = first + page(0, b"tags", granule=0) + page() * 3 + page(4)
    assert judge(body).complete is False
    assert judge(body + page(4, serial=8)).complete is True


def test_an_ogg_with_a_picture_is_one() -> None:
    body = page(2, b"\x80theora" + bytes(40), serial=3, granule=0) + ogg(VORBIS_HEAD, headers=3) + page(4, serial=3)
    assert (judge(body).audio, judge(body).codec) == (OGG_VIDEO, "vorbis")


def test_flac_ends_with_the_last_of_its_samples() -> None:
    assert judge(flac()).complete is True
    assert judge(id3(99) + flac()).audio == FLAC
    assert judge(flac(4, samples=960)).cut == "its header announces 960 samples and its last frame ends at 768"
    assert judge(flac()[:-1]).cut == "its last frame is cut"


def test_flac_that_does_not_tell_its_samples_proves_nothing() -> None:
    assert judge(flac(samples=0)).complete is None
    assert judge(flac(samples=0)[:-1]).complete is False


def test_a_flac_frame_with_another_checksum_is_no_end() -> None:
    assert judge(flac()[: -len(flac_frame(4))] + flac_frame(4)[:-1] + b"\x99").complete is False


@pytest.mark.parametrize(
    ("told", "live", "complete"), [(None, False, True), (10**6, False, False), (0, False, None), (0, True, None)]
)
def test_wma_ends_where_its_header_says(told: int | None, live: bool, complete: bool | None) -> None:
    verdict = judge(wma(told=told, live=live))
    assert (verdict.audio, verdict.complete) == (WMA, complete)


MATROSKA = [(b"matroska", 2, MKA), (b"matroska", 1, MKV), (b"webm", 2, WEBM), (b"webm", 1, WEBM_VIDEO)]


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(("kind", "track", "audio"), MATROSKA)
def test_matroska_is_complete_where_its_segment_tells_a_length(
    kind: bytes, track: int, audio: Audio, live: bool
) -> None:
    body = matroska(kind, track=track, live=live)
    assert (judge(body).audio, judge(body).complete) == (audio, None if live else True)
    assert judge(body[:-1]).complete is False
    assert judge(body + b"Internal Server Error").complete is not True


def test_a_matroska_block_after_block_may_lack_all_lengths() -> None:
    body = matroska(live=True) + element("1f43b675", element("e7", b"\1") + element("a3", b"\x81\0\0\x80" + noise(9)))
    assert judge(body).complete is None
    assert judge(body[:-3]).cut == "its last element is cut"


@pytest.mark.parametrize(("body", "audio"), [(aiff(), AIFF), (aiff(kind=b"AIFC"), AIFF), (caf(), CAF), (au(), AU)])
def test_a_length_that_is_kept_is_proof(body: bytes, audio: Audio) -> None:
    assert (judge(body).audio, judge(body).complete) == (audio, True)
    verdict = judge(body[:-10])
    assert (verdict.complete, verdict.promised_bytes) == (False, len(body))


@pytest.mark.parametrize("body", [caf(size=-1), au(size=0xFFFFFFFF), au(size=0, sound=b"\x55" * 4000)])
def test_a_length_that_is_not_told_proves_nothing(body: bytes) -> None:
    assert (judge(body).kind, judge(body).complete) == (Kind.AUDIO, None)


HEADERS = {
    "mp4": [mp4(sound=b""), mp4()[:20], box(b"ftyp", b"3g2a"), box(b"ftyp", b"mp42") + box(b"moov") + box(b"mdat")],
    "flac": [flac(0), flac()[:30], b"fLaC"],
    "wma": [wma(b""), wma()[:100]],
    "matroska": [matroska(clusters=0), matroska(clusters=0, live=True), element("1a45dfa3", b"")],
    "aiff": [aiff(b""), aiff()[:40]],
    "caf": [caf(b""), caf()[:30], caf(b"", size=-1)],
    "au": [au(b""), au(b"", size=0xFFFFFFFF), au()[:20], au()[:32]],
}


@pytest.mark.parametrize("body", [body for bodies in HEADERS.values() for body in bodies])
def test_a_header_is_no_sound_in_any_format(body: bytes) -> None:
    verdict = judge(body)
    assert verdict.kind is Kind.NO_SOUND
    assert verdict.problem is not None
    assert verdict.problem.endswith("header without sound")


def test_one_content_type_for_each_extension_is_that_of_sound() -> None:
    assert CONTENT_TYPES["mp4"] == "audio/mp4"
    assert CONTENT_TYPES["webm"] == "audio/webm"
    assert CONTENT_TYPES["wma"] == "audio/x-ms-wma"
