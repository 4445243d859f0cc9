"""The events of a local archive: lines of `events.jsonl`, each in the form in which EventBridge delivers one.

A line is on the disk before its change is forgotten, so a crash in between writes it twice and loses none. An erasure
puts a digest in the place of an id; a chain of digests, as the access records have, would not survive that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from functions.archiver.clock import from_iso
from functions.archiver.events.changes import Change, events_of
from functions.archiver.events.event import Event
from ops.local.engine.sqlite_table import SqliteTable
from ops.local.journal import append_lines, locked

NAME = "events.jsonl"
_AT_ONCE = 200


class EventLog:
    """`events.jsonl` of the archive `name` in `root`."""

    def __init__(self, root: Path, table: SqliteTable, name: str) -> None:
        self.path = root / NAME
        self._stream = table.stream
        self._name = name

    def deliver(self) -> int:
        """Writes the events of every change since; how many. Raises OSError, LedgerError."""
        delivered = 0
        if not self._stream.is_on:
            return delivered
        while self._stream.read(1):
            with locked(self.path) as descriptor:
                kept = self._stream.read(_AT_ONCE)
                changes = (
                    Change(before=each.before, after=each.after, at=each.at, expired="expired" in (each.before or {}))
                    for each in kept
                )
                events = [event for change in changes for event in events_of(change, bucket=None)]
                append_lines(descriptor, self._lines(events))
                if kept:
                    self._stream.forget(kept[-1].number)
                delivered += len(events)
        return delivered

    def add_missing(self, events: Iterable[Event]) -> list[Event]:
        """Writes those that the file does not tell of, or of an earlier time alone. Raises OSError."""
        with locked(self.path) as descriptor, self.path.open("rb") as file:
            there: dict[str, datetime] = {}
            for id_, at in filter(None, map(_identity, file)):
                there[id_] = max(at, there.get(id_, at))
            missing = [each for each in events if not _tells(there.get(each.detail.id), each.at)]
            append_lines(descriptor, self._lines(missing))
        return missing

    def keep(self, *, on: bool) -> None:
        """Passes on what is left, and keeps changes from now on as the deployment says."""
        self.deliver()
        self._stream.switch(on=on)

    def _lines(self, events: Iterable[Event]) -> list[bytes]:
        texts = (json.dumps(event.document(self._name), ensure_ascii=False) for event in events)
        return [text.encode("utf-8", "backslashreplace") for text in texts]


def _tells(told: datetime | None, at: datetime) -> bool:
    """Whether a line of this time is about the change of that one: some clocks of ours have no more than seconds."""
    return told is not None and told > at - timedelta(seconds=1)


def _identity(line: bytes) -> tuple[str, datetime] | None:
    """Of what, and of when; None for a line that cannot be read."""
    try:
        document = json.loads(line)
        return str(document["detail"]["id"]), from_iso(document["time"])
    except (KeyError, TypeError, ValueError):
        return None
