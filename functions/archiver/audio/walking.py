"""Walks through a body that comes in pieces: a format says what it wants to see and how far to skip.

A format writes its walk as a generator, as if the whole file lay before it:

    name, size = unpack(">4sI", (yield Next(8)))
    yield Skip(size)

Only what it asks to see is ever kept, so that the cost of a chunk does not depend on how long it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Protocol

from functions.archiver.audio.kinds import Audio, Findings, Piece
from functions.archiver.lazy_dataclass import dataclass

MAX_READ = 65_536
"""No format asks to see more at once."""

REST = 1 << 80
"""Longer than any body: skips what follows, whatever it is."""


@dataclass(frozen=True, slots=True)
class Read:
    """Wants to see so many bytes, in the middle of something: a body that ends before they came is cut."""

    size: int


@dataclass(frozen=True, slots=True)
class Next:
    """Wants to see so many bytes of what comes next, if anything does: the body may end before the first of them."""

    size: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Passes over so many bytes, all of which have to be there."""

    size: int


Steps = Generator[Read | Next | Skip, bytes, None]


class Parser(Protocol):
    """One format's look at a body. `audio` is the kind as far as it is known, and never None."""

    @property
    def audio(self) -> Audio:
        """The kind of audio so far."""

    def feed(self, data: Piece) -> None:
        """Take the next bytes, from the very first of the format on."""

    def finish(self, size: int) -> Findings:
        """Judge what was fed, which is `size` bytes."""


class Walk:
    """Runs a format's steps over the bytes as they come. Where the steps end, the rest is passed over.

    `position` is how many bytes the steps have seen or skipped.
    """

    def __init__(self) -> None:
        self.position = 0
        self._steps: Steps | None = None
        self._skip = 0
        self._need = 0
        self._optional = False
        self._pending = bytearray()

    def begin(self, steps: Steps) -> None:
        """Starts the walk; `steps` may look at this object."""
        self._steps = steps
        self._take(next(steps, None))

    def feed(self, data: Piece) -> None:
        """Take the next bytes."""
        at, end = 0, len(data)
        while at < end:
            if self._skip:
                step = min(self._skip, end - at)
                self._skip -= step
                at += step
                self.position += step
                if not self._skip and not self._need:
                    self._advance(b"")
            else:
                step = min(self._need - len(self._pending), end - at)
                self._pending += data[at : at + step]
                at += step
                if len(self._pending) == self._need:
                    self._see()

    @property
    def at_boundary(self) -> bool:
        """Whether nothing has begun that did not end: the body may end here."""
        return self._skip >= REST // 2 or (self._optional and not self._pending and not self._skip)

    @property
    def missing(self) -> int:
        """How many bytes of what has begun are missing at least; 0 where only the start of what comes next is."""
        if self._skip >= REST // 2 or self._optional:
            return 0
        return self._skip or self._need - len(self._pending)

    def _see(self) -> None:
        seen = bytes(self._pending)
        self._pending.clear()
        self.position += len(seen)
        self._advance(seen)

    def _advance(self, seen: bytes) -> None:
        assert self._steps is not None
        try:
            step: Read | Next | Skip | None = self._steps.send(seen)
        except StopIteration:
            step = None
        self._take(step)

    def _take(self, step: Read | Next | Skip | None) -> None:
        # Skipping nothing is answered at once, so that no step waits for a byte that it does not need.
        while isinstance(step, Skip) and step.size <= 0:
            assert self._steps is not None
            try:
                step = self._steps.send(b"")
            except StopIteration:
                step = None
        self._need, self._optional = 0, False
        if step is None:
            self._skip = REST
        elif isinstance(step, Skip):
            self._skip = step.size
        else:
            self._need, self._optional = min(max(step.size, 1), MAX_READ), isinstance(step, Next)


class WalkingParser(ABC):
    """A parser that is one walk over the body. A subclass sets its own fields before it calls `super().__init__()`."""

    def __init__(self) -> None:
        self._sound_bytes = 0
        self._codec: str | None = None
        self._channels: int | None = None
        self._sample_rate: int | None = None
        self._duration: float | None = None
        self._walk = Walk()
        self._walk.begin(self._steps())

    @abstractmethod
    def _steps(self) -> Steps:
        """The walk."""

    @abstractmethod
    def _ending(self, size: int) -> tuple[bool | None, str | None, int | None]:
        """Whether the body is complete, why it is not, and how many bytes it should have; None where unknown."""

    def feed(self, data: Piece) -> None:
        """Take the next bytes."""
        self._walk.feed(data)

    def finish(self, size: int) -> Findings:
        """Judge what was fed."""
        complete, cut, promised = self._ending(size)
        return Findings(
            has_sound=self._sound_bytes > 0,
            complete=complete,
            cut=cut,
            promised_bytes=promised,
            codec=self._codec,
            channels=self._channels,
            sample_rate=self._sample_rate,
            duration_seconds=self._duration,
        )
