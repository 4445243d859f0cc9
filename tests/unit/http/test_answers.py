from __future__ import annotations

from typing import Any

import pytest

from functions.archiver.errors import Rejected, TooLarge, Unavailable
from functions.archiver.http import responses as answers
from functions.archiver.http.client import Http
from tests.doubles.http_server import HttpServer, Reply


def test_an_answer_ignores_the_case_of_header_names(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(body=b"\xe9a", headers={"X-Total": "7", "Content-Type": "Text/Plain; x=y"}))
    answer = http.call("list", "GET", "/list")
    assert (answer.headers["x-total"], answer.content_type, answer.text()) == ("7", "text/plain", "éa")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\xfd",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"undefined",
        b'{"a": b:30}',
        b"[" + b"nan," * 300_001 + b"1]",
        b"<html><body>Sign in</body></html>",
    ],
)
def test_what_is_no_json_is_an_outcome(server: HttpServer, http: Http, content: bytes) -> None:
    server.on("/x", Reply(body=content))
    with pytest.raises(Unavailable, match=r"where JSON was expected|not valid JSON"):
        http.call("list", "GET", "/x").json()
    with pytest.raises(Rejected):
        http.call("look-up", "GET", "/x", of="recording").json()


def test_a_web_page_in_place_of_a_document_is_named(server: HttpServer, http: Http) -> None:
    server.on("/x", Reply(body=b"\n <!DOCTYPE html><html></html>"))
    answer = http.call("list", "GET", "/x")
    with pytest.raises(Unavailable, match="the list request was answered with HTML where JSON was expected"):
        answer.json()
    with pytest.raises(Unavailable, match="the list request was answered with HTML where XML was expected"):
        answer.xml()


def test_json_comes_as_it_was_sent(server: HttpServer, http: Http) -> None:
    server.on("/x", Reply(body='\ufeff{"name": "Zoë", "n": [1, 2.5, null, true]}'.encode()))
    assert http.call("list", "GET", "/x").json() == {"name": "Zoë", "n": [1, 2.5, None, True]}


def test_json_text_can_always_be_written_as_utf_8(server: HttpServer, http: Http) -> None:
    server.on("/x", Reply(body=rb'["\ud83d\ude00", "a\uD800b"]'))
    assert http.call("list", "GET", "/x").json() == ["\U0001f600", "a?b"]


BOMB = b"".join(
    [
        b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">',
        *[f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(9)],
        b"]><b>&j;</b>",
    ]
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a>",
        b"<a/>" * 2,
        b"<a>" + b"<b/>" * 400_000 + b"</a>",
        b"\xff\xfe<a/>",
        BOMB,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    ],
)
def test_what_is_no_plain_xml_is_an_outcome(server: HttpServer, http: Http, content: bytes) -> None:
    server.on("/x", Reply(body=content))
    with pytest.raises(Unavailable, match="XML"):
        http.call("list", "GET", "/x").xml()
    with pytest.raises(Rejected, match="XML"):
        http.call("look-up", "GET", "/x", of="recording").xml()


def test_xml_nested_deeply_does_no_harm(server: HttpServer, http: Http) -> None:
    server.on("/x", Reply(body=b"<a>" * 100_000 + b"</a>" * 100_000))
    assert http.call("list", "GET", "/x").xml().tag == "a"


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_an_answer_has_a_greatest_size(server: HttpServer, http: Http, framing: Any) -> None:
    assert answers.ANSWER_BYTES == 4 * 1024 * 1024
    server.on("/x", Reply(body=b"x" * (answers.ANSWER_BYTES + 1), framing=framing))
    with pytest.raises(TooLarge, match="more than 4194304 bytes"):
        http.call("list", "GET", "/x")
    with pytest.raises(Rejected, match="more than 4194304 bytes"):
        http.call("look-up", "GET", "/x", of="recording")


@pytest.mark.parametrize(
    ("content", "document"), [(b'{"code": 404}', {"code": 404}), (b"[1]", {}), (b"<html></html>", {}), (b"", {})]
)
def test_an_error_that_is_no_json_object_has_no_fields(
    server: HttpServer, http: Http, content: bytes, document: object
) -> None:
    server.on("/list", Reply(status=400, body=content))
    assert http.call("list", "GET", "/list", handles=(400,)).document() == document
