from __future__ import annotations

from typing import Any

import pytest

from functions.archiver.errors import Rejected, TooLong, Unavailable
from functions.archiver.http.client import Http
from tests.doubles.http_client import fetch, http_to
from tests.doubles.http_server import HttpServer, Reply, Seen


def test_a_body_tells_its_length_its_framing_and_its_type(server: HttpServer, http: Http) -> None:
    headers = {"Content-Type": "Audio/X-WAV; charset=binary"}
    server.on(
        "/audio", Reply(body=b"abc", headers=headers), *[Reply(body=b"abc", framing=f) for f in ("chunked", "close")]
    )
    facts = []
    for _ in range(3):
        with http.stream("media", "/audio") as body:
            facts.append((body.length, body.framed, body.content_type, body.read(3)))
    assert facts == [(3, False, "audio/x-wav", b"abc"), (None, True, None, b"abc"), (None, False, None, b"abc")]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_long_body_comes_in_bounded_pieces(server: HttpServer, http: Http, framing: Any) -> None:
    sound = bytes(range(256)) * 4000
    server.on("/audio", Reply(body=sound, framing=framing))
    with http.stream("media", "/audio") as body:
        pieces = list(body.chunks())
    assert b"".join(pieces) == sound
    assert max(map(len, pieces)) <= 64 * 1024 + 256 * 1024
    assert min(map(len, pieces[:-1])) >= 64 * 1024


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_the_start_that_was_looked_at_stays_to_be_read(server: HttpServer, http: Http, framing: Any) -> None:
    sound = bytes(range(256)) * 1000
    server.on("/audio", Reply(body=sound, framing=framing))
    with http.stream("media", "/audio") as body:
        start = body.peek()
        assert body.peek() == start
        assert body.read(len(sound)) == sound
    assert start
    assert sound.startswith(start)


@pytest.mark.parametrize("looked_at", [False, True])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_body_can_be_put_into_a_buffer_and_leaves_its_connection_to_the_next_request(
    server: HttpServer, http: Http, framing: Any, looked_at: bool
) -> None:
    sound = bytes(range(256)) * 4000
    server.on("/audio", Reply(body=sound, framing=framing))
    for _ in range(2):
        buffer, filled = bytearray(len(sound) + 1), 0
        with http.stream("media", "/audio") as body:
            if looked_at:
                body.peek()
            while size := body.readinto(memoryview(buffer)[filled:]):
                filled += size
        assert buffer[:filled] == sound
    connections = {seen.connection for seen in server.requests}
    assert len(connections) == (2 if framing == "close" else 1)


@pytest.mark.parametrize("then", ["close", "reset", "stall"])
def test_a_body_that_ends_early_fills_no_buffer(server: HttpServer, then: Any) -> None:
    http = http_to(server.url, read_timeout=0.2)
    server.on("/audio", Reply(body=b"x" * 456, cut=123, then=then))
    buffer = memoryview(bytearray(1000))
    with http.stream("media", "/audio") as body, pytest.raises(Unavailable, match=r"ended after (0|123) of 456 bytes"):
        sum(iter(lambda: body.readinto(buffer), 0))


def test_an_empty_body_has_an_empty_start(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(body=b""))
    with http.stream("media", "/audio") as body:
        assert (body.peek(), body.read(10)) == (b"", b"")


@pytest.mark.parametrize("then", ["close", "reset", "stall"])
def test_a_body_that_ends_early_is_unavailable(server: HttpServer, then: Any) -> None:
    http = http_to(server.url, read_timeout=0.2)
    server.on("/audio", Reply(body=b"x" * 456, cut=123, then=then))
    with pytest.raises(Unavailable, match=r"ended after (0|123) of 456 bytes"):
        fetch(http)
    server.on("/audio", Reply(body=b"x" * 456, cut=123, then=then, framing="chunked"))
    with pytest.raises(Unavailable, match=r"ended after (0|123) bytes"):
        fetch(http)
    with pytest.raises(Unavailable):
        http.call("list", "GET", "/audio")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
        b"HTTP/9.9 nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_broken_http_is_unavailable(server: HttpServer, http: Http, raw: bytes) -> None:
    server.on("/audio", raw)
    with pytest.raises(Unavailable):
        fetch(http)


@pytest.mark.parametrize("length", ["-3", "three", "9" * 5000])
def test_a_senseless_content_length_promises_nothing(server: HttpServer, http: Http, length: str) -> None:
    server.on("/audio", f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nabc".encode())
    with http.stream("media", "/audio") as body:
        assert (body.length, body.framed, body.read(10)) == (None, False, b"abc")


def test_a_body_that_outlasts_the_invocation_is_too_long(server: HttpServer) -> None:
    left = [10.0]
    http = http_to(server.url, deadline=lambda: left[0])
    server.on("/audio", Reply(body=b"x" * 1_000_000))
    with http.stream("media", "/audio") as body:
        pieces = body.chunks()
        next(pieces)
        left[0] = 0
        with pytest.raises(TooLong, match="within the invocation's time limit"):
            next(pieces)
    assert len(server.requests) == 1
    with pytest.raises(Unavailable, match="within the invocation's time limit"):
        http.call("list", "GET", "/audio")
    assert len(server.requests) == 1


def test_a_read_waits_no_longer_than_the_invocation_lasts(server: HttpServer) -> None:
    def late(seen: Seen) -> Reply:
        server.wait_until_released(2)
        return Reply(body=b"x")

    server.on("/audio", late)
    with pytest.raises(Unavailable, match="did not answer in time"):
        fetch(http_to(server.url, deadline=lambda: 0.1))


def test_a_body_left_in_the_middle_does_not_disturb_the_next_request(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(body=b"x" * 1_000_000))
    server.on("/list", Reply(body=b"{}"))
    with http.stream("media", "/audio") as body:
        next(body.chunks())
    assert http.call("list", "GET", "/list").json() == {}


def test_a_handled_status_brings_its_document(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(status=202, body=b"<state>pending</state>"))
    with http.stream("media", "/audio") as body:
        assert body.answer(1000).xml().text == "pending"
    with http.stream("media", "/audio") as body, pytest.raises(Rejected, match="more than 10 bytes"):
        body.answer(10)
