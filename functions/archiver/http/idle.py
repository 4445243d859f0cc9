"""Connections that are kept for the next request."""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from contextlib import suppress
from http.client import HTTPConnection
from typing import Generic, TypeVar

from urllib3.util import wait_for_read

_Connection = TypeVar("_Connection", bound=HTTPConnection)


class Idle(Generic[_Connection]):
    """Connections by their origin, at most `most` to each, which end with this object. For any number of threads."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._kept: dict[Hashable, list[_Connection]] = {}
        weakref.finalize(self, _close_all, self._kept)

    def take(self, origin: Hashable) -> _Connection | None:
        """The one that was kept last, which may be closed by now."""
        with suppress(IndexError):
            return self._kept.setdefault(origin, []).pop()
        return None

    def keep(self, origin: Hashable, connection: _Connection) -> None:
        """Keeps one on which nothing is left to be read, or closes it."""
        kept = self._kept.setdefault(origin, [])
        if connection.sock is not None and len(kept) < self._most:
            kept.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Closes all of them."""
        _close_all(self._kept)


def is_dead(connection: HTTPConnection) -> bool:
    """Whether the other side has closed an idle connection, or has sent what nobody asked for."""
    return connection.sock is not None and wait_for_read(connection.sock, timeout=0)


def _close_all(kept: dict[Hashable, list[_Connection]]) -> None:
    for connections in kept.values():
        while connections:
            connections.pop().close()
