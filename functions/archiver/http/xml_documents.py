"""XML read as far as it can be: strictly first, and mended only where that fails. Loaded by who meets XML."""

from __future__ import annotations

import html
import re
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree

from functions.archiver.http.documents import text_in

MAX_ELEMENTS = 200_000
"""Elements of an XML document; each takes some 300 bytes of memory."""


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
