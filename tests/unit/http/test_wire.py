"""Answers as other clients read them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from functions.archiver.errors import Rejected, TooLong, Unavailable
from functions.archiver.http.client import Http
from functions.archiver.http.wire import MAX_INFORMATIONAL
from tests.doubles.http_client import fetch, http_to, redirect
from tests.doubles.http_server import HttpServer, Reply, Seen

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 7\r\n\r\n"


@pytest.mark.parametrize(
    "before",
    [HINTS, HINTS * MAX_INFORMATIONAL, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + HINTS],
)
def test_informational_answers_are_passed_over(server: HttpServer, http: Http, before: bytes) -> None:
    server.on("/audio", before + OK + b"Content-Length: 3\r\n\r\nabc")
    with http.stream("media", "/audio") as body:
        assert (body.status, body.length, body.read(9)) == (200, 3, b"abc")


@pytest.mark.parametrize("before", [HINTS * (MAX_INFORMATIONAL + 1), HINTS])
def test_informational_answers_alone_are_no_answer(server: HttpServer, http: Http, before: bytes) -> None:
    server.on("/audio", before)
    with pytest.raises(Unavailable, match=r"was not HTTP|was reset"):
        fetch(http)


@pytest.mark.parametrize(
    "header",
    [
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: chunked \t",
        "Transfer-Encoding:chunked",
        "transfer-encoding: Chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: identity, chunked",
        'Transfer-Encoding: "chunked"',
        "Transfer-Encoding: chunked;",
        "Transfer-Encoding : chunked",
        "no header at all\r\nTransfer-Encoding: chunked",
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
    ],
)
def test_chunks_are_read_however_they_are_announced(server: HttpServer, http: Http, header: str) -> None:
    server.on("/audio", OK + header.encode() + b"\r\n\r\n" + CHUNKS)
    with http.stream("media", "/audio") as body:
        assert (body.length, body.framed, body.read(9)) == (None, True, b"abcde")
    server.on("/audio", OK + header.encode() + b"\r\n\r\n" + CHUNKS[:-9])
    with pytest.raises(Unavailable, match="ended after"):
        fetch(http_to(server.url))


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "chunked, gzip", "xchunked", "chunked chunked"])
def test_a_transfer_encoding_that_is_not_understood_is_refused(server: HttpServer, http: Http, coding: str) -> None:
    server.on("/audio", OK + f"Transfer-Encoding: {coding}\r\n\r\n".encode() + CHUNKS)
    with pytest.raises(Rejected, match="in a transfer encoding that is not understood"):
        fetch(http)
    with pytest.raises(Unavailable, match="in a transfer encoding that is not understood"):
        http.call("list", "GET", "/audio")


@pytest.mark.parametrize("size", [b"+3", b"-3", b"0x3", b"3_", b"", b"three", b"9" * 20])
def test_a_chunk_without_a_plain_size_breaks_the_body(server: HttpServer, http: Http, size: bytes) -> None:
    server.on("/audio", OK + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\nabc\r\n0\r\n\r\n")
    with pytest.raises(Unavailable):
        fetch(http)


@pytest.mark.parametrize("header", [b"no header at all", b"Content-Length : 3", b"X y: z"])
def test_a_line_that_is_no_header_hides_no_other(server: HttpServer, http: Http, header: bytes) -> None:
    server.on("/audio", OK + header + b"\r\nContent-Length: 3\r\nContent-Type: audio/wav\r\n\r\nabc")
    with http.stream("media", "/audio") as body:
        assert (body.length, body.content_type, body.read(9)) == (3, "audio/wav", b"abc")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"X-Note:  a b \t", "a b"),
        (b"X-Note: a\r\n  b\r\n\tc", "a b c"),
        (b"X-Note:\r\n a", "a"),
        (b"no header at all\r\n goes on\r\nX-Note: a", "a"),
        (b"x-note: a\r\nX-NOTE: b", "a, b"),
        (b"X-Note: a\rSet: b\0c", "a Set: b c"),
        (b"X-Note: \xe9", "\xe9"),
        (b"X-Note:", ""),
    ],
)
def test_a_header_is_one_line_of_text_however_it_was_sent(
    server: HttpServer, http: Http, header: bytes, value: str
) -> None:
    server.on("/audio", OK + header + b"\r\nContent-Length: 3\r\n\r\nabc")
    with http.stream("media", "/audio") as body:
        assert (body.headers["x-Note"], body.length) == (value, 3)


@pytest.mark.parametrize("headers", [b"X: y\r\n" * 101, b"X: " + b"y" * 70_000 + b"\r\n"])
def test_headers_without_end_are_no_answer(server: HttpServer, http: Http, headers: bytes) -> None:
    server.on("/audio", OK + headers + b"Content-Length: 3\r\n\r\nabc")
    with pytest.raises(Unavailable, match="was not HTTP"):
        fetch(http)


def test_trailers_are_not_waited_for(server: HttpServer, http: Http) -> None:
    def endless(seen: Seen) -> Iterator[bytes]:
        yield OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nRIFF\r\n0\r\n"
        while True:
            yield b"x: y\r\n"
            server.wait_until_released(0.05)

    server.on("/audio", endless)
    server.on("/next", OK + b"Content-Length: 2\r\n\r\n{}")
    assert fetch(http) == b"RIFF"
    assert http.call("list", "GET", "/next").json() == {}


@pytest.mark.parametrize("drip", [b"0", b"0\r\nx", b"4;x"])
def test_a_line_that_drips_for_ever_ends_with_the_invocations_time(server: HttpServer, drip: bytes) -> None:
    def endless(seen: Seen) -> Iterator[bytes]:
        yield OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nRIFF\r\n" + drip
        while True:
            yield drip[-1:]
            server.wait_until_released(0.05)

    server.on("/audio", endless)
    with pytest.raises(TooLong, match="within the invocation's time limit"):
        fetch(http_to(server.url, deadline=countdown(0.5)))


def countdown(seconds: float) -> Callable[[], float]:
    ends = time.monotonic() + seconds
    return lambda: ends - time.monotonic()


RANGES = ["bytes 0-3/4", "Bytes 0-3/4", " bytes 0-3/4 ", "bytes=0-3/4"]
PARTS = ["bytes 0-2/4", "bytes 1-3/4", "bytes 0-3/5", "bytes 0-4/4", "bytes 1-4/*", "bytes 0-2/*"]
UNTOLD = ["bytes 0-3/*", "bytes */4", "", "chars 0-3/4"]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("content_range", RANGES)
def test_a_206_that_brings_everything_is_the_whole(
    server: HttpServer, http: Http, content_range: str, framing: Literal["length", "chunked", "close"]
) -> None:
    reply = Reply(status=206, headers={"Content-Range": content_range}, body=b"abcd", framing=framing)
    server.on("/audio", reply)
    with http.stream("media", "/audio") as body:
        assert (body.length, body.partial, body.read(9)) == (4, False, b"abcd")


@pytest.mark.parametrize("content_range", UNTOLD)
def test_a_206_that_does_not_say_what_it_brings_is_read(server: HttpServer, http: Http, content_range: str) -> None:
    server.on("/audio", Reply(status=206, headers={"Content-Range": content_range}, body=b"abcd"))
    with http.stream("media", "/audio") as body:
        assert (body.partial, body.read(9)) == (True, b"abcd")


@pytest.mark.parametrize(
    "headers", [*({"Content-Range": each} for each in PARTS), {"Content-Type": "multipart/byteranges; boundary=b"}]
)
def test_a_206_that_says_that_it_brings_less_is_refused(
    server: HttpServer, http: Http, headers: dict[str, str]
) -> None:
    server.on("/audio", Reply(status=206, headers=headers, body=b"abcd"))
    with pytest.raises(Rejected, match="a part of the whole"):
        fetch(http)


def test_a_206_that_brings_less_than_it_says_is_no_whole(server: HttpServer, http: Http) -> None:
    headers = {"Content-Range": "bytes 0-3/4"}
    server.on("/audio", Reply(status=206, headers=headers, body=b"abc"))
    with pytest.raises(Rejected, match="a part of the whole"):
        fetch(http)
    server.on("/audio", Reply(status=206, headers=headers, body=b"abc", framing="close"))
    with pytest.raises(Unavailable, match="ended after 3 of 4 bytes"):
        fetch(http)


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("/files/call of 2026-11-26 10.00.wav", "/files/call%20of%202026-11-26%2010.00.wav"),
        ("/files/José_電話.wav", "/files/Jos%C3%A9_%E9%9B%BB%E8%A9%B1.wav"),
        (" /files/a%20b.wav ", "/files/a%20b.wav"),
        ("/files/Kim 👩‍💻.wav?who=Zoë", "/files/Kim%20%F0%9F%91%A9%E2%80%8D%F0%9F%92%BB.wav"),
    ],
)
def test_a_link_is_read_as_a_browser_reads_it(server: HttpServer, http: Http, link: str, path: str) -> None:
    server.on(path, Reply(body=b"x"))
    assert fetch(http, server.url + link.strip() if link.startswith("/") else f" {server.url}{link.strip()} ") == b"x"
    raw = OK.replace(b"200 OK", b"302 Found") + b"Connection: close\r\nLocation: " + link.encode()
    raw += b"\r\nContent-Length: 0\r\n\r\n"
    server.on("/audio", raw)
    assert fetch(http) == b"x"
    assert [seen.path for seen in server.requests] == [path, "/audio", path]


def test_a_location_in_latin_1_goes_out_as_the_bytes_that_came(server: HttpServer, http: Http) -> None:
    server.on("/files/Jos%E9.wav", Reply(body=b"x"))
    server.on("/audio", redirect("/files/José.wav"))
    assert fetch(http) == b"x"


def test_a_link_may_be_several_thousand_characters_long(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(body=b"x"))
    token = "A1b2C3d4" * 1000
    assert fetch(http, f"{server.url}/audio?X-Amz-Security-Token={token}") == b"x"
    assert server.requests[0].query == {"X-Amz-Security-Token": token}
