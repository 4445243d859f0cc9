"""Content codings: undone where they were applied, whatever was asked for, and never believed by their label alone.

Servers send gzip although identity was asked for, and label as coded what is plain (`aws-chunked`, a charset).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

MAX_RATIO = 100
"""A body may unpack to so many times the bytes that came, above `FREE_BYTES`."""

FREE_BYTES = 64 * 1024 * 1024
_GZIP = b"\x1f\x8b\x08"
_GZIP_BITS = zlib.MAX_WBITS | 16
_DEFLATE_BITS = (zlib.MAX_WBITS, -zlib.MAX_WBITS)
"""As the standard says, and without the zlib header, as many send it."""

_OF_DOCUMENTS = (b"{", b"[", b"<", b'"')
_PIECE_BYTES = 256 * 1024


class Broken(Exception):
    """A coded body that ends early, is not coded as it began, or unpacks into too much. The text says which."""


class Undoing:
    """Undoes gzip or deflate piece by piece, in bounded memory. `name` is the coding's."""

    def __init__(self, bits: int) -> None:
        self.name = "gzip" if bits == _GZIP_BITS else "deflate"
        self._bits = bits
        self._unzip = zlib.decompressobj(bits)
        self._taken = self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpacks `data` into pieces of at most 256 KiB. Raises Broken."""
        self._taken += len(data)
        while data:
            if self._unzip.eof:
                if not self._begins_again(data):
                    return
                self._unzip = zlib.decompressobj(self._bits)
            try:
                piece = self._unzip.decompress(data, _PIECE_BYTES)
            except zlib.error:
                raise Broken(f"its {self.name} coding is damaged") from None
            data = self._unzip.unused_data if self._unzip.eof else self._unzip.unconsumed_tail
            yield from self._counted(piece)

    def end(self) -> None:
        """Nothing more comes. Raises Broken when the coding has not come to its own end, checksum included."""
        if not self._unzip.eof:
            raise Broken(f"its {self.name} coding ends early")

    def _begins_again(self, data: bytes) -> bool:
        """gzip may come in several members, and with padding behind them; deflate with nothing."""
        if not data.strip(b"\0"):
            return False
        if self._bits == _GZIP_BITS and data.startswith(_GZIP[: len(data)]):
            return True
        raise Broken(f"something follows its {self.name} coding")

    def _counted(self, piece: bytes) -> Iterator[bytes]:
        self._given += len(piece)
        if self._given > self._taken * MAX_RATIO + FREE_BYTES:
            raise Broken("it unpacks to far more than its own size explains")
        if piece:
            yield piece


def declared(headers: Mapping[str, str]) -> list[str]:
    """The codings that Content-Encoding names, in lower case; identity and nothing left out."""
    named = (each.strip().lower() for each in headers.get("Content-Encoding", "").split(","))
    return [each for each in named if each not in ("", "identity")]


def undoing_of(start: bytes, headers: Mapping[str, str]) -> Undoing | None:
    """The decoder for a body that begins with `start`; None where it is not encoded.

    Only a declared coding counts, and only where the first bytes can be undone.
    """
    names = declared(headers)
    if {"gzip", "x-gzip"} & set(names) and start.startswith(_GZIP):
        return Undoing(_GZIP_BITS)
    if "deflate" in names and start.lstrip()[:1] not in _OF_DOCUMENTS:
        return next((Undoing(bits) for bits in _DEFLATE_BITS if _can_begin(start, bits)), None)
    return None


def undone(content: bytes, headers: Mapping[str, str], limit: int) -> bytes:
    """A small document without its coding; as it came where it has none. Raises Broken above `limit` bytes.

    No document begins with the magic of gzip, so that needs no label.
    """
    undoing = Undoing(_GZIP_BITS) if content.startswith(_GZIP) else undoing_of(content, headers)
    if undoing is None:
        return content
    plain = bytearray()
    for piece in undoing.feed(content):
        plain += piece
        if len(plain) > limit:
            raise Broken(f"it unpacks to more than {limit} bytes")
    undoing.end()
    return bytes(plain)


def _can_begin(start: bytes, bits: int) -> bool:
    """Whether `start` unpacks without an error: plain audio or text practically never does for long."""
    unzip = zlib.decompressobj(bits)
    try:
        return bool(unzip.decompress(start, _PIECE_BYTES)) and not unzip.unused_data
    except zlib.error:
        return False
