"""Deletion at the source without AWS and without HTTP: a source with archived and sealed days, and its provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from functions.archiver.alerting.notes import Notebook
from functions.archiver.bucket.bucket import Bucket
from functions.archiver.clock import Clock
from functions.archiver.entry import Entry
from functions.archiver.errors import NotFound, Outcome
from functions.archiver.ledger.at_source import AtSource
from functions.archiver.ledger.holds import Holds
from functions.archiver.ledger.table import Table
from functions.archiver.ledger.totals import Totals
from functions.archiver.listing.cursors import CursorStore
from functions.archiver.object_keys import AT_SOURCE
from functions.archiver.recording import Page, Recording, Window
from functions.archiver.sealing.book import Head
from functions.archiver.sealing.statement import Listed
from functions.archiver.sweeping.book import Round
from functions.archiver.sweeping.seals import StoredSeals
from functions.archiver.sweeping.sweeper import Sweeper
from functions.archiver.sweeping.witnesses import Witnesses
from functions.archiver.throttling.pace import Pace
from tests.doubles.clock import FakeClock
from tests.doubles.provider_in_memory import ProviderInMemory
from tests.harness.sealing import SOURCE, SealBench

AFTER = timedelta(days=10)
SEALED_AFTER = timedelta(days=3)


class DeletingProvider(ProviderInMemory):
    """Deletes what it lists. `answers` are outcomes to raise instead, by id; `keeps` what it only says it deletes.

    `deaf` ids are deleted, and the answer is lost.
    """

    def __init__(self, rows: Sequence[Recording] = ()) -> None:
        super().__init__(rows)
        self.declares(deletes="file")
        self.deletions: list[str] = []
        self.answers: dict[str, Outcome] = {}
        self.keeps: set[str] = set()
        self.deaf: dict[str, Outcome] = {}
        self.trouble: Outcome | None = None
        self.unknown_calls: dict[str, Outcome] = {}

    def page(self, window: Window, cursor: str | None) -> Page:
        if self.trouble:
            raise self.trouble
        return super().page(window, cursor)

    def look_up(self, call_id: str) -> Sequence[Recording]:
        if call_id in self.unknown_calls:
            raise self.unknown_calls[call_id]
        found = [row for row in self.rows if row.call_id == call_id]
        if not found:
            raise NotFound("the call has no recordings")
        return found

    def delete(self, recording: Recording) -> str:
        name = self.deleted_with(recording)
        self.deletions.append(name)
        if recording.id in self.answers:
            raise self.answers[recording.id]
        going = [row for row in self.rows if self.deleted_with(row) == name]
        if not going:
            raise NotFound("404")
        self.rows = [row for row in self.rows if row not in going or row.id in self.keeps]
        if recording.id in self.deaf:
            raise self.deaf.pop(recording.id)
        return "deleted"

    def delete_many(self, recording_ids: Sequence[str]) -> Mapping[str, bool]:
        self.deletions.append("+".join(recording_ids))
        told = {id_: id_ not in self.answers and any(row.id == id_ for row in self.rows) for id_ in recording_ids}
        self.rows = [row for row in self.rows if not told.get(row.id) or row.id in self.keeps]
        return told


class SweepBench(SealBench):
    """Days are archived as they pass, sealed three days later, and swept ten days after they were archived."""

    def __init__(self, table: Table, bucket: Bucket, clock: FakeClock) -> None:
        super().__init__(table, bucket, clock)
        self.fake = clock
        self.provider = DeletingProvider()
        self.seconds_left: Callable[[], float] = lambda: 900.0
        self.holds = Holds(table, source=SOURCE, clock=clock)

    def archived(self, day: date, *ids: str, call_id: str | None = None, on: date | None = None) -> None:
        """Recordings of that day, archived on it or on a later one, which the provider lists."""
        self.at(on or day)
        for id_ in ids:
            stored = self.keep(id_, day, f"sound of {id_}".encode())
            if call_id:
                self.table.update(f"{SOURCE}#recording#{id_}", put={"call_id": call_id})
            self.provider.rows.append(
                Recording(
                    id=id_,
                    call_id=call_id,
                    recorded_at=datetime.fromisoformat(f"{day}T08:00:00+00:00"),
                    size_bytes=stored.size_bytes,
                    content_type="audio/wav",
                )
            )

    def at(self, day: date) -> None:
        """The clock stands at ten o'clock of that day."""
        self.fake.moment = datetime.fromisoformat(f"{day}T10:00:00+00:00")

    def sealed(self, *days: date, clean: bool = True, on: date | None = None) -> None:
        """As they leave the window, or on a later day, everything listed."""
        self.at(on or max(days) + SEALED_AFTER)
        shown = [row.recorded_at.date() for row in self.provider.rows if row.recorded_at]
        self.seal({day: Listed(number=shown.count(day), clean=clean) for day in days})

    def sealed_as(self, listed: Mapping[date, int]) -> None:
        """So many were listed of these days, now."""
        self.seal({day: Listed(number=number, clean=True) for day, number in listed.items()})

    def ripe(self, day: date, *ids: str, call_id: str | None = None) -> None:
        """Archived, sealed, and past the waiting time."""
        self.archived(day, *ids, call_id=call_id)
        self.sealed(day)
        self.at(day + AFTER + timedelta(days=1))

    def sweeper(self, clock: Clock | None = None) -> Sweeper:
        clock = clock or self.clock

        def witnesses(head: Head | None) -> Witnesses:
            return Witnesses(
                source=SOURCE,
                ledger=self.ledger,
                marks=AtSource(self.table, source=SOURCE, clock=self.clock),
                bucket=self.bucket,
                seals=StoredSeals(self.bucket, source=SOURCE, head=head),
                provider=lambda: self.provider,
                clock=self.clock,
                after=AFTER,
                seconds_left=self.seconds_left,
            )

        return Sweeper(
            source=SOURCE,
            table=self.table,
            cursors=CursorStore(self.table, source=SOURCE, owner="sweeper", clock=clock),
            witnesses=witnesses,
            notes=self.notes,
            totals=Totals(self.table, source=SOURCE),
            pace=Pace(self.table, source=SOURCE, requests_per_minute=6000, lanes=1, clock=clock),
            clock=clock,
            after=AFTER,
            seconds_left=self.seconds_left,
        )

    @property
    def notes(self) -> Notebook:
        return Notebook(self.table, source=SOURCE, clock=self.clock)

    def round(self, *, rehearse: bool = False) -> Round:
        """The next day's round, to its end or as far as it comes."""
        self.fake.advance(timedelta(days=1))
        return self.go_on(rehearse=rehearse)

    def go_on(self, *, rehearse: bool = False) -> Round:
        done = self.sweeper().run(rehearse=rehearse)
        assert done is not None
        return done

    def rehearsed(self) -> None:
        """The round in which nothing goes lies behind."""
        assert self.round().rehearsal

    def totals_kept(self, days: Mapping[date, Mapping[str, int]]) -> None:
        """As reports leave them."""
        Totals(self.table, source=SOURCE).keep(days)

    def entry(self, id_: str) -> Entry:
        found = self.ledger.find(id_)
        assert found is not None
        return found

    def listed(self) -> list[str]:
        return sorted(row.id for row in self.provider.rows)

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(self.body(key)) for key in self.bucket.keys(AT_SOURCE)]
