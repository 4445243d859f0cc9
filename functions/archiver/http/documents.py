"""Documents as facts: JSON and XML read as far as they can be, because one odd value must not hide all the others.

A document is read strictly first. Only where that fails is it mended, by rules that each take one step of the text:
bytes that are no UTF-8, numbers that JSON has not, characters that XML has not, ampersands that stand for themselves.
Everything here is hostile input: no step takes more than linear time, and sizes are bounded by the caller.
"""

from __future__ import annotations

import codecs
import html
import json
import math
import re
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree

from functions.archiver.recording import Json

MAX_ELEMENTS = 200_000
"""Elements of an XML document; each takes some 300 bytes of memory."""

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


# JSON


def json_in(content: bytes, content_type: str = "") -> Json:
    """The JSON value. What is no number, or none that makes sense, is None. Raises ValueError or RecursionError."""
    text = text_in(content, content_type).removeprefix("\ufeff").strip()
    try:
        value = _parse(text)
    except (ValueError, RecursionError):
        if not text.startswith(("{", "[")) or text.count(",") > _MAX_MENDED:
            raise
        value = _parse(_without_the_depths(_mend_json(text)))
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

# Possessive, and content with an end of the text in place of one's own: no input makes it go back.
# A quote that no comma, no colon and no end follows is one of the text's own.
_TEXT = r'"(?:[^"\\]++|\\.?|"(?!\s{0,20}(?:[,:}\]]|/[*/]|\Z)))*+"?'
_WORD = r'[^\s"{}\[\],:]'
_TOKEN = re.compile(rf"{_TEXT}|[0-9]{_WORD}*+(?::[0-9]{_WORD}*+)++|{_WORD}++", re.DOTALL)  # a bare time is one word
_TEXT_OR_COMMENT = re.compile(rf"{_TEXT}|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|(?<![:\w])//[^\n]*+", re.DOTALL)
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.?)*+"?|[\[\]{}]', re.DOTALL)
_DEEPEST = 50
_PLAIN = re.compile(r"true|false|null|NaN|-?Infinity|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[+-]?(nan|inf|infinity|undefined|none|nil)(\([a-z]*\))?", re.IGNORECASE)
_WORDS = {"True": "true", "False": "false"}
_ODD_IN_TEXT = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|(.))|"', re.DOTALL)
_LOST_VALUE = re.compile(r":(?=\s*[,}])")
_LOST_COMMA = re.compile(r",(?=\s*[,}\]])|(?<=[\[{]),")


def _mend_json(text: str) -> str:
    """Bare words as null or as texts, no value as null, escapes that JSON has not and quotes within a text as they
    stand, without comments and without commas that nothing follows.
    """
    text = _TEXT_OR_COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else "", text)
    pieces: list[str] = []
    end = 0
    for token in _TOKEN.finditer(text):
        pieces += _mend_gap(text[end : token.start()]), _mend_token(token[0])
        end = token.end()
    return "".join([*pieces, _mend_gap(text[end:])])


def _mend_gap(gap: str) -> str:
    return gap if len(gap) < 2 else _LOST_COMMA.sub("", _LOST_VALUE.sub(":null", gap))


def _mend_token(token: str) -> str:
    if token.startswith('"'):
        return f'"{_ODD_IN_TEXT.sub(_as_it_stands, token[1:-1])}{token[-1]}' if len(token) > 1 else token
    if _PLAIN.fullmatch(token):
        return token
    if _NO_NUMBER.fullmatch(token):
        return "null"
    return _WORDS.get(token) or json.dumps(token)


def _without_the_depths(text: str) -> str:
    """Whatever is nested deeper than makes sense as null."""
    pieces: list[str] = []
    depth = end = 0
    for found in _TEXT_OR_BRACKET.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == _DEEPEST:
                pieces.append(f"{text[end : found.start()]}null")
        elif found[0] in ("]", "}"):
            depth -= 1
            end = found.end() if depth == _DEEPEST - 1 else end
    return "".join([*pieces, text[end:]]) if depth < _DEEPEST else text


def _as_it_stands(odd: re.Match[str]) -> str:
    known, unknown = odd.groups()
    return odd[0] if known else f"\\\\{unknown}" if unknown else '\\"'


# XML


def xml_in(content: bytes, content_type: str = "") -> Element:
    """The root of an XML document without a type of its own. Raises ParseError, ValueError or RecursionError."""
    if content.count(b"<") > 2 * MAX_ELEMENTS:  # each element has one or two
        raise ValueError("more elements than make sense")
    try:
        return _root(content)
    except (ParseError, LookupError):
        return _root(_mend_xml(text_in(content, _declaration(content) or content_type)))


def _root(content: str | bytes) -> Element:
    root: Element = ElementTree.fromstring(content, forbid_dtd=True)
    return root


_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{1,40})""")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>")
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_AMPERSAND = re.compile(r"&(?:#(?:([0-9]{1,7})|[xX]([0-9a-fA-F]{1,6}));|([A-Za-z][A-Za-z0-9]{1,31});)?")
_NO_TAG = re.compile(r"<(?![A-Za-z_:/!?])")
_OF_XML = frozenset({"amp", "lt", "gt", "quot", "apos"})
_NO_CHARACTER = "\ufffd"


def _declaration(content: bytes) -> str:
    found = _ENCODING.match(content)
    return f"charset={found[1].decode('ascii')}" if found else ""


def _mend_xml(text: str) -> str:
    """Without characters that XML has not, and with what begins neither a reference nor a tag as itself."""
    plain = _DECLARATION.sub("", text.removeprefix("\ufeff"), count=1)
    first, *others = _NOT_IN_XML.sub(_NO_CHARACTER, plain).split("<![CDATA[")
    pieces = [_mend_markup(first)]
    for each in others:
        inside, end, after = each.partition("]]>")
        pieces += ["<![CDATA[", inside, end, _mend_markup(after)]
    return "".join(pieces)


def _mend_markup(text: str) -> str:
    return _NO_TAG.sub("&lt;", _AMPERSAND.sub(_mend_reference, text))


def _mend_reference(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    if decimal or hexadecimal:
        number = int(decimal) if decimal else int(hexadecimal, 16)
        is_one = number <= 0x10FFFF and not _NOT_IN_XML.match(chr(number))
        return found[0].replace("X", "x") if is_one else _NO_CHARACTER
    if name in _OF_XML:
        return found[0]
    known = html.unescape(found[0]) if name else ""
    return f"&#{ord(known)};" if len(known) == 1 else f"&amp;{found[0][1:]}"
