"""URLs from outside: ids, which must not leave their path, and links, which are read as a browser reads them."""

from __future__ import annotations

import re
from urllib.parse import quote

from urllib3.util import parse_url

LONGEST_URL = 16_384
"""Signed links hold session tokens of some thousand characters."""

PORTS = {"http": 80, "https": 443}
"""Where a URL names none."""

_AUTHORITY = re.compile(r"([a-z][a-z0-9+.-]*:)?//[^/?#\\]*", re.IGNORECASE)
_ODD = re.compile(r"[ ]|[^\x00-\x7f]")


def segment(id_: str) -> str:
    """An id as one segment of a path: percent-encoded, the dots of `.` and `..` too, so that it stays where it is."""
    return id_.replace(".", "%2E") if id_ in (".", "..") else quote(id_, safe="")


def link_of(text: str) -> str:
    """A link with its raw blanks and its raw letters beyond ASCII percent-encoded as UTF-8, and its host as DNS has it.

    Raises ValueError for a host that is none.
    """
    return _link_of(text, "utf-8")


def location_of(header: str) -> str:
    """The same of a Location header, which comes as bytes that the parser takes for Latin-1. Raises ValueError."""
    try:
        return _link_of(header.encode("latin-1").decode(), "utf-8")
    except UnicodeError:
        return _link_of(header, "latin-1")


def _link_of(text: str, charset: str) -> str:
    text = text.strip(" ")
    authority = found[0] if (found := _AUTHORITY.match(text)) else ""
    rest = _ODD.sub(lambda odd: quote(odd[0], encoding=charset, errors="replace"), text[len(authority) :])
    return (authority if authority.isascii() else _in_ascii(authority)) + rest


def _in_ascii(authority: str) -> str:
    parts = parse_url(authority)
    return parts._replace(path=None, query=None, fragment=None).url


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, to be compared; empty for what is none."""
    try:
        parts = parse_url(url)
    except ValueError:
        return ""
    port = parts.port or PORTS.get(parts.scheme or "")
    return f"{parts.scheme}://{(parts.host or '').lower()}:{port}" if parts.scheme and parts.host else ""
