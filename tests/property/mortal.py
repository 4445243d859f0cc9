"""Ports between whose writes a process dies."""

from __future__ import annotations

from typing import Any


class Died(Exception):
    """The process is gone."""


class Mortal:
    """A port that dies at the nth of its writes, before it or right after it took effect; one count for all ports."""

    WRITES = ("put", "put_new", "update", "sign")

    def __init__(self, port: object, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in self.WRITES:
            return found

        def write(*given: Any, **named: Any) -> Any:
            self._life.step(after=False)
            result = found(*given, **named)
            self._life.step(after=True)
            return result

        return write


class Life:
    """How many writes are left."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.dies_after = False

    def step(self, *, after: bool) -> None:
        if self.left is None:
            return
        if self.left == 0 and after == self.dies_after:
            self.left = None
            raise Died
        if after:
            self.left -= 1
