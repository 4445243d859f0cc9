"""Whether a recording's sidecar still says what it said when it was written.

The ledger notes the SHA-256 of the sidecar with each writing of it, and the day's seal has it too. For a recording from
before such digests, the facts are compared that ledger and sidecar share.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from functions.archiver.attributes import ENTRY, RECORDING, STORED
from functions.archiver.bucket.bucket import Bucket, NoObject, NotThere, Unreadable
from functions.archiver.bucket.sidecar import sidecar
from functions.archiver.bucket.verifying import Finding
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.ledger.items import entry_of, pk_of
from functions.archiver.ledger.table import Item, Table
from functions.archiver.recording import NO_TRANSCRIPT, TranscriptState

SHARED = tuple(each.name for each in (*RECORDING, *STORED, *ENTRY))
"""The facts that ledger and sidecar share."""

NEEDED = ("kind", *SHARED, "metadata_sha256")
"""The attributes of an item that a comparison needs, besides those that place its recording."""

_LARGEST_BYTES = 16 * 1024 * 1024
"""A provider's document has 256 KB at the most."""

_MOVE_ON = ("attempts",)
"""The ledger goes on counting."""

_GUESSED_BEFORE = ("archived_at",)
"""An import from before digests wrote it twice, some milliseconds apart."""


def compare_sidecar(bucket: Bucket, item: Item, sealed: str | None = None) -> Finding | None:
    """What is wrong with the sidecar of one archived recording, or None. `sealed` is its digest in the newest seal."""
    place = entry_of(item).place
    try:
        with bucket.read(place.metadata) as pieces:
            body = _up_to_the_largest(pieces)
    except NoObject as other:
        return _finding("altered", item, place.metadata, f"of its sidecar: {other}")
    except NotThere:
        return _finding("absent", item, place.metadata, "its sidecar is not there")
    except (Unreadable, ArchiveTrouble, OSError) as trouble:
        return _finding("undecided", item, place.metadata, f"its sidecar cannot be read: {trouble}")
    why = why_altered(body, item, sealed)
    return _finding("altered", item, place.metadata, why) if why else None


def settled(table: Table, item: Item) -> Item:
    """The item as the ledger has it now, for a second look at a sidecar that seems altered.

    Where a transcript is on its way, the sidecar may just have been written again; so the digest is left out.
    """
    source, id_ = str(item["source"]), str(item["recording_id"])
    now = table.get(pk_of(source, id_)) or item
    if table.get(pk_of(source, id_, "transcript")) is None:
        return now
    return {attribute: value for attribute, value in now.items() if attribute != "metadata_sha256"}


def why_altered(body: bytes, item: Item, sealed: str | None = None) -> str | None:
    """Why these bytes are not the sidecar that was written for the recording; None where they are."""
    digest, noted = hashlib.sha256(body).hexdigest(), item.get("metadata_sha256")
    document = _document(body)
    if document is None:
        return "its sidecar is not one JSON object"
    if noted is None:
        differing = contradictions(document, item)
    elif digest != noted:
        differing = contradictions(document, item, exactly=True)
        if not differing:
            return "its sidecar has another SHA-256 than the ledger noted"
    else:
        differing = []
    if differing:
        return f"its sidecar contradicts the ledger in {', '.join(differing)}"
    # Only the end of a transcript's making has a sidecar written again.
    if sealed and sealed != digest and document.get("transcript") == TranscriptState.NONE.value:
        return "its day was sealed with another sidecar"
    return None


def contradictions(document: Mapping[str, Any], item: Item, *, exactly: bool = False) -> list[str]:
    """The shared facts in which a sidecar and the ledger differ.

    `exactly`: also those that only the sidecar has. An archive from before digests may hold more there.
    """
    entry = entry_of(item)
    if entry.stored is None or entry.archived_at is None:
        return []
    expected = json.loads(json.dumps(sidecar(entry, entry.stored, NO_TRANSCRIPT, entry.archived_at), default=str))
    left_out = _MOVE_ON if exactly else (*_MOVE_ON, *_GUESSED_BEFORE)
    compared = [name for name in ("source", *SHARED) if name not in left_out]
    known = [name for name in compared if exactly or expected[name] not in (None, [])]
    return [name for name in known if expected[name] != document.get(name)]


def _up_to_the_largest(pieces: Iterable[bytes]) -> bytes:
    """The bytes, cut short where they are too many for a sidecar: then they are none."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > _LARGEST_BYTES:
            break
    return bytes(body)


def _document(body: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _finding(result: Literal["altered", "absent", "undecided"], item: Item, key: str, why: str) -> Finding:
    return Finding(result=result, source=str(item["source"]), recording_id=str(item["recording_id"]), key=key, why=why)
