"""The case basket: recordings that somebody picked, to put on hold or export together. It ends with the session."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

MAX_PICKED = 10_000

Picked = tuple[str, str]
"""Source and recording id."""


class Basket:
    """In the order of picking, each once."""

    def __init__(self) -> None:
        self._picked: dict[Picked, None] = {}
        self._lock = Lock()

    def add(self, source: str, recording_id: str) -> bool:
        """False where it is full."""
        with self._lock:
            if len(self._picked) >= MAX_PICKED:
                return False
            self._picked[(source, recording_id)] = None
            return True

    def remove(self, source: str, recording_id: str) -> None:
        """Takes one out."""
        with self._lock:
            self._picked.pop((source, recording_id), None)

    def clear(self) -> None:
        """Takes all out."""
        with self._lock:
            self._picked.clear()

    def __iter__(self) -> Iterator[Picked]:
        with self._lock:
            return iter(list(self._picked))

    def __len__(self) -> int:
        return len(self._picked)

    def __contains__(self, picked: object) -> bool:
        return picked in self._picked
