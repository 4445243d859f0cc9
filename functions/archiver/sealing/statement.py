"""The statement that is sealed for a day: the word of its three witnesses, without anything that names a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import cast

from functions.archiver.clock import iso
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.listing.cursors import Unclean, Walk
from functions.archiver.reconciling.days import is_unclean, midnight
from functions.archiver.reconciling.report import Day, day_document, differences_of
from functions.archiver.sealing.document import Complete, Line, Statement, name_of

_KEPT = (State.ARCHIVED, State.QUARANTINED)
_CONTRADICTIONS = ("missing", "deleted", "foreign version", "other size")
"""Of the ledger by the bucket."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """The provider's listing of a day. `number` is None where it was not asked.

    `clean`: every page was read cleanly, after the day's end. `lists`: the provider keeps recordings of that age.
    """

    number: int | None = None
    clean: bool = False
    lists: bool = True


def shown(
    walk: Walk, days: Iterable[date], spans: Sequence[Unclean], *, retention: timedelta | None, now: datetime
) -> dict[date, Listed]:
    """The listings of these days by a finished walk, without days that were not over when they were listed.

    `spans` were not read cleanly; `retention` is how long the provider keeps recordings, as far as anybody knows.
    """
    return {
        day: Listed(
            number=walk.listed.get(day.isoformat(), 0),
            clean=not is_unclean(day, spans),
            lists=retention is None or now - midnight(day) < retention,
        )
        for day in days
        if midnight(day + timedelta(days=1)) <= walk.end
    }


def statement_of(source: str, day: Day, listed: Listed) -> Statement:
    """The statement about a day that was read with `listed.number` and whether it was clean."""
    listed = _as_before_our_deletions(day, listed)
    counts = day_document(day, as_of="", report="")
    contradicted = [id(each.entry) for each in differences_of(day) if each.what in _CONTRADICTIONS]
    kept = [entry for entry in day.entries if entry.state in _KEPT and id(entry) not in contradicted]
    gone, accepted, erased = (cast("int", counts[name]) for name in ("gone", "accepted", "erased"))
    there = max(len(day.entries) + erased + day.expired, listed.number or 0)
    return Statement(
        source=source,
        day=day.day,
        listed=listed.number,
        archived=len(kept),
        gone=gone,
        erased=erased,
        # A quarantined one is kept, also where a person has accepted it.
        missing=max(there - len(kept) - gone - erased - day.expired - _not_kept(day, accepted), 0),
        accepted=_not_kept(day, accepted),
        complete=_complete(day, str(counts["state"]), listed, kept=len(kept)),
        lines=tuple(sorted(_line(entry, entry.stored) for entry in kept if entry.stored)),
    )


def _as_before_our_deletions(day: Day, listed: Listed) -> Listed:
    """Counts the recordings that we deleted at the source as listed, so that a deletion calls for no new seal."""
    ours = sum(entry.deleted_at_source is not None for entry in day.entries)
    if listed.number is None or not ours:
        return listed
    known = len(day.entries) + day.erased
    return replace(listed, number=max(listed.number, min(listed.number + ours, known)))


def _not_kept(day: Day, accepted: int) -> int:
    return accepted - sum(entry.accepted and entry.state is State.QUARANTINED for entry in day.entries)


def _complete(day: Day, state: str, listed: Listed, *, kept: int) -> Complete:
    """Unknown where ledger and bucket agree and the provider has no word to say any more."""
    if state in ("altered", "missing", "in work"):
        return False
    number = listed.number
    if number is None or (number == 0 and (kept or not listed.lists)):
        return "unknown"
    if not listed.lists and number < len(day.entries):
        return "unknown"
    return state == "complete" and listed.clean


def _line(entry: Entry, stored: Stored) -> Line:
    return Line(
        name=name_of(stored.key, stored.version_id),
        sha256=stored.sha256,
        bytes=stored.size_bytes,
        archived_at=iso(entry.archived_at) if entry.archived_at else None,
        metadata_sha256=entry.metadata_sha256,
    )
