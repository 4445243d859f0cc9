"""Which files are recordings by their names."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath

_ENDINGS = frozenset(
    f".{each}"
    for each in [
        "3g2",
        "3gp",
        "3gpp",
        "722",
        "723",
        "726",
        "729",
        "aac",
        "ac3",
        "act",
        "adpcm",
        "ads",
        "aif",
        "aifc",
        "aiff",
        "al",
        "alaw",
        "amr",
        "ape",
        "au",
        "awb",
        "caf",
        "dsf",
        "dss",
        "dvf",
        "dvi",
        "ds2",
        "eac3",
        "evrc",
        "flac",
        "g711",
        "g722",
        "g723",
        "g726",
        "g729",
        "gsm",
        "ilbc",
        "ima",
        "iff",
        "l16",
        "lpc",
        "m2a",
        "m4a",
        "m4b",
        "m4r",
        "mka",
        "mkv",
        "mov",
        "mp1",
        "mp2",
        "mp3",
        "mp4",
        "mpa",
        "mpc",
        "mpga",
        "msv",
        "nmf",
        "oga",
        "ogg",
        "oma",
        "opus",
        "pcm",
        "qcp",
        "ra",
        "ram",
        "raw",
        "rf64",
        "rm",
        "sd2",
        "sil",
        "silk",
        "siren",
        "sln",
        "sln16",
        "slin",
        "snd",
        "spx",
        "sw",
        "swa",
        "tta",
        "u8",
        "ul",
        "ulaw",
        "vms",
        "voc",
        "vox",
        "w64",
        "wav",
        "wave",
        "wav49",
        "wma",
        "wv",
        "webm",
    ]
)
"""Endings of recordings, known formats or not, whatever the machine's own list of types says."""


def named_as_recording(name: str) -> bool:
    """Whether a file's name is that of a recording, whatever its content is."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.name.startswith("._"):  # what macOS keeps of a file beside it
        return False
    ending = path.suffix.lower()
    return ending in _ENDINGS or (mimetypes.guess_type(f"x{ending}")[0] or "").startswith(("audio/", "video/"))


_WRAPPERS = frozenset(
    [
        ".7z",
        ".aes",
        ".asc",
        ".bz2",
        ".cab",
        ".enc",
        ".gpg",
        ".gz",
        ".iso",
        ".lz",
        ".lz4",
        ".lzma",
        ".pgp",
        ".p7m",
        ".rar",
        ".tar",
        ".tgz",
        ".xz",
        ".zip",
        ".zst",
    ]
)
"""Endings of what a recording may be packed or encrypted in."""


def may_hold_recordings(name: str) -> bool:
    """Whether bytes that nobody knows may be recordings, by the name of their file: packed, encrypted, without an
    ending, or with one behind that of a recording, such as `.part`.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    endings = [each.lower() for each in path.suffixes]
    if path.name.startswith("."):
        return False
    return not endings or endings[-1] in _WRAPPERS or not _ENDINGS.isdisjoint(endings)
