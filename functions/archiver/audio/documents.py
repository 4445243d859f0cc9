"""What a body is that is no audio: an error document, or data of another kind."""

from __future__ import annotations

import re

_NAMED = (
    (b"GIF8", "a GIF image"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
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
_MARKUP_SHOWS = 1024
_BINARY = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def named_data(head: bytes) -> str | None:
    """The name of a known kind of data that is neither audio nor text; None when it is none."""
    return next((name for magic, name in _NAMED if head.startswith(magic)), None)


def error_document(head: bytes) -> str | None:
    """What kind of text the body is that starts with `head`; None when it is no text."""
    text = None if named_data(head) else _text(head)
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
    """What a body that is not audio seems to be, for a person. Quotes at most four bytes of it, in hex."""
    if not head:
        return "an empty body"
    name = named_data(head) or error_document(head)
    return f"{name} in place of audio" if name else f"unknown kind of data (starts with {head[:4].hex(' ')})"


def _text(head: bytes) -> str | None:
    """The head in lower case without byte order mark and leading blanks; None when it is binary."""
    wide = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else None
    if not wide and len(head) > 1 and (head[0] == 0) != (head[1] == 0):
        wide = "utf-16-le" if head[0] else "utf-16-be"
    text = head.decode(wide, "ignore") if wide else head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    text = text.lstrip().lower()
    if _BINARY.search(text, 0, _MARKUP_SHOWS):
        return None
    # A page in an older encoding than UTF-8 still starts with one of these; a few stray bytes of a binary do not.
    if text.startswith(("<", "{", "[")):
        return text
    plain = not wide and "\ufffd" not in (text[:-1] or text) and not _BINARY.search(text)
    return text if plain else None
