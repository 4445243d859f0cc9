"""Numbers, times and states in words, for the page's templates."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from markupsafe import Markup

from functions.archiver.reconciling.cells import SIGNS

STATE_WORDS = {
    "pending": "waiting",
    "queued": "being fetched",
    "archived": "archived",
    "gone": "gone at the provider",
    "failed": "failed",
    "quarantined": "kept, unknown format",
    "altered": "altered",
    "absent": "absent",
    "erased": "erased",
}
DIRECTION_WORDS = {"in": "← in", "out": "→ out", "unknown": "unknown"}
DAY_SIGNS = SIGNS
_NOT_PLAYED = {
    "gsm": "GSM 6.10",
    "adpcm": "ADPCM",
    "g726": "G.726",
    "g.726": "G.726",
    "g729": "G.729",
    "amr": "AMR",
    "au": "Sun AU",
    "aiff": "AIFF",
    "wma": "Windows Media Audio",
    "encrypted": "encrypted audio",
    "speex": "Speex",
}
"""Codecs that no common browser plays, by a part of their name."""


_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates of Unicode's bidirectional algorithm, with their ends."""


def spoken_length(seconds: float | None) -> str:
    """`4 min 7 s`, for a screen reader."""
    if seconds is None:
        return "unknown length"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def local_text(moment: datetime | None, zone: ZoneInfo) -> str:
    """`27 Nov 2026, 10:41:03` in the archive's zone."""
    return f"{moment.astimezone(zone):%-d %b %Y, %H:%M:%S}" if moment else "unknown"


def utc_text(moment: datetime | None) -> str:
    """`2026-11-27 09:41:03 UTC`, for a title."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "the provider gives no time"


def unplayable(codec: str | None) -> str | None:
    """The codec's name in words where browsers cannot play it."""
    folded = (codec or "").lower()
    return next((name for part, name in _NOT_PLAYED.items() if part in folded), None)


def straight(value: object) -> str:
    """Somebody else's text, alone in its block, without marks that turn its direction: they become visible escapes.

    Marks of a single place, which names in Arabic and Hebrew use, stay. Nothing for None.
    """
    text = "" if value is None else str(value)
    return "".join(ascii(each)[1:-1] if each in _TURNING else each for each in text)


def apart(value: object) -> Markup:
    """Somebody else's text within a line: as `straight`, and its direction reaches nothing around it."""
    text = straight(value)
    return Markup("<bdi>{}</bdi>").format(text) if text else Markup()


def in_path(recording_id: str) -> str:
    """An id as one segment of a path, whatever it holds: quoted twice, because servers unquote once."""
    once = (
        quote(recording_id, safe="").replace(".", "%2E") if set(recording_id) <= {"."} else quote(recording_id, safe="")
    )
    return quote(once, safe="")


def from_path(segment: str) -> str:
    """The id of a segment that the server has unquoted once."""
    return unquote(segment)
