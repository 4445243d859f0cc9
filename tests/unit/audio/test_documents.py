"""What came in place of audio: error documents, other data, and bytes that nobody knows."""

from __future__ import annotations

import pytest

from functions.archiver.audio.documents import describe
from functions.archiver.audio.inspector import Inspector
from functions.archiver.audio.kinds import MP3, Kind
from tests.doubles.audio_files import frame, noise
from tests.doubles.judging import judge

DOCUMENTS = [
    (b"<!DOCTYPE html><title>Sign in</title>", "an HTML page in place of audio"),
    (b"\xef\xbb\xbf\r\n  <HTML lang=en>", "an HTML page in place of audio"),
    (b"<!-- a --> <!-- b --><html>", "an HTML page in place of audio"),
    (b"<html>caf\xe9</html>", "an HTML page in place of audio"),
    (b"<html>" + b"x" * 2000 + b"\0\1\2", "an HTML page in place of audio"),
    ("<html>".encode("utf-16"), "an HTML page in place of audio"),
    ("<html>".encode("utf-16-be"), "an HTML page in place of audio"),
    (b'<?xml version="1.0"?><html xmlns="x">', "an HTML page in place of audio"),
    (b'<?xml version="1.0"?><response/>', "an XML document in place of audio"),
    (b"\n<response><result>failed</result>", "an XML document in place of audio"),
    (b"<!---->" * 140 + b"<htm", "an XML document in place of audio"),
    (b'\xef\xbb\xbf {"error": 404}', "a JSON document in place of audio"),
    (b"[]", "a JSON document in place of audio"),
    (b"Too many requests", "plain text in place of audio"),
    ("verboten: zu früh".encode() * 100, "plain text in place of audio"),
    (b"--b1\r\nContent-Type: text/html\r\n\r\n<html>\r\n--b1--", "a multipart text in place of audio"),
]
OTHERS = [
    (b"GIF89a\1\0\1\0", "a GIF image in place of audio"),
    (b"PK\x03\x04\x14\0", "a ZIP archive in place of audio"),
    (b"\x1f\x8b\x08\0", "gzip data in place of audio"),
    (b"%PDF-1.7\n", "a PDF document in place of audio"),
    (b"RIFF", "a RIFF file without sound in place of audio"),
    (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA", "an encrypted message in place of audio"),
    (b"\x7fELF secret", "unknown kind of data (starts with 7f 45 4c 46)"),
    (b"RECORDER 1.0\r\ncodec: unknown\r\n\r\n" + noise(300), "unknown kind of data (starts with 52 45 43 4f)"),
    (b"\xff", "unknown kind of data (starts with ff)"),
    (noise(40_000), f"unknown kind of data (starts with {noise(4).hex(' ')})"),
]


@pytest.mark.parametrize(("body", "problem"), DOCUMENTS)
def test_an_error_document_is_named(body: bytes, problem: str) -> None:
    verdict = judge(body)
    assert (verdict.kind, verdict.audio, verdict.problem) == (Kind.ERROR_DOCUMENT, None, problem)
    assert describe(body) == problem


@pytest.mark.parametrize(("body", "problem"), OTHERS)
def test_what_is_neither_audio_nor_a_document_is_unknown(body: bytes, problem: str) -> None:
    verdict = judge(body)
    assert (verdict.kind, verdict.audio, verdict.complete, verdict.problem) == (Kind.UNKNOWN, None, None, problem)


def test_an_empty_body_is_no_sound() -> None:
    verdict = judge(b"")
    assert (verdict.kind, verdict.problem, verdict.size_bytes) == (Kind.NO_SOUND, "an empty body", 0)


@pytest.mark.parametrize(
    ("piece", "kind"),
    [(frame() * 50, Kind.AUDIO), (b"<html>" * 1500, Kind.ERROR_DOCUMENT), (noise(8000), Kind.UNKNOWN)],
)
def test_the_kind_is_known_before_the_end(piece: bytes, kind: Kind) -> None:
    inspector = Inspector()
    inspector.feed(piece)
    assert (inspector.kind, inspector.audio) == (None, None)
    inspector.feed(piece)
    inspector.feed(piece)
    assert (inspector.kind, inspector.audio) == (kind, MP3 if kind is Kind.AUDIO else None)
