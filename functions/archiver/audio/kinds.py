"""The kinds of audio that an archive keeps, and what can be said of a body once it was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from functions.archiver.lazy_dataclass import dataclass

Piece = bytes | memoryview
"""The next bytes of a body. They may lie in a buffer that is filled anew afterwards: nobody keeps a view of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audio:
    """A kind of audio file: its extension without the dot, the content type to store it with, and its name."""

    extension: str
    content_type: str
    name: str = "a file"


class Kind(StrEnum):
    """The kinds of body that the archive has to tell apart.

    `NO_SOUND` is a known format that holds nothing, or nothing at all. An `ERROR_DOCUMENT` is text: HTML, JSON, XML,
    the words of a proxy. `UNKNOWN` bytes are neither: a codec that nobody here knows, or an encrypted recording.
    """

    AUDIO = "audio"
    NO_SOUND = "no sound"
    ERROR_DOCUMENT = "error document"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """The findings of a format's own structure about a whole body.

    `complete` is True when the structure comes to the end that it announced, so that no cut could look like it. It is
    False when bytes are missing or something foreign follows, and `cut` then says in a few words which; None proves
    nothing. `promised_bytes` is the length that a header gives the file, where that is more than came.
    """

    has_sound: bool
    complete: bool | None = None
    cut: str | None = None
    promised_bytes: int | None = None
    codec: str | None = None
    channels: int | None = None
    sample_rate: int | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The verdict on a whole body.

    `audio` is set for `Kind.AUDIO` and for a header of a known format without sound. `problem` says in a few words
    what came in place of a recording. The other fields are those of `Findings`; `complete` is None for all that is
    not audio.
    """

    kind: Kind
    audio: Audio | None
    size_bytes: int
    problem: str | None = None
    complete: bool | None = None
    cut: str | None = None
    promised_bytes: int | None = None
    codec: str | None = None
    channels: int | None = None
    sample_rate: int | None = None
    duration_seconds: float | None = None


MP3 = Audio(extension="mp3", content_type="audio/mpeg", name="an MP3")
AAC = Audio(extension="aac", content_type="audio/aac", name="an AAC")
WAV = Audio(extension="wav", content_type="audio/wav", name="a WAV")
WAVE64 = Audio(extension="w64", content_type="audio/x-w64", name="a Wave64")
OGG = Audio(extension="ogg", content_type="audio/ogg", name="an Ogg")
OPUS = Audio(extension="opus", content_type="audio/ogg", name="an Opus")
OGG_VIDEO = Audio(extension="ogv", content_type="video/ogg", name="an Ogg")
FLAC = Audio(extension="flac", content_type="audio/flac", name="a FLAC")
M4A = Audio(extension="m4a", content_type="audio/mp4", name="an MP4")
MP4 = Audio(extension="mp4", content_type="audio/mp4", name="an MP4")
MP4_VIDEO = Audio(extension="mp4", content_type="video/mp4", name="an MP4")
MOV = Audio(extension="mov", content_type="video/quicktime", name="a QuickTime")
THREE_GPP = Audio(extension="3gp", content_type="audio/3gpp", name="a 3GPP")
THREE_GPP_VIDEO = Audio(extension="3gp", content_type="video/3gpp", name="a 3GPP")
THREE_GPP2 = Audio(extension="3g2", content_type="audio/3gpp2", name="a 3GPP2")
THREE_GPP2_VIDEO = Audio(extension="3g2", content_type="video/3gpp2", name="a 3GPP2")
AMR = Audio(extension="amr", content_type="audio/amr", name="an AMR")
AMR_WB = Audio(extension="awb", content_type="audio/amr-wb", name="an AMR-WB")
AU = Audio(extension="au", content_type="audio/basic", name="an AU")
AIFF = Audio(extension="aif", content_type="audio/aiff", name="an AIFF")
CAF = Audio(extension="caf", content_type="audio/x-caf", name="a CAF")
WMA = Audio(extension="wma", content_type="audio/x-ms-wma", name="a WMA")
WMV = Audio(extension="wmv", content_type="video/x-ms-wmv", name="a WMV")
WEBM = Audio(extension="webm", content_type="audio/webm", name="a WebM")
WEBM_VIDEO = Audio(extension="webm", content_type="video/webm", name="a WebM")
MKA = Audio(extension="mka", content_type="audio/x-matroska", name="a Matroska")
MKV = Audio(extension="mkv", content_type="video/x-matroska", name="a Matroska")

CONTENT_TYPES: Mapping[str, str] = {
    each.extension: each.content_type for each in reversed(list(vars().values())) if isinstance(each, Audio)
}
"""By extension; of two kinds with the same one, that of sound alone."""
