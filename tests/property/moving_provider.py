"""A provider that never stands still and answers every question wrongly now and then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import cast

from functions.archiver.archiving.completeness import Chunks
from functions.archiver.errors import NotFound, NotReady, Outcome, Rejected, Throttled, Unavailable
from functions.archiver.http.client import Body
from functions.archiver.provider.provider import Opened
from functions.archiver.recording import Page, Readiness, Recording, Window
from functions.archiver.runtime import runtime
from functions.archiver.throttling.lanes import lane_of
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.provider_in_memory import ProviderInMemory
from tests.harness.audio import wav
from tests.property.grounds import LANES
from tests.property.interleaving import Actor, point, running

SLOWLY = 4
"""Steps that each piece of a body takes, so that downloads last longer than listings."""

MAX_FAULTS = 3
"""Of one recording's audio: with the world's deaths fewer than the attempts of one, so that none fails for good."""

SPELL = timedelta(minutes=40)

_PAGE = b"<!doctype html><html><body>Please sign in.</body></html>"


class _Sending:
    """A body of which pieces come one at a time; `fails` is raised in place of its end."""

    framed = False
    content_type = undone = None
    partial = False

    def __init__(self, body: bytes, *, length: int | None, fails: Exception | None = None) -> None:
        self._body = body
        self._fails = fails
        self.length = length
        self.readinto = Chunks(self.chunks()).readinto

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), 16_384):
            for _ in range(SLOWLY):
                point()
            yield self._body[start : start + 16_384]
        if self._fails:
            raise self._fails


class MovingProvider(ProviderInMemory):
    """Its rows change while they are listed. `busy` tells who downloads in which lane, `crowded` that two did.

    An id that begins with `rec-` is sent with its length, any other without: then only a second fetch proves it.
    `asked_at` has the moment of every request, `most_booking` how many waited for their slots at once.
    """

    def __init__(self, random: Random, clock: FakeClock, *, recordings: int) -> None:
        super().__init__(page_size=3, by_token=random.random() < 0.5)
        self.random = random
        self.clock = clock
        self.troubled = True
        self.faults: dict[str, int] = defaultdict(int)
        self.denied: dict[str, datetime] = {}
        self.busy: dict[int, set[Actor | None]] = defaultdict(set)
        self.crowded = False
        self.asked_at: list[datetime] = []
        self.booking = self.most_booking = 0
        self.ever: dict[str, bytes] = {}
        self.deleted: set[str] = set()
        self.judge: Callable[[str], None] = lambda id_: None
        self.declares(deletes="file")
        for number in range(recordings):
            self.appears(NOON - timedelta(minutes=47 * number))

    def appears(self, recorded_at: datetime) -> None:
        id_ = f"rec-{len(self.ever)}" if self.random.random() < 0.8 else f"rec.{len(self.ever)}"
        body = self.ever[id_] = wav(self.random.choice((400, 45_000)), fill=bytes((len(self.ever) + 1, 7)))
        row = Recording(
            id=id_,
            recorded_at=recorded_at,
            readiness=Readiness.NOT_READY if self.random.random() < 0.25 else Readiness.READY,
            size_bytes=len(body) + self.random.choice((0, 0, 0, 1, -44)),
            content_type="audio/wav",
            raw={"id": id_},
        )
        self.rows += [row] * (2 if self.random.random() < 0.2 else 1)

    def vanishes(self) -> None:
        if self.rows:
            gone = self.random.choice(self.rows).id
            self.rows = [row for row in self.rows if row.id != gone]

    def becomes_ready(self) -> None:
        self.rows = [replace(row, readiness=Readiness.READY) for row in self.rows]

    def ids(self) -> set[str]:
        return {row.id for row in self.rows}

    def page(self, window: Window, cursor: str | None) -> Page:
        self._asked("list")
        return super().page(window, cursor)

    def describe(self, recording_id: str) -> Recording:
        self._asked("lookup")
        return self._row(recording_id)

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        self._asked("media")
        row = self._row(recording.id)
        if row.readiness is Readiness.NOT_READY:
            raise NotReady("still being written")
        body = self._body_of(row.id)
        lane = self.busy[lane_of(row.id, LANES)]
        lane.add(running())
        self.crowded |= len(lane) > 1
        try:
            yield Opened(body=cast(Body, body))
        finally:
            lane.discard(running())

    def delete(self, recording: Recording) -> str:
        """`judge` sees each that is about to go; once in a while the answer does not come."""
        self._asked("delete")
        if recording.id not in self.ids():
            raise NotFound("404")
        self.judge(recording.id)
        self.rows = [row for row in self.rows if row.id != recording.id]
        self.deleted.add(recording.id)
        point()
        if self.troubled and self.random.random() < 0.1:
            raise Unavailable("the answer was lost")
        return "deleted"

    def _body_of(self, id_: str) -> _Sending:
        """Its sound, or once in a while something else: a refusal, a cut, a page, fewer bytes than announced."""
        sound, proven = self.ever[id_], id_.startswith("rec-")
        whole = _Sending(sound, length=len(sound) if proven else None)
        if not self.troubled or self.faults[id_] >= MAX_FAULTS or self.random.random() >= 0.15:
            return whole
        self.faults[id_] += 1
        cut = sound[: self.random.randrange(1, len(sound))]
        match self.random.choice(("refusal", "cut", "page", "silent")):
            case "refusal":
                raise Rejected("a sign-in page")
            case "cut":
                return _Sending(cut, length=len(sound), fails=Unavailable("the body ended early"))
            case "page":
                return _Sending(_PAGE, length=len(_PAGE))
            case _:
                return _Sending(cut, length=len(cut) if proven else None)  # as a proxy sends what it got

    def _row(self, id_: str) -> Recording:
        found = next((row for row in self.rows if row.id == id_), None)
        if found is None:
            raise NotFound("404")
        if self.troubled and self._denies(id_):
            raise NotFound("404, though it is there")
        return found

    def _denies(self, id_: str) -> bool:
        """Whether it is in the one spell, shorter than an hour, in which this recording seems not to be there."""
        if id_ not in self.denied and self.random.random() < 0.1:
            self.denied[id_] = self.clock.now()
        since = self.denied.get(id_)
        return since is not None and self.clock.now() - since < SPELL

    def _asked(self, kind: str) -> None:
        self.booking += 1
        self.most_booking = max(self.most_booking, self.booking)
        try:
            runtime().pace.book(kind)
            point()
        finally:
            self.booking -= 1
        self.asked_at.append(self.clock.now())
        if self.troubled and self.random.random() < 0.06:
            raise self._trouble()

    def _trouble(self) -> Outcome:
        if self.random.random() < 0.3:
            return Throttled("429", retry_after=self.random.choice((None, 5.0, 90.0)))
        return Unavailable("503")
