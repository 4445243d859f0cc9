"""How a recording stands in an item of the ledger's table."""

from __future__ import annotations

import json
import zlib
from base64 import b85decode, b85encode
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from functions.archiver.attributes import CLAIMS, ENTRY, RECORDING, from_json, to_item
from functions.archiver.clock import from_iso, from_ms
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.ledger.story import story_of
from functions.archiver.ledger.table import Item
from functions.archiver.object_keys import safe_name
from functions.archiver.recording import Json, Readiness, Recording

MAX_DOCUMENT_BYTES = 256 * 1024
"""DynamoDB takes 400 KB in an item, and a provider's rows have about one."""

_PACKED = "z"
_COMMON = (
    b'null,false,true,[],{},"lastUpdated":"dateCreated":"date_updated":"date_created":"start_time":"end_time":'
    b'"duration":"tags":[],"file":{"id":"state":"stored","completed","name":".mp3",".wav","size":'
    b'"contentType":"audio/mpeg"},"audio/wav","agent":{"id":"user":{"id":"number":"phone_number":"direction":"inbound",'
    b'"outbound","type":"INBOUND","call":{"id":"conversationId":"from":"to":".000Z","2026-https://api/v2/recordings/'
)
"""What providers' rows have in common. Packed documents can be read with these very bytes only: never change them."""
_MOST_NAMED, _LONGEST_NAME = 50, 100
_NAMES_BYTES = 32 * 1024
"""For the names of the fields that find no room, each letter of which may take six bytes."""


def pk_of(source: str, recording_id: str, kind: str = "recording") -> str:
    """The key of a recording's item, or of a follow-up of that kind."""
    return f"{source}#{kind}#{safe_name(recording_id)}"


def day_in(item: Mapping[str, Any]) -> str:
    """The day (UTC) that a recording counts in, as text."""
    return str(item["day"]).rpartition("#")[2]


REPORTED = (
    "kind",
    "source",
    "recording_id",
    "call_id",
    "recorded_at",
    "day",
    "state",
    "due_at",
    "found_at",
    "archived_at",
    "discovered_by",
    "attempts",
    "reason",
    "accepted",
    "held",
    "deleting_since",
    "deleted_at_source",
    "gone_at_source",
    "expires_at",
    "key",
    "version_id",
    "bytes",
    "sha256",
    "content_type",
    "metadata_sha256",
)
"""The attributes that counts and reports need."""


def _moment_ms(item: Item, name: str) -> datetime | None:
    return from_ms(int(item[name])) if name in item else None


def _moment(item: Item, name: str) -> datetime | None:
    return from_iso(item[name]) if name in item else None


def _day(item: Item) -> date:
    text = day_in(item) if "day" in item else item["found_at"][:10]
    return date.fromisoformat(text)


def _recording(item: Item) -> Recording:
    raw: dict[str, Json] = json.loads(_unpack(item["raw"])) if "raw" in item else {}
    return Recording(
        **from_json(item, RECORDING),
        **from_json(item.get("claims", {}), CLAIMS),
        readiness=Readiness.NOT_READY if "unfinished_since" in item else Readiness.READY,
        link=item.get("link"),
        raw=raw,
    )


def entry_of(item: Item) -> Entry:
    return Entry(
        **from_json(item, ENTRY),
        kind=item["kind"],
        recording=_recording(item),
        state=State(item["state"]),
        source=item["source"],
        day=_day(item),
        due_ms=int(item["due_at"]) if "due_at" in item and item["state"] in (State.PENDING, State.QUEUED) else None,
        failed_at=_moment_ms(item, "due_at") if item["state"] == State.FAILED else None,
        accepted=bool(item.get("accepted", False)),
        held="held" in item,
        deleting_since=_moment(item, "deleting_since"),
        deleted_at_source=_moment(item, "deleted_at_source"),
        gone_at_source=_moment(item, "gone_at_source"),
        story=story_of(item.get("story", ())),
        troubles=int(item.get("troubles", 0)),
        queued=int(item.get("queued", 0)),
        reason=item.get("reason"),
        missing_since=_moment_ms(item, "missing_since"),
        unfinished_since=_moment_ms(item, "unfinished_since"),
        unfinished_looks=int(item.get("looks", 0)),
        noted=Stored.from_item(item.get("noted", {})),
        stored=Stored.from_item(item),
        metadata_sha256=item.get("metadata_sha256"),
        described=bool(item.get("described", True)),
    )


def _document_text(recording: Recording) -> str:
    """The provider's document, packed; of one that no item could hold, the fields that fit, and the names of the others
    with their sizes in bytes.

    Packing keeps an ordinary item below 1 KB, and so each of its writes at one unit in place of two.
    """
    text = _compact(recording.raw)
    packed = min(text, _pack(text), key=len)
    if len(packed) <= MAX_DOCUMENT_BYTES:
        return packed
    sizes = {name: len(_compact((name, value))) for name, value in recording.raw.items()}
    kept: dict[str, Json] = {}
    room = MAX_DOCUMENT_BYTES - _NAMES_BYTES
    for name in sorted(sizes, key=lambda each: sizes[each]):
        room -= sizes[name]
        if room < 0:
            break
        kept[name] = recording.raw[name]
    left = [name for name in sizes if name not in kept]
    named = {name[:_LONGEST_NAME]: sizes[name] for name in left[:_MOST_NAMED]}
    return _compact({**kept, "left_out_fields": {"count": len(left), "bytes": named}})


def _pack(text: str) -> str:
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS, zdict=_COMMON)
    return _PACKED + b85encode(deflate.compress(text.encode()) + deflate.flush()).decode()


def _unpack(text: str) -> str:
    """A document as JSON, which begins with a brace."""
    if not text.startswith(_PACKED):
        return text
    inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_COMMON)
    return (inflate.decompress(b85decode(text.removeprefix(_PACKED))) + inflate.flush()).decode()


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def facts_of(recording: Recording, *, source: str, found_on: date) -> dict[str, object]:
    """The attributes that hold what the provider says of a recording, `day` among them; unknown ones are left out."""
    recorded = recording.recorded_at.astimezone(UTC).date() if recording.recorded_at else found_on
    facts: dict[str, object] = {
        **to_item(recording, RECORDING),
        "day": f"{source}#{recorded.isoformat()}",
        "link": recording.link,
        "raw": _document_text(recording) if recording.raw else None,
        "claims": to_item(recording, CLAIMS) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}
