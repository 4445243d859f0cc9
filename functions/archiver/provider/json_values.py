"""Values of a provider's document as facts. What is not of the wanted kind is None or empty, and never an error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from functions.archiver.recording import Json

_LONGEST_TEXT = 1000
_LARGEST_NUMBER = 10**15
_DEEPEST = 10


def mapping_of(value: Json) -> Mapping[str, Json]:
    """`value` where it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items_of(value: Json) -> Sequence[Json]:
    """`value` where it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else ()


def text_of(value: Json) -> str | None:
    """`value` where it is a printable text of at most 1000 characters, else None."""
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and value.isprintable() else None


def number_of(value: Json) -> float | None:
    """`value` where it is a number that a float holds, else None. A boolean is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST_NUMBER:
        return None
    return None if math.isnan(value) else float(value)


def moment_of(value: Json) -> datetime | None:
    """`value` where it is an ISO 8601 text, as UTC; one without a zone is taken for UTC. Else None."""
    try:
        moment = datetime.fromisoformat((text_of(value) or "").replace("Z", "+00:00"))
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def without(document: Mapping[str, Json], *names: str) -> Mapping[str, Json]:
    """`document` as it may be kept: without these names, without signed links, and not nested too deep."""
    return {name: _kept(value, names, _DEEPEST) for name, value in document.items() if name not in names}


def _kept(value: Json, names: tuple[str, ...], depth: int) -> Json:
    if isinstance(value, Mapping):
        return {name: _kept(each, names, depth - 1) for name, each in value.items() if name not in names and depth}
    if isinstance(value, list):
        return [_kept(each, names, depth - 1) for each in value if depth]
    return None if isinstance(value, str) and "signature=" in value.lower() else value
