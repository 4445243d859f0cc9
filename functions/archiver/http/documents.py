"""Documents as facts: text and JSON read as far as they can be, because one odd value must not hide all the others.

A document is read strictly first. Only where that fails is it mended, by rules that each take one step of the text
(`json_mending`, and for XML `xml_documents`). Everything here is hostile input: no step takes more than linear time,
and sizes are bounded by the caller.
"""

from __future__ import annotations

import codecs
import json
import math
import re

from functions.archiver.recording import Json

_LONGEST_INTEGER = 1000
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_TEXT_CODECS = re.compile(r"iso-?8859|latin|windows-|cp\d|koi8|shift_?jis|euc|gb|big5|utf-?(8|16|32)", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_in(content: bytes, content_type: str = "") -> str:
    """`content` as text: as UTF-8 where it is that, else by the charset of `content_type` or, of the odd bytes alone,
    by Windows-1252, which holds what Latin-1 can print.
    """
    for bom, codec in _BOMS:
        if content.startswith(bom):
            return content.decode(codec, "replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        pass
    named = _CHARSET.search(content_type)
    if named and _TEXT_CODECS.match(named[1]):
        try:
            return content.decode(named[1])
        except (UnicodeDecodeError, LookupError):
            pass
    return content.decode("utf-8", _ODD_BYTES)


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_ODD_BYTES = "archiver-odd-bytes"
codecs.register_error(_ODD_BYTES, _as_windows_1252)


def json_in(content: bytes, content_type: str = "") -> Json:
    """The JSON value. What is no number, or none that makes sense, is None. Raises ValueError or RecursionError."""
    text = text_in(content, content_type).removeprefix("\ufeff").strip()
    try:
        value = _parse(text)
    except (ValueError, RecursionError):
        if not text.startswith(("{", "[")) or text.count(",") > _MAX_MENDED:
            raise
        from functions.archiver.http.json_mending import mended, without_the_depths

        value = _parse(without_the_depths(mended(text)))
    if "\\ud" in text.lower():
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def _parse(text: str) -> Json:
    value: Json = json.loads(text, parse_constant=lambda _: None, parse_float=_finite, parse_int=_integer, strict=False)
    return value


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _integer(text: str) -> int | None:
    return int(text) if len(text) <= _LONGEST_INTEGER else None


_MAX_MENDED = 300_000
"""Commas of a document that is mended, which takes more memory than reading it."""
