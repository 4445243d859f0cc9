"""The clock of this process, moved on by whole days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.archiver.clock import Clock
from functions.archiver.listing.listing import RECENT

_A_TEST = timedelta(minutes=2)


class Calendar:
    """Every clock is `days` ahead. It is never so shortly after midnight that yesterday's end is not listed yet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.days = 0
        now = datetime.now(UTC)
        is_early = (now - RECENT).date() < (now + _A_TEST).date()
        self._later = RECENT + _A_TEST if is_early else timedelta()
        self.yesterday = (now + self._later).date() - timedelta(days=1)
        monkeypatch.setattr(Clock, "now", lambda clock: datetime.now(UTC) + self._later + timedelta(days=self.days))
