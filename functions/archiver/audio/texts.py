"""Text in a body, however it was written: packed, in two or four bytes a character, with blanks or zeros around it."""

from __future__ import annotations

import codecs
import re
import zlib

_MARKUP_SHOWS = 1024
_MARKUP = ("<", "{", "[")
_BINARY = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_UNPACKED = 16_384
_MOST_PACKINGS = 2
_GZIP = b"\x1f\x8b\x08"
_ZLIB_STARTS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_WIDE = (
    (re.compile(rb"\xff\xfe\0\0|[^\0]\0\0\0", re.DOTALL), "utf-32-le"),
    (re.compile(rb"\0\0\xfe\xff|\0\0\0[^\0]", re.DOTALL), "utf-32-be"),
    (re.compile(rb"\xff\xfe|[^\0]\0", re.DOTALL), "utf-16-le"),
    (re.compile(rb"\xfe\xff|\0[^\0]", re.DOTALL), "utf-16-be"),
)
_BOM_OF_16_BITS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SHORTEST = 8
"""Letters of an older encoding than UTF-8; fewer may be anything."""


def text_of(head: bytes) -> str | None:
    """The text that a body starts with, in lower case and without blanks in front; None where it is binary."""
    head = _unpacked(head)
    return _wide(head) or (_narrow(head) if head.strip(b"\0") else None)


def _unpacked(head: bytes) -> bytes:
    """The unpacked beginning of gzip or zlib data: proxies send their pages packed without saying so."""
    for _ in range(_MOST_PACKINGS):
        if not head.startswith((_GZIP, *_ZLIB_STARTS)):
            break
        unzip = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            plain = unzip.decompress(head, _UNPACKED)
        except zlib.error:
            break
        if not plain or (unzip.unused_data.strip(b"\0") and not unzip.unused_data.startswith(_GZIP)):
            break
        head = plain
    return head


def _wide(head: bytes) -> str | None:
    codec = next((name for pattern, name in _WIDE if pattern.match(head)), None)
    if codec is None:
        return None
    text = _trimmed(head.decode(codec, "ignore"))
    if _BINARY.search(text, 0, _MARKUP_SHOWS):
        return None
    if text.startswith(_MARKUP):
        return text
    marked = head.startswith(_BOM_OF_16_BITS) and not _BINARY.search(text)
    # Without a mark it has to be all ASCII: samples of two bytes can be text in some script by chance.
    return text if marked or (len(text) >= _SHORTEST and text.isascii() and not _BINARY.search(text)) else None


def _narrow(head: bytes) -> str | None:
    text = _trimmed(head.decode("utf-8", "replace"))
    if _BINARY.search(text, 0, _MARKUP_SHOWS):
        return None
    # A page in an older encoding than UTF-8 still starts with one of these; a few stray bytes of a binary do not.
    if text.startswith(_MARKUP):
        return text
    if _BINARY.search(text) or head.count(b"\0") > len(text):
        return None
    return text if "\ufffd" not in (text[:-1] or text) or _is_mostly_ascii(text) else None


def _trimmed(text: str) -> str:
    return text.lstrip("\ufeff\0").lstrip().rstrip("\0").lower()


def _is_mostly_ascii(text: str) -> bool:
    """Whether it is one of the older encodings of the West, in which most letters are those of ASCII."""
    return len(text) >= _SHORTEST and sum(map(str.isascii, text)) >= 0.8 * len(text)
