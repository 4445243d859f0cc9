"""One odd value hides neither its row nor the others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from functions.archiver.http.documents import json_in, text_in
from functions.archiver.http.xml_documents import xml_in

NESTED: Any = {"a": None, "b": [None]}
for _ in range(48):
    NESTED = {"a": [NESTED["a"]], "b": NESTED["b"]}
for _ in range(47):
    NESTED["b"][0] = {"c": NESTED["b"][0]}
"""As deep as it is kept."""


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"n": NaN, "m": -Infinity, "o": Infinity}', {"n": None, "m": None, "o": None}),
        (b'{"n": nan, "m": -inf, "o": nan(ind), "p": undefined}', {"n": None, "m": None, "o": None, "p": None}),
        (b"[1e999, -1e999, 5e-324]", [None, None, 5e-324]),
        (b"[" + b"9" * 5000 + b", 1]", [None, 1]),
        (b'{"id": 007, "n": +49, "f": .5}', {"id": "007", "n": "+49", "f": ".5"}),
        (b'{"ok": True, "no": False, "nothing": None}', {"ok": True, "no": False, "nothing": None}),
        (b'{"name": "Jos\xe9", "other": "Zo\xc3\xab"}', {"name": "José", "other": "Zoë"}),
        (b'{"name": "\x93Ana\x94 \xc3"}', {"name": "“Ana” Ã"}),
        (b'{"name": "a\x0bb\tc\nd"}', {"name": "a\x0bb\tc\nd"}),
        (
            rb'{"path": "C:\x41", "quote": "it\'s", "cut": "\u12"}',
            {"path": r"C:\x41", "quote": r"it\'s", "cut": r"\u12"},
        ),
        (b'{"items": [1, 2, ], }', {"items": [1, 2]}),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b', "b": [' + b'{"c":' * 5000 + b"1" + b"}" * 5000 + b"]}", NESTED),
        (b'{"duration": , "agent":}', {"duration": None, "agent": None}),
        (b"[1,,2]", [1, 2]),
        (
            b'{"at": 2026-11-28T10:00:00Z, "for": 00:12:30, a: 1}',
            {"at": "2026-11-28T10:00:00Z", "for": "00:12:30", "a": 1},
        ),
        (b'{"n": 5 /* "ms", maybe */, // or not\n "u": "http://a//b"}', {"n": 5, "u": "http://a//b"}),
        (
            b'{"name": "Ada "The" Osei", "said": "say "hi"", "e": ""}',
            {"name": 'Ada "The" Osei', "said": 'say "hi"', "e": ""},
        ),
        (rb'["\ud83d\ude00", "a\uD800b"]', ["\U0001f600", "a?b"]),
        (b'\xef\xbb\xbf {"a": 1}\n', {"a": 1}),
        ('{"a": "é"}'.encode("utf-16"), {"a": "é"}),
    ],
)
def test_json_is_read_as_far_as_it_can_be(content: bytes, value: Any) -> None:
    assert json_in(content) == value


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ("Zoë".encode(), "application/json; charset=iso-8859-1", "Zoë"),
        (b"\xe9\xe8", "text/xml;charset='ISO-8859-5'", "щш"),
        ("山田".encode("shift_jis"), "application/json; charset=Shift_JIS", "山田"),
        (b"caf\xe9", "application/json; charset=utf-8", "café"),
        (b"caf\xe9", "application/json; charset=nope", "café"),
        (b"caf\xe9", "application/json; charset=punycode", "café"),
        (b"caf\xe9", "", "café"),
    ],
)
def test_bytes_decide_over_a_charset_and_a_charset_over_a_guess(content: bytes, content_type: str, text: str) -> None:
    assert text_in(content, content_type) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"<a>Jo&#11;s</a>", "Jo\ufffds"),
        (b"<a>Jo\x0bs</a>", "Jo\ufffds"),
        (b"<a>&#xD800;&#x110000;&#0;&#x41;</a>", "\ufffd\ufffd\ufffdA"),
        (b"<a>AT&T &amp; more &lt;</a>", "AT&T & more <"),
        (b"<a>&nbsp;&eacute;&nope;</a>", "\xa0é&nope;"),
        (b"<a>1 < 2 <= 3</a>", "1 < 2 <= 3"),
        (b"<a>Jos\xe9 Zo\xc3\xab</a>", "José Zoë"),
        (b'<?xml version="1.0" encoding="nope"?><a>x</a>', "x"),
        (b'<?xml version="1.0" encoding="iso-8859-5"?><a>\xe9\x0b</a>', "щ\ufffd"),
        (b'<?xml version="1.0" encoding="utf-8"?>\n<a>\xe9</a>', "é"),
        (b"<a><![CDATA[x & y]]> & &#11;</a>", "x & y & \ufffd"),
    ],
)
def test_xml_is_read_as_far_as_it_can_be(content: bytes, text: str) -> None:
    assert xml_in(content).text == text


@pytest.mark.parametrize("content", [b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x; &nbsp;</a>', b"<a>&#11;"])
def test_mending_never_lets_a_document_type_or_a_cut_document_through(content: bytes) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        xml_in(content)


@given(some.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    for read, kinds in ((json_in, (ValueError, RecursionError)), (xml_in, (SyntaxError, ValueError, RecursionError))):
        try:
            read(b"[nan," + content)
            read(b"<a>&#11;" + content)
            read(content)
        except kinds:
            pass


@pytest.mark.parametrize(
    "content",
    [
        b'[nan, "' + b'\\"' * 1_000_000,
        b"[x" + b'"\\' * 1_000_000,
        b"[" + b"," * 299_999,
        b"[nan" + b" " * 3_000_000,
        b"<![CDATA[" * 300_000,
    ],
)
def test_hostile_documents_are_refused_in_linear_time(content: bytes) -> None:
    """In quadratic time each of these takes hours."""
    with pytest.raises(ValueError, match=r"."):
        json_in(content)
    with pytest.raises((ValueError, SyntaxError)):
        xml_in(b"<a>&#11;" + content)
