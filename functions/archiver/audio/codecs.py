"""Names of codecs, as `codec` shows them, for the numbers and letters that containers have for them."""

from __future__ import annotations

PCM = "pcm"

WAVE_FORMATS = {
    0x0001: PCM,
    0x0002: "adpcm",
    0x0003: "float",
    0x0006: "alaw",
    0x0007: "ulaw",
    0x0010: "oki adpcm",
    0x0011: "ima adpcm",
    0x0014: "g723",
    0x0017: "oki adpcm",
    0x0022: "truespeech",
    0x0031: "gsm",
    0x0040: "g721",
    0x0042: "g723.1",
    0x0045: "g726",
    0x0050: "mp2",
    0x0055: "mp3",
    0x0059: "g723.1",
    0x0061: "ima adpcm",
    0x0064: "g726",
    0x0065: "g722",
    0x0083: "g729",
    0x0085: "g726",
    0x00FF: "aac",
    0x0111: "g723.1",
    0x0123: "g723.1",
    0x0133: "g729",
    0x0140: "g726",
    0x0160: "wma1",
    0x0161: "wma2",
    0x0162: "wma pro",
    0x0163: "wma lossless",
    0x000A: "wma voice",
    0x028F: "g722",
    0x1500: "gsm",
    0x1600: "aac",
    0x2048: "gsm",
    0x674F: "vorbis",
    0x704F: "opus",
    0xA106: "aac",
    0xA109: "speex",
    0xF1AC: "flac",
}
"""By the tag of a WAVEFORMATEX. 0xFFFE stands for the first two bytes of the sub-format."""

FOUR_LETTERS = {
    b"lpcm": PCM,
    b"NONE": PCM,
    b"twos": PCM,
    b"sowt": PCM,
    b"raw ": PCM,
    b"ipcm": PCM,
    b"fpcm": "float",
    b"fl32": "float",
    b"FL32": "float",
    b"fl64": "float",
    b"alaw": "alaw",
    b"ALAW": "alaw",
    b"ulaw": "ulaw",
    b"ULAW": "ulaw",
    b"ima4": "ima adpcm",
    b"agsm": "gsm",
    b"GSM ": "gsm",
    b"G722": "g722",
    b"G726": "g726",
    b"G728": "g728",
    b"mp4a": "aac",
    b"aac ": "aac",
    b"alac": "alac",
    b"samr": "amr",
    b"sawb": "amr-wb",
    b".mp3": "mp3",
    b".mp2": "mp2",
    b"Opus": "opus",
    b"opus": "opus",
    b"fLaC": "flac",
    b"flac": "flac",
    b"ac-3": "ac3",
    b"ec-3": "eac3",
    b"sqcp": "qcelp",
    b"sevc": "evrc",
    b"QDM2": "qdm2",
    b"ilbc": "ilbc",
}
"""By the four letters that AIFF-C, CAF and MP4 use."""


def by_letters(letters: bytes) -> str | None:
    """The codec's name, or the letters themselves where they are readable."""
    known = FOUR_LETTERS.get(letters)
    text = letters.decode("ascii", "replace").strip().lower()
    return known or (text if text.isalnum() else None)
