"""A listing with everything it works on: ledger, lanes, pace and cursors on one table, and a provider in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from functions.archiver.entry import DiscoveredBy, State
from functions.archiver.errors import Unavailable
from functions.archiver.ledger.wire_format import written
from functions.archiver.listing.cursors import CursorStore, Unclean, Walk
from functions.archiver.listing.listing import RECENT, Findings, Listing
from functions.archiver.recording import Recording, Window
from tests.doubles.aws import TABLE, Aws, dynamodb
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.provider_in_memory import ProviderInMemory
from tests.harness.parts import Parts

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_sources = count()


def row(id_: str, ago: timedelta, **facts: object) -> Recording:
    return Recording(id=id_, recorded_at=NOON - ago, raw={"id": id_}, **facts)  # type: ignore[arg-type]  # by name


def rows(count: int, *, since: timedelta, until: timedelta = RECENT + MINUTE, name: str = "rec") -> list[Recording]:
    """`count` rows spread evenly from `since` ago to `until` ago, oldest first."""
    step = (since - until) / max(count - 1, 1)
    return [row(f"{name}-{number:04}", since - number * step) for number in range(count)]


class Bench(Parts):
    """One source. `run` is one tick of the lister, `run_walk` the forward walk alone, each under the lease."""

    def __init__(self, aws: Aws, clock: FakeClock, *, fresh_source: bool = False) -> None:
        source = f"source-{next(_sources)}" if fresh_source else "acme"
        super().__init__(aws, clock, source=source, rate=60)
        self.cursors = CursorStore(aws.table, source=self.source, owner="lister", clock=clock)
        self.provider = ProviderInMemory()
        self.start = NOON - timedelta(days=30)
        self.overlap = timedelta(hours=24)
        self.discovered_by: DiscoveredBy = "schedule"
        self._stop_at: int | None = None

    def one_window(self, provider: ProviderInMemory) -> ProviderInMemory:
        """Lists `provider`, whose rows are of the last hours, so that the forward walk is one window."""
        self.provider = provider
        self.start = NOON - timedelta(hours=12)
        return provider

    def listing(self) -> Listing:
        return Listing(
            provider=self.provider,
            intake=self.intake,
            pace=self.pace,
            cursors=self.cursors,
            clock=self.clock,
            start=self.start,
            overlap=self.overlap,
            discovered_by=self.discovered_by,
            seconds_left=self._seconds_left,
        )

    def _seconds_left(self) -> float:
        return 1.0 if self._stop_at is not None and len(self.provider.asked) >= self._stop_at else 900.0

    def stop_after(self, *, pages: int | None) -> None:
        """Lets the time run out after so many more pages."""
        self._stop_at = None if pages is None else len(self.provider.asked) + pages

    def books_its_requests(self) -> None:
        """Each page takes a slot of the pace, as every request does."""
        self.provider.before = lambda number: self.pace.book("list")

    def run(self) -> Findings:
        assert self.cursors.acquire()
        findings = self.listing().run()
        self.cursors.release()
        return findings

    def run_walk(self, *, name: str = "forward", start: datetime | None = None) -> Findings:
        assert self.cursors.acquire()
        findings = self.listing().run_walk(name, start or self.start, self.clock.now() - RECENT)
        self.cursors.release()
        return findings

    def walk(self, name: str) -> Walk:
        walk = self.cursors.walk(name)
        assert walk is not None
        return walk

    def forward(self) -> Walk:
        return self.walk("forward")

    def knows(self, recordings: Sequence[Recording]) -> None:
        """All of these are archived already: put in bulk, which is all that matters to a listing."""
        pks = [f"{self.source}#recording#{recording.id}" for recording in recordings]
        for start in range(0, len(pks), 25):  # of one batch
            puts: Any = [
                {"PutRequest": {"Item": written({"pk": pk, "state": "archived"})}} for pk in pks[start : start + 25]
            ]
            dynamodb().batch_write_item(RequestItems={TABLE: puts})

    def note_unclean(self, start: datetime, end: datetime) -> None:
        self.cursors.note_unclean(Unclean(start=start, end=end, reason=f"bad rows since {start}"))

    def windows_after(self, overlap: timedelta) -> list[Window]:
        """The forward walk's windows: what was asked for after the overlap of the first tick was read."""
        asked = [asked.window for asked in self.provider.asked]
        first = next(n for n, window in enumerate(asked) if window.start == self.start)
        return asked[first:]

    def fail_at(self, cursor: str) -> None:
        """A request with this cursor fails."""
        if self.provider.asked[-1].cursor == cursor:
            raise Unavailable("503")

    def states(self) -> dict[str, State]:
        return {entry.recording.id: entry.state for entry in self.ledger.everything()}

    def ids(self) -> set[str]:
        return set(self.states())
