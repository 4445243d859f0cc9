"""A ledger whose table has a stream, and the events in it."""

from __future__ import annotations

from typing import cast

from functions.archiver.events.changes import events_of
from functions.archiver.events.event import Event
from functions.archiver.events.records import change_in
from functions.archiver.ledger.holds import Holds
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.settings.events import PATTERNS
from tests.doubles import stream
from tests.doubles.aws import BUCKET
from tests.doubles.clock import FakeClock
from tests.harness.events import checked

SOURCE = "acme"


class Streamed:
    """A ledger whose table has a stream."""

    def __init__(self, table: Table, clock: FakeClock) -> None:
        self._streamed = stream.StreamedTable(table)
        self.table = cast("Table", self._streamed)
        self.clock = clock
        self.ledger = self.of(SOURCE)
        self.integrity = Integrity(self.table, source=SOURCE, clock=clock)
        self.holds = Holds(self.table, source=SOURCE, clock=clock)

    def of(self, source: str) -> Ledger:
        return Ledger(self.table, source=source, clock=self.clock)

    def records(self) -> list[stream.Record]:
        return self._streamed.records

    def filtered(self) -> list[stream.Record]:
        """The records that Lambda would hand over."""
        return [each for each in self.records() if any(stream.matches(one, each["dynamodb"]) for one in PATTERNS)]

    def events(self) -> list[Event]:
        """Those of all records: what makes an event has passed the filter."""
        found = events_in(self.filtered())
        assert events_in(self.records()) == found
        for event in found:
            checked(event.document("recordings"))
        return found

    def types(self) -> list[str]:
        return [event.type.value for event in self.events()]


def events_in(records: list[stream.Record]) -> list[Event]:
    return [event for each in records for event in events_of(change_in(each), bucket=BUCKET)]
