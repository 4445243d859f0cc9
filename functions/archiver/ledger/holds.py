"""Which cases keep a recording from being erased and from expiring: the mark in its item.

The bucket is what enforces a hold; the mark tells the archiver's own writers, reports and verbs of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from functions.archiver.clock import Clock, to_ms
from functions.archiver.entry import State
from functions.archiver.ledger.conditions import Condition, Equals, Exists, unchanged
from functions.archiver.ledger.items import pk_of
from functions.archiver.ledger.story import Code, event, story_in, with_event
from functions.archiver.ledger.table import Item, Refused, Table

_ATTEMPTS = 10


class Busy(Exception):
    """Others keep changing the item's cases; nothing was changed."""


def cases_of(item: Item) -> tuple[str, ...]:
    """The cases that hold the recording, sorted."""
    return tuple(str(item["held"]).split("\n")) if "held" in item else ()


class Holds:
    """The holds of one source's recordings. What is not `new` is marked again, and programs hear nothing of it."""

    def __init__(self, table: Table, *, source: str, clock: Clock, new: bool = True) -> None:
        self._new = new
        self._table = table
        self._source = source
        self._clock = clock

    def hold(self, recording_id: str, case: str) -> Item | None:
        """Adds the case and takes the item's term away; the item as it is then, None where there is none."""
        return self._change(recording_id, "held", case, lambda cases: {*cases, case})

    def release(self, recording_id: str, case: str) -> Item | None:
        """Takes the case away; other cases still hold the recording."""
        return self._change(recording_id, "released", case, lambda cases: cases - {case})

    def key(self, recording_id: str) -> str:
        """The key of the recording's item."""
        return pk_of(self._source, recording_id)

    def _change(self, recording_id: str, code: Code, case: str, change: Callable[[set[str]], set[str]]) -> Item | None:
        pk = self.key(recording_id)
        for _ in range(_ATTEMPTS):
            item = self._table.get(pk)
            if item is None:
                return None
            before = set(cases_of(item))
            after = change(before)
            if after == before:
                return item
            put: dict[str, object] = {"held": _text(after)}
            if self._new:
                # Another value each time, so that no two changes look like one.
                put["announced_at"] = max(to_ms(self._clock.now()), int(item.get("announced_at", 0)) + 1)
            if after:
                put["expires_at"] = None
            if item["state"] != State.QUEUED.value:  # whoever has it in hand writes the story whole
                put["story"] = self._story_with(item, code, case)
            try:
                return self._table.update(pk, put=put, when=_is(item))
            except Refused:
                continue  # another case, or the downloader, came in between
        raise Busy(f"{recording_id!r} keeps changing")

    def _story_with(self, item: Item, code: Code, case: str) -> list[list[object]]:
        new = event(self._clock.now().timestamp(), code, case)
        return [list(each) for each in with_event(story_in(item), new)]


def _text(cases: Iterable[str]) -> str | None:
    return "\n".join(sorted(cases)) or None


def _is(item: Item) -> Condition:
    """The same cases and state as in the item that was read; both decide what is written."""
    return unchanged("held", item.get("held")) & Equals("state", item["state"]) & Exists("pk")
