"""Values of a provider's document as facts. What is not of the wanted kind is None or empty, and never an error."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from functions.archiver.recording import Json

_LONGEST_TEXT = 1000
_LONGEST_LINK = 16_384
_LONGEST_NAME = 100
_LARGEST_NUMBER = 10**15
_SMALLEST_NUMBER = 1e-9
_NOT_ON_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WRAPPING = str.maketrans("", "", "\t\r\n")
_MAX_NAMED = 5
_DEEPEST = 10
_DIGITS = re.compile(r"[0-9]{9,13}(\.[0-9]{1,9})?")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_EARLIEST_SECONDS, _EARLIEST_MILLISECONDS = 1e8, 1e11
"""Of 1973: smaller numbers are no times but days, counts or nothing."""

_LEAP_SECOND = re.compile(r"(?<=:59:)60")
_END_OF_DAY = re.compile(r"(?<=[T ])24:00(?=:00(\.0+)?(?![0-9.])|(?![0-9:]))")
_UTC = re.compile(r"Z$| ?UTC$| GMT$")


def mapping_of(value: Json) -> Mapping[str, Json]:
    """`value` where it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items_of(value: Json) -> Sequence[Json]:
    """`value` where it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else ()


def text_of(value: Json) -> str | None:
    """`value` where it is a text of at most 1000 characters on one line, else None.

    Whatever a person or a phone can have typed is a text: blanks of any width, joiners, direction marks, emoji.
    """
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and is_one_line(value) else None


def id_of(value: Json) -> str | None:
    """`value` where it is a text as above, or a whole number as text: some send ids and phone numbers as numbers."""
    return text_of(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def name_of(key: str) -> str:
    """`key` where it is short enough to be part of an id and on one line, else a digest of it."""
    name = text_of(key[:_LONGEST_NAME])
    return name if name == key else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def is_one_line(text: str) -> bool:
    """Whether it is free of control characters, line breaks and lone surrogates."""
    return not _NOT_ON_A_LINE.search(text)


def link_of(value: Json) -> str | None:
    """`value` where it is a text that may be a link, else None; a signed one has some thousand characters.

    Line breaks and tabs that it was wrapped with are left out, as browsers do; one without a scheme is https.
    """
    link = value.translate(_WRAPPING).strip(" ") if isinstance(value, str) else ""
    link = f"https:{link}" if link.startswith("//") else link
    return link if 0 < len(link) <= _LONGEST_LINK and is_one_line(link) else None


def number_of(value: Json) -> float | None:
    """`value` where it is a number of a sensible size, as one or as a text: some send durations and codes as texts.

    None for anything else; what is next to nothing is 0. A boolean is none.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST_NUMBER:
        return None
    return None if math.isnan(value) else float(value) if abs(value) >= _SMALLEST_NUMBER else 0.0


def count_of(value: Json) -> int | None:
    """`value` where it is a count of something, else None."""
    number = number_of(value)
    return int(number) if number is not None and number >= 0 else None


def cursor_of(value: Json) -> str | None:
    """A provider's name for the next page, whatever it looks like; None where there is none."""
    return str(value) if value else None


def moment_of(value: Json) -> datetime | None:
    """`value` as UTC where it is a time: in ISO 8601 or as mails have it, or since 1970, in seconds or milliseconds.

    A text without a zone is taken for UTC. None for anything else.
    """
    try:
        moment = _since_1970(value) or _in_words(text_of(value) or "")
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def written(value: Json) -> str | None:
    """A time as the provider writes it."""
    return text_of(value) or (str(value) if moment_of(value) else None)


def _since_1970(value: Json) -> datetime | None:
    number = number_of(value) if not isinstance(value, str) or _DIGITS.fullmatch(value) else None
    seconds = number / 1000 if number and number >= _EARLIEST_MILLISECONDS else number
    return datetime.fromtimestamp(seconds, UTC) if seconds and seconds >= _EARLIEST_SECONDS else None


def _in_words(text: str) -> datetime:
    """A leap second, which no clock here knows, is the one before it; 24:00 is the next day's beginning."""
    text, ends_a_day = _END_OF_DAY.subn("00:00", _LEAP_SECOND.sub("59", text.strip().upper()))
    try:
        moment = datetime.fromisoformat(_UTC.sub("+00:00", text))
    except ValueError:
        moment = parsedate_to_datetime(text)
    return moment + timedelta(days=ends_a_day)


def without(document: Mapping[str, Json], *names: str) -> Mapping[str, Json]:
    """`document` as it may be kept: without these names, without signed links, and not nested too deep."""
    return {name: _kept(value, names, _DEEPEST) for name, value in document.items() if name not in names}


def _kept(value: Json, names: tuple[str, ...], depth: int) -> Json:
    if isinstance(value, Mapping):
        return {name: _kept(each, names, depth - 1) for name, each in value.items() if name not in names and depth}
    if isinstance(value, list):
        return [_kept(each, names, depth - 1) for each in value if depth]
    return None if isinstance(value, str) and "signature=" in value.lower() else value


def unread(facts: Sequence[object | None], what: str) -> str | None:
    """Names the rows of a page that could not be read (facts that are None); None where all could.

    `what` is what those rows lack: "id or date".
    """
    numbers = [str(number) for number, fact in enumerate(facts, start=1) if fact is None]
    if not numbers:
        return None
    named = ", ".join(numbers[:_MAX_NAMED]) + (", …" if len(numbers) > _MAX_NAMED else "")
    rows = "1 row has" if len(numbers) == 1 else f"{len(numbers)} rows have"
    return f"{rows} no usable {what}: number {named} of {len(facts)}"
