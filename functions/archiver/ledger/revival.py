"""How a recording leaves an end state: the provider says something else of it, a day has passed, a person wants it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from functions.archiver.clock import Clock, to_ms
from functions.archiver.entry import Entry, State
from functions.archiver.ledger.conditions import AtMost, Condition, Equals, KeyRange, Missing
from functions.archiver.ledger.due import Due
from functions.archiver.ledger.items import REPORTED, entry_of, pk_of
from functions.archiver.ledger.story import Code, event, with_event
from functions.archiver.ledger.table import Refused, Table, batches
from functions.archiver.recording import Recording

ONE_A_DAY = timedelta(hours=12)
"""A failed recording gets its daily attempt only so long after it failed: the second pass of a walk meets it again."""

TRIED = (
    "reason",
    "missing_since",
    "unfinished_since",
    "looks",
    "troubles",
    "not_before",
    "deaths",
    "accepted",
    "expires_at",
    "attempts",
)
"""All that was tried, and what came of it: one that begins afresh has none of it."""


def description_digest(recording: Recording) -> str:
    """A short digest of what a provider says about a recording's audio: its state, its size, its link without query."""
    link = urlsplit(recording.link or "")
    description = [recording.readiness.value, recording.size_bytes, link.netloc, link.path]
    return hashlib.sha256(json.dumps(description).encode()).hexdigest()[:12]


class Revival:
    """The ways back of one source's recordings."""

    def __init__(self, table: Table, due: Due, *, source: str, clock: Clock) -> None:
        self._table = table
        self._due = due
        self._source = source
        self._clock = clock

    def once_more(self, recording_id: str) -> bool:
        """failed → pending for one attempt, its daily one: another failure ends it again. Never what was accepted."""
        failed_long_ago = AtMost("due_at", self._now() - round(ONE_A_DAY.total_seconds() * 1000))
        when = Equals("state", State.FAILED) & Missing("accepted") & failed_long_ago
        return self._update(recording_id, self._waits(), ("expires_at",), when)

    def retry(self, recording_id: str, by: str = "") -> bool:
        """failed or quarantined, accepted or not → pending with fresh attempts, because a person wants it."""
        item = self._table.get(self._pk(recording_id))
        if item is None or item["state"] not in (State.FAILED, State.QUARANTINED):
            return False
        put = {**self._waits(), "story": self._story(entry_of(item), "retried", by)}
        return self._update(recording_id, put, TRIED, Equals("state", item["state"]))

    def accept(self, recording_id: str, reason: str) -> bool:
        """A person knows of a failed or quarantined one and leaves it so; undone by `retry`."""
        item = self._table.get(self._pk(recording_id))
        if item is None or item["state"] not in (State.FAILED, State.QUARANTINED):
            return False
        put = {
            "accepted": True,
            "due_group": self._due.group("accepted"),
            "due_at": item.get("due_at", self._now()),
            "story": self._story(entry_of(item), "accepted", reason),
        }
        return self._update(recording_id, put, (), Equals("state", item["state"]))

    def failed(self) -> Iterator[Entry]:
        """Those that failed and nobody accepted, the longest ago first."""
        keys = self._table.query("due", KeyRange(self._due.group("failed")))
        for pks in batches(key["pk"] for key in keys):
            items = self._table.get_many(pks, REPORTED)
            found = (items[pk] for pk in pks if pk in items)
            yield from (entry_of(item) for item in found if item["state"] == State.FAILED)  # an index may lag behind

    def _waits(self) -> dict[str, object]:
        return {"state": State.PENDING.value, "due_at": self._now(), "due_group": self._due.group("retry")}

    def _story(self, entry: Entry, code: Code, detail: str) -> list[object]:
        return [list(each) for each in with_event(entry.story, event(self._clock.now().timestamp(), code, detail))]

    def _update(self, recording_id: str, put: dict[str, object], remove: tuple[str, ...], when: Condition) -> bool:
        try:
            self._table.update(self._pk(recording_id), put=put, remove=remove, when=when)
        except Refused:
            return False
        return True

    def _pk(self, recording_id: str) -> str:
        return pk_of(self._source, recording_id)

    def _now(self) -> int:
        return to_ms(self._clock.now())
