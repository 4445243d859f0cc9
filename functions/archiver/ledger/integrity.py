"""Marks archived recordings whose bytes have changed, and takes the mark away again.

    archived ◄──► altered    its bytes are others than the ledger noted
        ▲
        └───────► absent     its bytes are not there

Each way is one write that tells its event in the item's story. Nothing here looks at bytes or touches a file.
"""

from __future__ import annotations

from functions.archiver.clock import Clock, to_ms
from functions.archiver.entry import State
from functions.archiver.ledger.conditions import Equals, OneOf, unchanged
from functions.archiver.ledger.items import pk_of
from functions.archiver.ledger.story import Code, event, story_in, with_event
from functions.archiver.ledger.table import Item, Refused, Table

_SOUND = (State.ARCHIVED, State.QUARANTINED)
_FROM = {
    State.ALTERED: (*_SOUND, State.ABSENT),
    State.ABSENT: _SOUND,
    State.ARCHIVED: (State.ALTERED, State.ABSENT),
}


class Integrity:
    """The states of one source's kept recordings."""

    def __init__(self, table: Table, *, source: str, clock: Clock) -> None:
        self._table = table
        self._source = source
        self._clock = clock

    def mark_altered(self, recording_id: str, why: str) -> bool:
        """Marks a recording whose bytes have changed; False when it is marked already, or was never kept."""
        return self._move(recording_id, State.ALTERED, "altered", why)

    def mark_absent(self, recording_id: str, why: str) -> bool:
        """Its bytes are not there; False when it is so already, was never kept, or is altered and was set aside."""
        return self._move(recording_id, State.ABSENT, "absent", why)

    def mark_sound(self, recording_id: str, why: str) -> bool:
        """The bytes that were noted are there again."""
        return self._move(recording_id, State.ARCHIVED, "archived", why)

    def note_verified(self, recording_id: str) -> bool:
        """Its bytes were read and are those that were noted; only the last such time is kept."""
        pk = pk_of(self._source, recording_id)
        item = self._table.get(pk)
        if item is None or item["state"] not in _SOUND:
            return False
        before = [each for each in story_in(item) if each[1] != "verified"]
        story = [list(each) for each in with_event(before, event(self._clock.now().timestamp(), "verified"))]
        when = Equals("state", item["state"]) & unchanged("held", item.get("held"))
        try:
            self._table.update(pk, put={"story": story}, when=when)
        except Refused:
            return False  # somebody else has just moved it
        return True

    def _move(self, recording_id: str, state: State, code: Code, why: str) -> bool:
        pk = pk_of(self._source, recording_id)
        item = self._table.get(pk)
        if item is None or item["state"] == state.value or item["state"] not in _FROM[state]:
            return False
        sound = state is State.ARCHIVED
        try:
            self._table.update(
                pk,
                put={
                    # What was in quarantine goes back there.
                    "state": item.get("kept_as", state.value) if sound else state.value,
                    "kept_as": None if sound else _state_to_restore(item),
                    **self._index_keys(item.get("kept_as") if sound else state.value),
                    "reason": None if sound else why,
                    "story": [list(each) for each in self._story_with(item, code, why)],
                },
                when=OneOf("state", (State(item["state"]),)),
            )
        except Refused:
            return False  # somebody else has just moved it
        return True

    def _index_keys(self, group: str | None) -> dict[str, object]:
        """The keys under which the index `due` counts the recording; a sound one is not in it."""
        if group is None:
            return {"due_group": None, "due_at": None}
        return {"due_group": f"{self._source}#{group}", "due_at": to_ms(self._clock.now())}

    def _story_with(self, item: Item, code: Code, why: str) -> list[tuple[int, str, str]]:
        return with_event(story_in(item), event(self._clock.now().timestamp(), code, why))


def _state_to_restore(item: Item) -> str | None:
    """The state to go back to, where it is not the usual one."""
    before = item.get("kept_as", item["state"])
    return str(before) if before == State.QUARANTINED.value else None
