"""Whether the bucket still holds what the ledger says: the same question for a folder and for S3.

A recording is *same*, *altered* (there, with other bytes), *absent* (not there) or *undecided* (it cannot be read now).
What lies in the bucket and belongs to no recording of the ledger is *extra*.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import Any, Literal

from functions.archiver.bucket.bucket import Bucket, NoObject, NotThere, Unreadable, Version, is_made
from functions.archiver.bucket.digest import digest_of
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.items import day_in
from functions.archiver.object_keys import Place, date_in

Result = Literal["same", "altered", "absent", "undecided", "extra"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The finding about one object. `recording_id` is empty for an extra one."""

    result: Result
    source: str
    recording_id: str
    key: str
    why: str = ""
    bytes_read: int = 0


def compare(bucket: Bucket, item: Mapping[str, Any], *, read: bool) -> Finding:
    """One recording of the ledger against its object; `read` compares its bytes, else its size alone."""
    key, wanted = str(item["key"]), int(item["bytes"])
    try:
        head = bucket.head(key, version_id=item.get("version_id"))
        if head is None:
            with bucket.read(key, version_id=item.get("version_id")):
                pass  # raises, and says what lies there instead
            return _finding("undecided", item, "it came while it was looked at")
        if head.size_bytes != wanted:
            return _finding("altered", item, f"it has {head.size_bytes} bytes and had {wanted}")
        if not read:
            return _finding("same", item)
        digest = digest_of(bucket, key, version_id=item.get("version_id"))
    except NoObject as other:
        return _finding("altered", item, str(other))
    except NotThere:
        return _finding("absent", item, _not_there(item))
    except (Unreadable, ArchiveTrouble, OSError) as trouble:
        return _finding("undecided", item, f"it cannot be read: {trouble}")
    if digest.sha256_hex != item["sha256"]:
        return _finding("altered", item, "its SHA-256 is not the noted one", digest.size_bytes)
    return _finding("same", item, "", digest.size_bytes)


FOLDERS = ("audio", "metadata", "quarantine", "transcripts")
"""Where the objects of recordings lie."""


def extra(bucket: Bucket, source: str, items: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Objects of the source that belong to none of `items`, which are all of its recordings, ordered by day.

    What lies over an archived version is extra too: every read goes by version, and still somebody has put it there.
    A day is in memory at a time: both sides come in the order of days.
    """
    days = groupby(items, key=day_in)
    of_items, known = _next_day(days)
    listings = [bucket.versions(f"{folder}/source={source}/") for folder in FOLDERS]
    for day, versions in groupby(heapq.merge(*listings, key=_day_of), key=_day_of):
        while of_items and of_items < day:
            of_items, known = _next_day(days)
        for version in versions:
            if version.latest and (why := _why_extra(version, known if of_items == day else {})):
                yield Finding(result="extra", source=source, recording_id="", key=version.key, why=why)


def _day_of(version: Version) -> str:
    return date_in(version.key)


def _why_extra(version: Version, known: Mapping[str, str | None]) -> str | None:
    if version.key not in known:
        return None if version.deleted else "no recording has this key"
    own = known[version.key]
    if is_made(own) or version.version_id == own:
        return None
    return f"{'a delete marker' if version.deleted else 'another version'} lies over the archived one, which is {own}"


def _next_day(days: Iterator[tuple[str, Iterator[Mapping[str, Any]]]]) -> tuple[str, dict[str, str | None]]:
    """A day with the keys that its recordings may have, and the version that is archived where there is one alone."""
    day, items = next(days, ("", iter(())))
    known: dict[str, str | None] = {}
    for item in items:
        place = Place(source=str(item["source"]), day=date.fromisoformat(day), recording_id=str(item["recording_id"]))
        known |= dict.fromkeys((place.metadata, place.transcript, place.quarantine))
        if "key" in item:
            known[str(item["key"])] = item.get("version_id")
    return day, known


def _not_there(item: Mapping[str, Any]) -> str:
    version_id = item.get("version_id")
    return "it is not there" if is_made(version_id) else f"its version {version_id} is not there"


def _finding(result: Result, item: Mapping[str, Any], why: str = "", bytes_read: int = 0) -> Finding:
    return Finding(
        result=result,
        source=str(item["source"]),
        recording_id=str(item["recording_id"]),
        key=str(item["key"]),
        why=why,
        bytes_read=bytes_read,
    )
