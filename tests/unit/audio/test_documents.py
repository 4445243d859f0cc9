"""What came in place of audio: error documents, other data, and bytes that nobody knows."""

from __future__ import annotations

import gzip
import zlib

import pytest

from functions.archiver.audio.documents import describe
from functions.archiver.audio.inspector import Inspector
from functions.archiver.audio.kinds import MP3, Kind
from tests.doubles.audio_files import ID3V1, WHOLE, ape, element, frame, id3, noise
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
    ("Der Dienst ist nicht verfügbar.".encode("cp1252"), "plain text in place of audio"),
    (b"\0\0<html></html>" + bytes(600), "an HTML page in place of audio"),
    (b"Not here\0", "plain text in place of audio"),
    (b" \r\n" * 9000 + b"sorry", "plain text in place of audio"),
    (b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", "plain text in place of audio"),
    (b"--b1\r\nContent-Type: text/html\r\n\r\n<html>\r\n--b1--", "a multipart text in place of audio"),
]
OTHERS = [
    (b"GIF89a\1\0\1\0", "a GIF image in place of audio"),
    (b"PK\x03\x04\x14\0", "a ZIP archive in place of audio"),
    (b"\x1f\x8b\x08\0", "gzip data in place of audio"),
    (b"%PDF-1.7\n", "a PDF document in place of audio"),
    (b"RIFF\x24\0\0\0AVI LIST", "a RIFF file without sound in place of audio"),
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


PAGES = {
    "an HTML page": b"<html><head><title>502 Bad Gateway</title></head></html>",
    "a JSON document": b'{"error": "not found", "code": 404}',
    "an XML document": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "plain text": b"upstream connect error or disconnect/reset before headers",
}
CODECS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("name", PAGES)
def test_an_error_document_is_known_however_it_is_written(name: str) -> None:
    page = PAGES[name]
    written = [page.decode().encode(codec) for codec in CODECS]
    for body in (page, *written):
        for sent in (body, gzip.compress(body), zlib.compress(body), gzip.compress(gzip.compress(body))):
            assert judge(sent).problem == f"{name} in place of audio", sent
        assert judge(gzip.compress(body * 3000)).kind is Kind.ERROR_DOCUMENT
        assert judge(gzip.compress(body)[:-9]).kind is Kind.ERROR_DOCUMENT


@pytest.mark.parametrize(
    "body",
    [
        b"CODEC1.0" + bytes(5000),  # silence behind a few letters is no text with zeros around it
        bytes(5000),
        gzip.compress(noise(5000), mtime=0),
        zlib.compress(noise(5000)),
        b"\x78\x9c" + noise(300),
        gzip.compress(b"CODEC1.0" + bytes(500), mtime=0),
        "\u3041\u30a1".encode("utf-16-le") * 50,  # what looks like two bytes a letter may be samples
        b" \0!\0\x1f\0" * 50,
        "Aufnahme läuft".encode("cp1252")[9:],
        b"\xe9\xe8\xe0 text \xfc\xf6\xe4\xdf" * 20,
    ],
)
def test_bytes_that_may_be_sound_are_no_document(body: bytes) -> None:
    assert judge(body).kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        *(
            WHOLE[name][:size]
            for name in ("wav", "opus", "flac", "amr", "aiff", "caf", "au", "rf64")
            for size in (4, 5)
        ),
        WHOLE["wav"][:11],
        WHOLE["matroska"][:4],
        WHOLE["wma"][:9],
        WHOLE["m4a"][:8],
        WHOLE["aac"][:7],
        WHOLE["amr"][:7],
        ID3V1,
        ape(),
        id3(40) + ID3V1,
        id3(40) + bytes(400),
        b"#!AMR\n" + b"\x7c" * 50,
        element("1a45dfa3", element("4282", b"webm")) + element("18538067", element("1f43b675", element("e7", b"\0"))),
    ],
)
def test_the_start_of_a_file_and_its_tags_are_no_sound(body: bytes) -> None:
    assert judge(body).kind is Kind.NO_SOUND


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
