"""How files of each format start. The parsers themselves are loaded for the format that comes."""

from __future__ import annotations

AMR_NARROW, AMR_WIDE = b"#!AMR\n", b"#!AMR-WB\n"
AMR_NARROW_CHANNELS, AMR_WIDE_CHANNELS = b"#!AMR_MC1.0\n", b"#!AMR-WB_MC1.0\n"
AMR_STARTS = (AMR_NARROW, AMR_WIDE, AMR_NARROW_CHANNELS, AMR_WIDE_CHANNELS)

ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
MATROSKA = b"\x1a\x45\xdf\xa3"
WAVE64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")

_FIRST_BOXES = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))  # in QuickTime files without a brand
_LARGEST_FTYP = 4096


def is_mp4(head: bytes) -> bool:
    """Whether `head` starts with a box that such a file starts with: mostly `ftyp`, whatever brand it names."""
    size, name = int.from_bytes(head[:4], "big"), head[4:8]
    if name in (b"ftyp", b"styp"):
        return 8 <= size <= _LARGEST_FTYP
    if name not in _FIRST_BOXES or 1 < size < 8:
        return False
    behind = head[size + 4 : size + 8] if size < len(head) else b""
    return name in (b"moov", b"mdat") or behind in _FIRST_BOXES
