"""A clock that tests move by hand; sleeping moves it too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from functions.archiver.clock import Clock

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class FakeClock(Clock):
    """Stands still but for `sleep` and `advance`. `oversleep` gives the seconds that each sleep lasts too long."""

    def __init__(self, moment: datetime = NOON, oversleep: Callable[[], float] = lambda: 0.0) -> None:
        self.moment = moment
        self.slept: list[float] = []
        self._oversleep = oversleep

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(timedelta(seconds=seconds + self._oversleep()))

    def advance(self, span: timedelta) -> None:
        self.moment += span
