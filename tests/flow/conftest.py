from __future__ import annotations

import pytest

from tests.harness.calendar import Calendar


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second between two looks ahead is for real providers."""
    monkeypatch.setattr("ops.local.source._LOOK_AHEAD_SECONDS", 0.05)


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch)
