"""The attributes of a recording and of its archived bytes, once: name, to JSON, from JSON.

The ledger's items, the sidecar and the ledger rebuilt from sidecars share these tables, so that a fact has one name and
one form everywhere. Values come back from JSON and from DynamoDB (whose numbers are Decimal) alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from functions.archiver.clock import from_iso, iso
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Contradiction, Json, Recording, Rendition

_SMALLEST, _LARGEST = 1e-100, 1e100
"""DynamoDB holds numbers from 1e-130 to 1e126; nothing about a call is anywhere near."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One field of a dataclass as it stands in documents and items, under `name`. A None or absent one is left out."""

    name: str
    field: str
    to_json: Callable[[Any], Json] = lambda value: value
    from_json: Callable[[Any], Any] = lambda value: value


def _number(value: float) -> float | None:
    size = abs(value)
    return value if math.isfinite(value) and (size == 0 or _SMALLEST < size < _LARGEST) else None


def _contradictions_to_json(found: Iterable[Contradiction]) -> Json:
    return [asdict(each) for each in found]


def _contradictions_from_json(found: Sequence[Mapping[str, str]]) -> tuple[Contradiction, ...]:
    return tuple(Contradiction(**each) for each in found)


RECORDING = (
    Attribute("recording_id", "id"),
    Attribute("call_id", "call_id"),
    Attribute("recorded_at", "recorded_at", iso, from_iso),
    Attribute("recorded_at_raw", "recorded_at_raw"),
    Attribute("recorded_at_from", "recorded_at_from"),
    Attribute("duration_seconds", "duration_seconds", _number, float),
    Attribute("direction", "direction"),
    Attribute("from_number", "from_number"),
    Attribute("to_number", "to_number"),
    Attribute("agent", "agent"),
)
"""What is known of a recording for good."""

CLAIMS = (
    Attribute("size_bytes", "size_bytes", from_json=int),
    Attribute("content_type", "content_type"),
)
"""What the provider says of audio that is not archived yet; kept apart, because the bytes have the last word."""

STORED = (
    Attribute("key", "key"),
    Attribute("version_id", "version_id"),
    Attribute("bytes", "size_bytes", from_json=int),
    Attribute("sha256", "sha256"),
    Attribute("crc32", "crc32"),
    Attribute("content_type", "content_type"),
    Attribute("codec", "codec"),
    Attribute("channels", "channels", from_json=int),
    Attribute("contradictions", "contradictions", _contradictions_to_json, _contradictions_from_json),
    Attribute("rendition", "rendition", asdict, lambda found: Rendition(**found)),
)
"""What the archive holds of a recording."""

ENTRY = (
    Attribute("found_at", "found_at", iso, from_iso),
    Attribute("discovered_by", "discovered_by"),
    Attribute("archived_at", "archived_at", iso, from_iso),
    Attribute("attempts", "attempts", from_json=int),
)
"""What the ledger adds of its own and the sidecar keeps."""


def filled(recording: Recording, known: Recording) -> Recording:
    """A recording as it was told just now, with what was known of it before in the place of what it leaves open."""
    fields = [each.field for each in RECORDING]
    return replace(recording, **{each: getattr(known, each) for each in fields if getattr(recording, each) is None})


def to_document(thing: object, attributes: Sequence[Attribute]) -> dict[str, Json]:
    """The attributes of `thing` by name; unknown ones are null, so that every document has the same fields."""
    values = ((attribute, getattr(thing, attribute.field)) for attribute in attributes)
    return {each.name: None if value is None else each.to_json(value) for each, value in values}


def to_item(thing: object, attributes: Sequence[Attribute]) -> dict[str, Json]:
    """As `to_document`, without what is unknown or empty."""
    return {name: value for name, value in to_document(thing, attributes).items() if value is not None and value != []}


def from_json(document: Mapping[str, Any], attributes: Sequence[Attribute]) -> dict[str, Any]:
    """The fields that a document or an item holds, by the dataclass's names. Raises TypeError, ValueError."""
    return {
        each.field: each.from_json(document[each.name]) for each in attributes if document.get(each.name) is not None
    }
