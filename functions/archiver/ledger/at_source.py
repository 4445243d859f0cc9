"""Marks in a recording's item about its deletion at the source.

    archived ──► deleting_since ──► deleted_at_source    we asked for it, and the source did it
        │
        └──────────────────────────► gone_at_source      the source no longer had it when we were about to ask

The first mark is written right before the request, on condition that nothing of what was checked has changed and that
no case holds the recording. A process that dies after the request finds it: then the source's 404 is our own doing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from functions.archiver.clock import Clock, iso
from functions.archiver.entry import Entry, State
from functions.archiver.ledger.conditions import Condition, Equals, Exists, Missing, unchanged
from functions.archiver.ledger.items import pk_of
from functions.archiver.ledger.story import Code, event, story_in, with_event
from functions.archiver.ledger.table import Item, Refused, Table

DELETING, DELETED, GONE = "deleting_since", "deleted_at_source", "gone_at_source"

ATTRIBUTES: Final = ("pk", "state", "held", "story", "sha256", "version_id", DELETING, DELETED, GONE)
"""Every attribute that is written here, or that a condition names."""

_ATTEMPTS = 5


class AtSource:
    """The marks of one source's recordings."""

    def __init__(self, table: Table, *, source: str, clock: Clock) -> None:
        self._table = table
        self._source = source
        self._clock = clock

    def begin(self, entry: Entry) -> bool:
        """Notes that its deletion is asked for now; False where it is no longer what was checked, or is held."""
        stored = entry.stored
        assert stored is not None
        when: Condition = Equals("state", State.ARCHIVED.value) & Equals("sha256", stored.sha256) & Missing("held")
        when &= unchanged("version_id", stored.version_id or None)
        put = {DELETING: iso(entry.deleting_since or self._clock.now())}
        try:
            self._table.update(self._pk(entry), put=put, when=when & Missing(DELETED) & Missing(GONE))
        except Refused:
            return False
        return True

    def take_back(self, entry: Entry) -> None:
        """Its deletion was not asked for after all; nothing where an earlier run may have asked."""
        if entry.deleting_since is None:
            with suppress(Refused):
                self._table.update(self._pk(entry), put={}, remove=[DELETING], when=Exists(DELETING))

    def deleted(self, entry: Entry) -> None:
        """The source has deleted it."""
        self._end(entry, DELETED, "deleted at source")

    def gone(self, entry: Entry) -> None:
        """The source did not have it any more, and not because of us."""
        self._end(entry, GONE, "gone at source")

    def _end(self, entry: Entry, mark: str, code: Code) -> None:
        """Nothing where the item is not there any more: it was erased meanwhile."""
        now = self._clock.now()
        for _ in range(_ATTEMPTS):
            item = self._table.get(self._pk(entry))
            if item is None:
                return
            story = with_event(story_in(item), event(now.timestamp(), code))
            put = {mark: iso(now), DELETING: None, "story": [list(each) for each in story]}
            try:
                self._table.update(self._pk(entry), put=put, when=_same_holds(item))
            except Refused:
                continue  # a case was put on it or taken off, which its story tells as well
            return
        self._table.update(self._pk(entry), put={mark: iso(now), DELETING: None}, when=Exists("pk"))

    def _pk(self, entry: Entry) -> str:
        return pk_of(self._source, entry.recording.id)


def _same_holds(item: Item) -> Condition:
    return unchanged("held", item.get("held")) & Exists("pk")
