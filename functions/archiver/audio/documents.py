"""Recognises bodies that are no audio: error documents, and data of another kind."""

from __future__ import annotations

import re

from functions.archiver.audio.texts import text_of

_PACKED = "gzip data"
_NAMED = (
    (b"GIF8", "a GIF image"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", _PACKED),
    (b"%PDF", "a PDF document"),
    (b"RIFF", "a RIFF file without sound"),
    (b"FLV", "a Flash video"),
    (b"\0\0\x01\xba", "an MPEG video"),
    (b"-----BEGIN PGP ", "an encrypted message"),
    (b"-----BEGIN CMS", "an encrypted message"),
    (b"-----BEGIN PKCS7", "an encrypted message"),
)

_HTML = re.compile(r"(?>(?:<\?xml[^>]*>|<!--.*?-->|\s)*)<(?:!doctype\s+html|html|head|body)\b", re.DOTALL)
_MULTIPART = re.compile(r"--[^\s].*\n(?:[\w-]+:.*\n)*\s*\n?", re.ASCII)


def named_data(head: bytes) -> str | None:
    """The name of a known kind of data that is neither audio nor text; None when it is none."""
    return next((name for magic, name in _NAMED if head.startswith(magic)), None)


def error_document(head: bytes) -> str | None:
    """The kind of text that starts with `head`, packed or not; None when it is no text."""
    text = text_of(head) if named_data(head) in (None, _PACKED) else None
    if text is None:
        return None
    if _HTML.match(text):
        return "an HTML page"
    if text.startswith("<"):
        return "an XML document"
    if text.startswith(("{", "[")):
        return "a JSON document"
    return "a multipart text" if _MULTIPART.match(text) else "plain text"


def describe(head: bytes) -> str:
    """A description, for a person, of a body that is not audio. Quotes at most four bytes of it, in hex."""
    if not head:
        return "an empty body"
    name = error_document(head) or named_data(head)
    return f"{name} in place of audio" if name else f"unknown kind of data (starts with {head[:4].hex(' ')})"
