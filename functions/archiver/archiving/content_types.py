"""Content types by what they mean: one format has many names, and some names say nothing."""

from __future__ import annotations

_FAMILIES = (
    ("mpeg", "mp3", "x-mpeg", "x-mp3", "mpeg3", "x-mpeg-3", "mpg", "mpa"),
    ("wav", "x-wav", "wave", "x-pn-wav", "vnd.wave"),
    ("aac", "aacp", "x-aac", "x-hx-aac-adts", "vnd.dlna.adts"),
    ("mp4", "m4a", "x-m4a", "mp4a-latm", "x-m4b", "x-m4p", "quicktime", "3gpp", "3gpp2"),
    ("ogg", "opus", "x-opus+ogg", "vorbis", "speex", "x-ogg", "x-speex"),
    ("flac", "x-flac"),
    ("basic", "x-au", "au", "ulaw"),
    ("aiff", "x-aiff"),
    ("x-ms-wma", "x-ms-wmv", "x-ms-asf", "vnd.ms-asf"),
    ("x-matroska", "matroska", "webm"),
    ("amr", "amr-wb", "x-amr"),
    ("x-caf", "caf"),
    ("x-w64", "w64"),
)
_FAMILY = {name: family[0] for family in _FAMILIES for name in family}
_SAY_NOTHING = frozenset(
    {
        "*/*",
        "application/binary",
        "application/download",
        "application/force-download",
        "application/octet-stream",
        "application/x-download",
        "audio/*",
        "binary/octet-stream",
    }
)


def names_format(claimed: str, found: str) -> bool:
    """Whether `claimed` is a name of the format that `found` names."""
    return _family(claimed) == _family(found)


def contradicts(claimed: str, found: str) -> bool:
    """Whether `claimed` names another format. A name that says nothing contradicts nothing."""
    return _plain(claimed) not in _SAY_NOTHING and not names_format(claimed, found)


def _plain(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _family(content_type: str) -> str:
    """By the second half: sound is also served as application/ogg and video/mp4."""
    name = _plain(content_type).partition("/")[2]
    return _FAMILY.get(name, name)
