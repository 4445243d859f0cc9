from __future__ import annotations

import gc
import socket
from http.client import HTTPException

import pytest
from urllib3.util import parse_url

from functions.archiver.http.addresses import Reach
from functions.archiver.http.connections import Connections, Response, failure_of
from functions.archiver.http.outgoing import Sent, Values, request_to
from functions.archiver.secret import Secret
from tests.doubles.http_server import HttpServer, Reply


def ask(connections: Connections, server: HttpServer, path: str = "/audio") -> Response:
    sent = Sent(method="GET", target=path, headers={}, body=None)
    return connections.send(("http", "127.0.0.1", server.port), sent, connect=5.0, read=5.0)


@pytest.fixture
def connections() -> Connections:
    return Connections(Reach.LOOPBACK)


def test_an_answer_closed_twice_gives_its_connection_back_once(server: HttpServer, connections: Connections) -> None:
    server.on("/audio", Reply(body=b"x"))
    first = ask(connections, server)
    first.wire.read1(10)
    first.close()
    first.close()
    second, third = ask(connections, server), ask(connections, server)
    assert [each.wire.read1(10) for each in (second, third)] == [b"x", b"x"]
    for each in (second, third):
        each.close()
    assert len({seen.connection for seen in server.requests}) == 2


def test_a_connection_that_the_server_has_closed_is_not_used_again(
    server: HttpServer, connections: Connections
) -> None:
    server.on("/audio", Reply(body=b"x", framing="close"))
    for _ in range(2):
        answer = ask(connections, server)
        assert answer.wire.read1(10) == b"x"
        answer.close()


def test_headers_ignore_case_and_several_of_a_name_are_joined(server: HttpServer, connections: Connections) -> None:
    server.on("/audio", Reply(body=b"x", headers={"X-One": "1", "x-one": "2"}))
    answer = ask(connections, server)
    assert answer.headers.get("X-ONE") == "1, 2"
    answer.close()


def test_idle_connections_end_with_their_owner(server: HttpServer) -> None:
    server.on("/audio", Reply(body=b"x"))
    connections = Connections(Reach.LOOPBACK)
    answer = ask(connections, server)
    answer.wire.read1(10)
    answer.close()
    del answer, connections
    gc.collect()  # an open socket would end in a warning, and so the test


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\n b", " a", "a\0b", "\r"])
def test_a_header_that_would_be_two_is_not_sent(value: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        request_to(parse_url("https://a.test/x"), "GET", headers={"X": value}, params=None, form=None, json=None)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a\n"])
def test_a_name_that_is_none_is_not_sent(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        request_to(parse_url("https://a.test/x"), "GET", headers={name: "x"}, params=None, form=None, json=None)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.test", "/?k=s+1&n=2&n=3"),
        ("https://a.test/x?", "/x?k=s+1&n=2&n=3"),
        ("https://a.test/x?y=%2F&z#part", "/x?y=%2F&z&k=s+1&n=2&n=3"),
        ("https://a.test/%2E%2E/%2e/%7Ex?sig=%41%2b", "/%2E%2E/%2E/%7Ex?sig=%41%2B&k=s+1&n=2&n=3"),
    ],
)
def test_parameters_come_behind_those_of_the_url_which_stays_as_it_is(url: str, target: str) -> None:
    params: Values = {"k": Secret("s 1"), "n": [2, 3], "none": None}
    sent = request_to(parse_url(url), "GET", headers={}, params=params, form=None, json=None)
    assert sent.target == target
    assert "s 1" not in repr(sent)


def test_given_headers_take_the_place_of_ours_whatever_their_case_but_identity_stays() -> None:
    given = {"accept": "audio/*", "ACCEPT-ENCODING": "gzip", "content-type": "text/x"}
    sent = request_to(parse_url("https://a.test"), "POST", headers=given, params=None, form=None, json={"a": 1})
    lowered = {name.lower(): value for name, value in sent.headers.items()}
    assert len(lowered) == len(sent.headers)
    assert (lowered["accept"], lowered["accept-encoding"], lowered["content-type"]) == ("audio/*", "identity", "text/x")
    assert sent.body == b'{"a": 1}'


def test_numbers_that_json_has_not_are_not_sent() -> None:
    with pytest.raises(ValueError, match="JSON"):
        request_to(parse_url("https://a.test"), "POST", headers={}, params=None, form=None, json=float("nan"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError("secret"), "it did not answer in time"),
        (ConnectionResetError("secret"), "the connection was reset"),
        (HTTPException("secret"), "its answer was not HTTP"),
        (socket.gaierror("secret"), "the connection broke"),
    ],
)
def test_a_failure_is_told_in_words_of_our_own(error: Exception, words: str) -> None:
    assert failure_of(error) == words
