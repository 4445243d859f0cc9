"""Tags around the sound: ID3v2 in front of any format; ID3v1, APE and Lyrics3 behind MP3 and AAC."""

from __future__ import annotations

MAX_TAGS = 8
ID3_HEADER = 10
_STARTS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")


def id3_length(data: bytes, at: int = 0) -> int:
    """Bytes of the ID3v2 tag that starts at `at`, may be more than `data` holds; 0 when none does."""
    if data[at : at + 3] != b"ID3" or len(data) < at + ID3_HEADER:
        return 0
    a, b, c, d = data[at + 6 : at + 10]
    if (a | b | c | d) & 0x80 or 0xFF in data[at + 3 : at + 5]:
        return 0
    footer = ID3_HEADER if data[at + 5] & 0x10 else 0
    return ID3_HEADER + (a << 21 | b << 14 | c << 7 | d) + footer


def skip_id3(data: bytes, limit: int = MAX_TAGS) -> tuple[int, int]:
    """How many bytes of ID3v2 tags are in front (may be more than `data` holds), and how many tags."""
    at = tags = 0
    while tags < limit and (length := id3_length(data, at)):
        at += length
        tags += 1
    return at, tags


def without_tags(body: bytes) -> bytes:
    """The body without the whole ID3v1, APE, Lyrics3 and ID3v2 tags at its end."""
    if len(body) >= 128 and body[-128:-125] == b"TAG":
        body = body[:-128]
    for _ in range(2):
        size = 0
        if body.endswith(b"LYRICS200") and body[-15:-9].isdigit():
            size = int(body[-15:-9]) + 15
        elif len(body) >= 32 and body[-32:-24] == b"APETAGEX":
            size = int.from_bytes(body[-20:-16], "little") + (32 if body[-9] & 0x80 else 0)
        if size > len(body):
            break  # what is here is the end of a tag that starts within something else
        body = body[: len(body) - size]
    return b"" if body and id3_length(body) == len(body) else body


def begins_tag(rest: bytes) -> bool:
    """Whether `rest`, which is not empty, is the start of a tag that comes behind the sound."""
    return any(rest[: len(start)] == start[: len(rest)] for start in _STARTS)
