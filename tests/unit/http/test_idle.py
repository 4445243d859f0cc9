"""Idle connections are few for each origin, and none of them is closed already."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from functions.archiver.http.idle import Idle


class Made:
    """Connections with an open socket."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []

    def __call__(self) -> HTTPConnection:
        connection = HTTPConnection("127.0.0.1")
        connection.sock, there = socket.socketpair()
        self.sockets += [connection.sock, there]
        return connection


@pytest.fixture
def made() -> Iterator[Made]:
    found = Made()
    yield found
    for each in found.sockets:
        each.close()


def test_no_more_than_so_many_are_kept_for_an_origin_and_the_rest_is_closed(made: Made) -> None:
    idle, first, second, elsewhere = Idle[HTTPConnection](most=1), made(), made(), made()
    idle.keep("a", first)
    idle.keep("a", second)
    idle.keep("b", elsewhere)
    assert second.sock is None
    assert [idle.take(origin) for origin in ("a", "a", "b")] == [first, None, elsewhere]
    assert first.sock is not None


def test_one_that_is_closed_is_not_kept(made: Made) -> None:
    idle, closed = Idle[HTTPConnection](most=2), made()
    closed.close()
    idle.keep("a", closed)
    assert idle.take("a") is None


def test_the_one_that_was_kept_last_is_taken_first(made: Made) -> None:
    idle, first, last = Idle[HTTPConnection](most=2), made(), made()
    idle.keep("a", first)
    idle.keep("a", last)
    assert [idle.take("a"), idle.take("a")] == [last, first]
