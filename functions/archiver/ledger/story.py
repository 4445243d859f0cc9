"""A recording's story, in its item: a short list of events that travels with writes that happen anyway."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from functions.archiver.clock import from_iso

Code = Literal[
    "found",
    "tried",
    "archived",
    "gone",
    "failed",
    "quarantined",
    "accepted",
    "retried",
    "altered",
    "absent",
    "verified",
    "held",
    "released",
    "deleted at source",
    "gone at source",
]
Event = tuple[int, str, str]
"""When (seconds since 1970), what, and a few words more."""

MAX_EVENTS = 20
MAX_BYTES = 600
MAX_DETAIL = 40
_FIRST = 2
LEFT_OUT = "left out"


def event(seconds: float, code: Code, detail: str | None = None) -> Event:
    """One event; its detail is cut to 40 characters."""
    text = detail or ""
    return int(seconds), code, text if len(text) <= MAX_DETAIL else f"{text[: MAX_DETAIL - 1]}…"


def with_event(story: Sequence[Event], new: Event) -> list[Event]:
    """The story with one event more. A long one keeps its first two events and the newest; the rest are counted."""
    events = [*story, new]
    left_out = sum(int(detail) for _, code, detail in events if code == LEFT_OUT)
    events = [each for each in events if each[1] != LEFT_OUT]
    while len(events) > _FIRST + 1 and not _fits(_with_omission(events, left_out)):
        del events[_FIRST]
        left_out += 1
    return _with_omission(events, left_out)


def _with_omission(events: Sequence[Event], left_out: int) -> list[Event]:
    if not left_out:
        return list(events)
    return [*events[:_FIRST], (events[_FIRST - 1][0], LEFT_OUT, str(left_out)), *events[_FIRST:]]


def _fits(events: Sequence[Event]) -> bool:
    return len(events) <= MAX_EVENTS and len(json.dumps(events, ensure_ascii=False).encode()) <= MAX_BYTES


def story_of(value: Sequence[Sequence[object]]) -> tuple[Event, ...]:
    """The story as an item holds it."""
    return tuple((int(str(seconds)), str(code), str(detail)) for seconds, code, detail in value)


def story_in(item: Mapping[str, Any]) -> tuple[Event, ...]:
    """The story of a whole item. An earlier version wrote none: then its beginning, from other attributes."""
    story = story_of(item.get("story", ()))
    if story:
        return story
    told = [event(from_iso(str(item["found_at"])).timestamp(), "found", str(item.get("discovered_by", "")))]
    if "archived_at" in item:
        told.append(event(from_iso(str(item["archived_at"])).timestamp(), "archived"))
    return tuple(told)
