"""The waiting items of a source's ledger, and those that a run may look ahead to.

A 404 becomes *gone* only by a second one an hour later, and what is not ready becomes *failed* by its deadline. No such
verdict may rest on time that was skipped, so a run leaves these to the clock; the first looks at what is not ready
may come early, because they prove nothing but that it is there. Neither is time skipped that a host has asked for, and
who meets trouble of other hosts again and again waits for the clock as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.archiver.archiving.retries import ATTEMPT_DELAYS, NOT_READY_DELAYS
from functions.archiver.clock import from_ms, to_ms
from functions.archiver.ledger.conditions import KeyRange
from functions.archiver.ledger.table import Item, Table, batches

EARLY_LOOKS = len(NOT_READY_DELAYS)
"""Looks at what is not ready yet that do not wait; after so many the provider has been asked often enough."""

EARLY_TROUBLES = len(ATTEMPT_DELAYS)
"""Tries after somebody else's trouble that do not wait."""

_FACTS = ("kind", "missing_since", "unfinished_since", "looks", "troubles", "not_before")
_GROUPS = ("fresh", "retry", "queued")


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """`next_skip` is the earliest moment that may be looked ahead to, `left_until` the earliest to be waited for.

    `left` is how many recordings wait for the latter.
    """

    number: int
    is_due: bool
    next_skip: datetime | None
    left: int
    left_until: datetime | None


def waits_of(table: Table, source: str, now: datetime, *, skip_waits: bool) -> Waits:
    """The items that wait at this moment."""
    present = to_ms(now)
    due = any(table.query("due", KeyRange(f"{source}#{name}", at_most=present), limit=1) for name in _GROUPS)
    later = {
        item["pk"]: int(item["due_at"])
        for name in _GROUPS
        for item in table.query("due", KeyRange(f"{source}#{name}", at_least=present + 1))
    }
    left, next_skip, left_until = 0, None, None
    for pk, item in _facts_of(table, later):
        if skip_waits or _may_be_early(item, present):
            next_skip = min(next_skip or later[pk], later[pk])
        else:
            left_until = min(left_until or later[pk], later[pk])
            left += item.get("kind") == "recording"
    return Waits(
        number=len(later) + due,
        is_due=due,
        next_skip=from_ms(next_skip) if next_skip else None,
        left=left,
        left_until=from_ms(left_until) if left_until else None,
    )


def _facts_of(table: Table, pks: Iterable[str]) -> Iterator[tuple[str, Item]]:
    """What decides about each, a few hundred in memory at a time."""
    for some in batches(pks):
        found = table.get_many(some, _FACTS)
        yield from ((pk, found.get(pk, {})) for pk in some)


def _may_be_early(item: Mapping[str, Any], now: int) -> bool:
    if "missing_since" in item or int(item.get("not_before", 0)) > now:
        return False
    if int(item.get("troubles", 0)) >= EARLY_TROUBLES:
        return False
    return "unfinished_since" not in item or int(item.get("looks", 0)) < EARLY_LOOKS
