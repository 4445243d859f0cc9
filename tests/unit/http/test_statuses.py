from __future__ import annotations

import datetime as dt
import logging
import math
import socket
import traceback
from collections.abc import Iterator
from email.utils import format_datetime

import pytest

from functions.archiver.errors import (
    Busy,
    EndedEarly,
    Gone,
    NotFound,
    Outcome,
    Rejected,
    Throttled,
    Unauthorized,
    Unavailable,
)
from functions.archiver.http import connections
from functions.archiver.http.client import Http
from functions.archiver.http.waits import seconds_of
from tests.doubles.http_client import SECRET, Slots, Token, fetch, http_to, redirect
from tests.doubles.http_server import HttpServer, Reply, Seen


@pytest.mark.parametrize(
    ("status", "of_source", "of_recording"),
    [
        (400, Unavailable, Rejected),
        (401, Unauthorized, Unauthorized),
        (403, Unauthorized, Rejected),
        (404, Unavailable, NotFound),
        (405, Unavailable, Rejected),
        (408, Unavailable, Unavailable),
        (410, Unavailable, Gone),
        (425, Unavailable, Unavailable),
        (429, Throttled, Throttled),
        (500, Unavailable, Unavailable),
        (502, Unavailable, Unavailable),
        (503, Unavailable, Unavailable),
        (599, Unavailable, Unavailable),
        (304, Unavailable, Rejected),
    ],
)
def test_every_status_has_its_outcome(
    server: HttpServer, http: Http, status: int, of_source: type[Outcome], of_recording: type[Outcome]
) -> None:
    server.on("/x", Reply(status=status))
    with pytest.raises(Outcome) as source:
        http.call("list", "GET", "/x", params={"key": SECRET})
    with pytest.raises(Outcome) as recording:
        fetch(http, "/x", params={"key": SECRET})
    assert (type(source.value), type(recording.value)) == (of_source, of_recording)
    assert str(status) in source.value.reason
    assert "key" not in source.value.reason
    assert len(server.requests) == 2  # and nothing was asked twice
    assert http.call("list", "GET", "/x", handles={status}).status == status


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_a_success_is_returned(server: HttpServer, http: Http, status: int) -> None:
    server.on("/x", Reply(status=status))
    assert http.call("list", "GET", "/x").status == status


def test_a_part_is_taken_when_a_part_was_asked_for(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(status=206, body=b"x"))
    assert fetch(http, headers={"Range": "bytes=0-0"}) == b"x"


def test_a_503_that_says_when_to_come_back_is_throttling(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(status=503, headers={"Retry-After": "7"}))
    with pytest.raises(Throttled) as caught:
        fetch(http)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("status", [429, 503])
def test_another_hosts_wait_is_the_recordings_and_not_the_sources(
    server: HttpServer, elsewhere: HttpServer, http: Http, status: int
) -> None:
    asks_to_wait = Reply(status=status, headers={"Retry-After": "999999"})
    elsewhere.on("/audio", asks_to_wait)
    there = elsewhere.url.replace("127.0.0.1", "localhost")
    with pytest.raises(Busy) as linked:
        fetch(http, f"{there}/audio")
    server.on("/audio", redirect(f"{there}/audio"))
    with pytest.raises(Busy):
        fetch(http)
    server.on("/audio", asks_to_wait)
    with pytest.raises(Throttled) as of_its_own:
        fetch(http)
    assert linked.value.retry_after == of_its_own.value.retry_after == 3600


@pytest.mark.parametrize(
    "trouble",
    [Reply(status=500), Reply(status=408), Reply(body=b"x" * 456, cut=0, then="reset"), Reply(silent=True)],
    ids=["500", "408", "reset", "silent"],
)
def test_trouble_of_another_host_is_the_recordings_alone(
    server: HttpServer, elsewhere: HttpServer, trouble: Reply
) -> None:
    http = http_to(server.url, read_timeout=0.2)
    elsewhere.on("/audio", trouble)
    server.on("/audio", redirect(f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/audio"))
    with pytest.raises(Busy):
        fetch(http)


def test_a_host_that_is_not_there_is_the_recordings_trouble_when_it_is_not_the_sources(
    server: HttpServer, http: Http
) -> None:
    server.on("/audio", redirect("http://localhost:9/audio"))
    with pytest.raises(Busy):
        fetch(http)


@pytest.mark.parametrize("there", [True, False])
def test_an_early_end_tells_what_came_and_from_whose_host(
    server: HttpServer, elsewhere: HttpServer, http: Http, there: bool
) -> None:
    host = elsewhere if there else server
    host.on("/file", Reply(body=b"x" * 456, cut=123, then="close"))
    server.on("/audio", redirect(f"{host.url.replace('127.0.0.1', 'localhost') if there else host.url}/file"))
    with pytest.raises(EndedEarly) as caught:
        fetch(http)
    early = caught.value
    assert (early.received_bytes, early.promised_bytes, early.elsewhere) == (123, 456, there)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("30", 30),
        ("1.5", 1.5),
        ("0", 0),
        ("-5", None),
        ("3601", 3601),
        ("9" * 99, float("9" * 99)),
        ("9" * 9999, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("Fri, 99 Foo 2026 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header) == seconds


@pytest.mark.parametrize("header", ["3601", "9" * 99, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_no_source_is_left_alone_for_more_than_an_hour(server: HttpServer, http: Http, header: str) -> None:
    server.on("/audio", Reply(status=429, headers={"Retry-After": header}))
    with pytest.raises(Throttled) as caught:
        fetch(http)
    assert caught.value.retry_after == 3600


def test_retry_after_may_be_a_date() -> None:
    in_half_an_hour = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=30)
    assert 0 < (seconds_of(format_datetime(in_half_an_hour, usegmt=True)) or 0) <= 1800


def test_refused_credentials_are_renewed_once_and_the_request_repeated(
    server: HttpServer, http: Http, slots: Slots
) -> None:
    server.on("/list", lambda seen: Reply(status=200 if seen.headers["authorization"] == "Bearer new" else 401))
    token = Token()
    assert http.call("list", "GET", "/list", auth=token).status == 200
    assert (token.renewals, slots.booked) == (1, ["list", "list"])


def test_credentials_refused_after_a_renewal_are_unauthorized(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(status=401))
    token = Token()
    with pytest.raises(Unauthorized):
        http.call("list", "GET", "/list", auth=token)
    assert (token.renewals, len(server.requests)) == (1, 2)


def test_credentials_that_cannot_be_renewed_are_not_tried_again(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(status=401))
    with pytest.raises(Unauthorized):
        http.call("list", "GET", "/list", auth=Token(renewable=False))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_another_hosts_refusal_says_nothing_about_our_credentials(
    server: HttpServer, elsewhere: HttpServer, http: Http, status: int
) -> None:
    server.on("/audio", redirect(f"{elsewhere.url}/signed"))
    elsewhere.on("/signed", Reply(status=status))
    token = Token()
    with pytest.raises(Rejected):
        fetch(http, auth=token)
    assert token.renewals == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("base", "reply", "reason"),
    [
        ("http://127.0.0.1:{free}", b"", "the connection was refused"),
        (f"http://{'x' * 64}.test", b"", "its name could not be resolved"),
        ("https://127.0.0.1:{port}", b"", "TLS failed"),
        ("http://127.0.0.1:{port}", Reply(silent=True), "it did not answer in time"),
        ("http://127.0.0.1:{port}", b"", "the connection was reset"),
        ("http://127.0.0.1:{port}", b"SSH-2.0\r\n", "its answer was not HTTP"),
        ("http://127.0.0.1:{port}", Reply(body=b"{}", cut=0, then="reset"), "ended after 0 of 2 bytes|was reset"),
    ],
)
def test_a_failure_names_its_host_and_kind_and_never_the_query(
    server: HttpServer, caplog: pytest.LogCaptureFixture, base: str, reply: Reply | bytes, reason: str
) -> None:
    server.on("/x", reply)
    http = http_to(base.format(port=server.port, free=free_port()), read_timeout=0.2)
    for name in ("", "urllib3", "urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"):
        caplog.set_level(logging.DEBUG, logger=name)
    with pytest.raises(Unavailable, match=reason) as caught:
        http.call("list", "GET", "/x", params={"key": SECRET}, headers={"X-Key": SECRET.reveal()}).json()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "s3cret" not in told
    assert "key=" not in told


@pytest.mark.parametrize("endless", [b"HTTP/1.1 100 Continue\r\n\r\n", b"x"])
def test_an_answer_whose_head_never_ends_is_given_up(
    server: HttpServer, http: Http, monkeypatch: pytest.MonkeyPatch, endless: bytes
) -> None:
    def drip(seen: Seen) -> Iterator[bytes]:
        yield b"" if endless.endswith(b"\n") else b"HTTP/1.1 200 OK\r\nX: "
        for _ in range(40):
            server.wait_until_released(0.05)
            yield endless
        yield b"\r\n\r\n" if endless == b"x" else b"HTTP/1.1 200 OK\r\n\r\n"

    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    server.on("/x", drip)
    with pytest.raises(Unavailable, match="failed: "):
        http.call("list", "GET", "/x")


def test_a_host_that_hides_a_secret_or_a_line_break_is_quoted_without_them() -> None:
    http = http_to("https://127.0.0.1")
    assert http.quotable("a\r\nb\x1b[0m s3cret-value\u2028c") == "a b [0m *** c"
    assert len(http.quotable("x" * 1000)) == 200


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\n{}"]
)
def test_nothing_that_is_logged_holds_a_query(
    server: HttpServer, http: Http, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    for name in ("", "urllib3", "urllib3.connection", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, logger=name)
    server.on("/x", raw)
    http.call("list", "GET", "/x", params={"key": SECRET})
    assert server.requests[0].query == {"key": "s3cret-value"}
    assert "key" not in caplog.text


def test_a_header_that_cannot_be_sent_is_an_outcome_without_its_text(server: HttpServer, http: Http) -> None:
    for value in ("s3cret-value\r\nX: y", "s3cret-\u20ac"):
        with pytest.raises(Outcome) as caught:
            http.call("list", "GET", "/x", headers={"X-Key": value})
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert server.requests == []


def test_a_deadline_of_infinity_is_none(server: HttpServer) -> None:
    server.on("/x", Reply())
    assert http_to(server.url, deadline=lambda: math.inf).call("list", "GET", "/x").status == 200
