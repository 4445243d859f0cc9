"""Which events a change of an item is, and those that an item as it stands has been. Nothing here reads or sends.

What a rebuild or a take-over puts into the ledger happened long ago: its items carry `restored`, and are no news.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from functions.archiver.alerting.telling import ANNOUNCEMENTS
from functions.archiver.alerting.trouble import BLOCKED
from functions.archiver.clock import from_iso, from_ms
from functions.archiver.events.event import MAX_REASON, Detail, Event, Type, event_id
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.holds import cases_of
from functions.archiver.ledger.story import story_of
from functions.archiver.ledger.table import Item
from functions.archiver.object_keys import date_in, digest_of

_TYPES = {"archived": Type.ARCHIVED, "gone": Type.GONE, "failed": Type.FAILED}
_SEAL_TYPE = "application/jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One write: the item before and after it, None where there was none. `expired`: its term took it away."""

    before: Item | None
    after: Item | None
    at: datetime
    expired: bool = False


def events_of(change: Change, *, bucket: str | None) -> Iterator[Event]:
    """The events that this change is: none for most. `bucket` is where recordings lie, None for a local archive."""
    before, after = change.before or {}, change.after or {}
    if after.get("kind") == "recording":
        yield from _state_events(change, before, after, bucket)
        yield from _hold_events(change, before, after, bucket)
    elif change.after is None:
        yield from _erasure_events(change, before)
    elif after.get("kind") == ANNOUNCEMENTS:
        yield from _source_events(before, after)
    elif "sealing" in before:
        yield from _seal_events(before, after, bucket)


def standing_events(item: Item, *, bucket: str | None) -> Iterator[Event]:
    """The events that an item implies as it stands, so that they can be sent again.

    The item is a recording's, or the tombstone of an erased one.
    """
    if item.get("kind") == "tombstone":
        if item["state"] == "erased":
            yield _erasure(str(item["source"]), str(item["pk"]).rpartition("#")[2], from_iso(item["buried_at"]))
        return
    found = from_iso(item["found_at"])
    if item["state"] in _TYPES:
        yield _of_state(item, bucket, or_at=found)
    placed = (
        {detail: from_ms(1000 * seconds) for seconds, code, detail in story_of(item["story"]) if code == "held"}
        if "story" in item
        else {}
    )
    for case in cases_of(item):
        yield _of_hold(item, Type.PLACED, case, bucket, at=placed.get(case, found))


def _state_events(change: Change, before: Item, after: Item, bucket: str | None) -> Iterator[Event]:
    is_restored = change.before is None and "restored" in after
    if after["state"] in _TYPES and after["state"] != before.get("state") and not is_restored:
        yield _of_state(after, bucket, or_at=change.at)


def _of_state(item: Item, bucket: str | None, *, or_at: datetime) -> Event:
    state = str(item["state"])
    return Event(type=_TYPES[state], at=_since(item, state) or or_at, detail=_of_recording(item, state, bucket))


def _since(item: Item, state: str) -> datetime | None:
    """Since when the item has been in this state, as far as it says."""
    if state == "archived":
        return from_iso(item["archived_at"]) if "archived_at" in item else None
    if state == "failed":
        return from_ms(int(item["due_at"])) if "due_at" in item else None
    told = [seconds for seconds, code, _ in story_of(item.get("story", ())) if code == state]
    return from_ms(1000 * told[-1]) if told else None


def _hold_events(change: Change, before: Item, after: Item, bucket: str | None) -> Iterator[Event]:
    if after.get("announced_at") == before.get("announced_at"):
        return
    at, was, now = from_ms(int(after["announced_at"])), set(cases_of(before)), set(cases_of(after))
    for case in sorted(now - was):
        yield _of_hold(after, Type.PLACED, case, bucket, at=at)
    for case in sorted(was - now):
        yield _of_hold(after, Type.RELEASED, case, bucket, at=at)


def _of_hold(item: Item, type_: Type, case: str, bucket: str | None, *, at: datetime) -> Event:
    return Event(type=type_, at=at, detail=_of_recording(item, f"{type_} {case}", bucket, reason=case))


def _erasure_events(change: Change, before: Item) -> Iterator[Event]:
    if before.get("kind") == "recording" and not change.expired:
        source = str(before["source"])
        yield _erasure(source, digest_of(source, str(before["recording_id"])), change.at)


def _erasure(source: str, recording: str, at: datetime) -> Event:
    """Nothing but the digest: what is erased has no id any more."""
    detail = Detail(id=event_id(source, recording, "erased"), source=source, recording=recording)
    return Event(type=Type.ERASED, at=at, detail=detail)


def _source_events(before: Item, after: Item) -> Iterator[Event]:
    source, was, now = str(after["source"]), before.get("told"), after.get("told")
    # A message that could not be sent takes `told` back, and nothing else.
    is_news = after.get("announced_at") != before.get("announced_at")
    if is_news and now != was and BLOCKED.name in (now, was):
        since = from_ms(int(after["seen_at"]))
        type_ = Type.BLOCKED if now == BLOCKED.name else Type.RECOVERED
        id_ = event_id(source, since.isoformat(), type_)
        yield Event(type=type_, at=since, detail=Detail(id=id_, source=source, reason=after.get("told_reason")))
    for day in sorted(set(after.get("late", ())) - set(before.get("late", ()))):
        id_ = event_id(source, day, Type.INCOMPLETE)
        detail = Detail(id=id_, source=source, day=day, reason="something of it has been missing for 24 hours")
        yield Event(type=Type.INCOMPLETE, at=from_ms(int(after["announced_at"])), detail=detail)


def _seal_events(before: Item, after: Item, bucket: str | None) -> Iterator[Event]:
    noted: Mapping[str, Any] = before["sealing"]
    if after.get("seal_head") != noted["sha256"] or before.get("seal_head") == noted["sha256"]:
        return
    source, key = str(after["pk"]).partition("#")[0], str(noted["key"])
    detail = Detail(
        id=event_id(source, key, "sealed"),
        source=source,
        bucket=bucket,
        key=key,
        sha256=str(noted["sha256"]),
        content_type=_SEAL_TYPE,
        day=date_in(key),
        sequence=int(noted["sequence"]),
    )
    yield Event(type=Type.SEALED, at=from_iso(str(noted["as_of"])), detail=detail)


def _of_recording(item: Item, state: str, bucket: str | None, *, reason: str | None = None) -> Detail:
    source, recording_id = str(item["source"]), str(item["recording_id"])
    recording = digest_of(source, recording_id)
    kept = "sha256" in item
    told = reason if reason is not None else item.get("reason")
    return Detail(
        id=event_id(source, recording, state),
        source=source,
        recording_id=recording_id,
        recording=recording,
        call_id=item.get("call_id"),
        recorded_at=item.get("recorded_at"),
        bucket=bucket if kept else None,
        key=item.get("key"),
        version_id=item.get("version_id"),
        bytes=int(item["bytes"]) if "bytes" in item else None,
        sha256=item.get("sha256"),
        content_type=item.get("content_type") if kept else None,
        reason=told[:MAX_REASON] if told else None,
    )
