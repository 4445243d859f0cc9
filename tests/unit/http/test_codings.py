"""Content codings that nobody asked for, and labels that name none."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from typing import Any

import pytest

from functions.archiver.errors import Rejected, Unavailable
from functions.archiver.http import codings
from functions.archiver.http.client import Http
from functions.archiver.http.responses import ANSWER_BYTES
from tests.doubles.http_client import fetch
from tests.doubles.http_server import HttpServer, Reply

ROWS = {"items": [{"id": str(n), "name": "Zoë"} for n in range(300)]}
TEXT = json.dumps(ROWS).encode()
SOUND = b"RIFF\x24\x80\x00\x00WAVEfmt " + random.Random(7).randbytes(300_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


CODED: list[tuple[str, Any]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("utf-8, gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("gzip", lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:]) + bytes(512)),
]
LABELS = [
    "aws-chunked",
    "utf-8",
    "binary",
    "none",
    "8bit",
    "iso-8859-1",
    "gzip",
    "deflate",
    "br",
    "br, gzip",
    "identity",
]


@pytest.mark.parametrize(("label", "code"), CODED)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_list_that_comes_coded_is_read(server: HttpServer, http: Http, label: str, code: Any, framing: Any) -> None:
    server.on("/list", Reply(body=code(TEXT), headers={"Content-Encoding": label}, framing=framing))
    assert http.call("list", "GET", "/list").json() == ROWS


def test_a_gzipped_list_needs_no_label(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(body=gzip.compress(TEXT)))
    assert http.call("list", "GET", "/list").json() == ROWS


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("content", [TEXT, b"[]", b"<a/>", b'{"a": "b"}'])
def test_a_label_changes_nothing_about_a_plain_list(server: HttpServer, http: Http, label: str, content: bytes) -> None:
    server.on("/list", Reply(body=content, headers={"Content-Encoding": label}))
    assert http.call("list", "GET", "/list").content == content


@pytest.mark.parametrize("label", LABELS)
def test_a_label_changes_nothing_about_plain_audio(server: HttpServer, http: Http, label: str) -> None:
    server.on("/audio", Reply(body=SOUND, headers={"Content-Encoding": label}))
    with http.stream("media", "/audio") as body:
        assert (body.length, body.undone, b"".join(body.chunks())) == (len(SOUND), None, SOUND)


@pytest.mark.parametrize(("label", "code"), CODED)
def test_audio_in_a_declared_coding_is_what_it_unpacks_to(
    server: HttpServer, http: Http, label: str, code: Any
) -> None:
    server.on("/audio", Reply(body=code(SOUND), headers={"Content-Encoding": label}))
    with http.stream("media", "/audio") as body:
        assert body.peek()[:4] == b"RIFF"
        assert (body.length, body.framed, body.undone) == (None, True, label.split(", ")[-1].removeprefix("x-"))
        assert b"".join(body.chunks()) == SOUND


def test_audio_that_nothing_declares_as_coded_stays_as_it_is(server: HttpServer, http: Http) -> None:
    packed = gzip.compress(SOUND)
    server.on("/audio", Reply(body=packed))
    assert fetch(http) == packed


@pytest.mark.parametrize("label", ["gzip", "deflate"])
@pytest.mark.parametrize("spoil", [lambda b: b[:-9], lambda b: b[:1000] + b"x" * 50 + b[1050:], lambda b: b + b"more"])
def test_a_coding_that_breaks_is_no_whole_body(server: HttpServer, http: Http, label: str, spoil: Any) -> None:
    packed = spoil(gzip.compress(SOUND) if label == "gzip" else zlib.compress(SOUND))
    server.on("/audio", Reply(body=packed, headers={"Content-Encoding": label}))
    with pytest.raises(Unavailable, match=r"its (gzip|deflate) coding"):
        fetch(http)


def test_a_small_list_that_unpacks_to_a_huge_one_is_an_outcome(server: HttpServer, http: Http) -> None:
    bomb = gzip.compress(bytes(ANSWER_BYTES + 1))
    for headers in ({}, {"Content-Encoding": "gzip"}):
        server.on("/list", Reply(body=bomb, headers=headers))
        with pytest.raises(Unavailable, match="more than 4194304 bytes"):
            http.call("list", "GET", "/list")
        with pytest.raises(Rejected, match="more than 4194304 bytes"):
            http.call("look-up", "GET", "/list", of="recording")


def test_audio_that_unpacks_to_far_more_than_its_size_explains_is_given_up(
    server: HttpServer, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codings, "FREE_BYTES", 1_000_000)
    server.on("/audio", Reply(body=gzip.compress(bytes(8_000_000)), headers={"Content-Encoding": "gzip"}))
    sizes: list[int] = []
    with (
        pytest.raises(Unavailable, match="far more than its own size explains"),
        http.stream("media", "/audio") as body,
    ):
        sizes.extend(map(len, body.chunks()))
    assert max(sizes) <= 512 * 1024


def test_a_coding_that_cannot_be_undone_is_named(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(body=b"\x0b\x02\x80{}\x03", headers={"Content-Encoding": "br"}))
    with pytest.raises(Unavailable, match="an encoding that cannot be undone where JSON was expected"):
        http.call("list", "GET", "/list").json()
