"""How the head and the framing of an answer are read off the wire, with the leniency that other clients have.

The standard library takes the first status that is not 100 for the answer, reads `chunked` only in its plainest
spelling, ends the headers at a line that is none, and reads trailers for as long as they come. And it reads headers
like those of a mail, which takes ten times as long.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from http.client import HTTPException, HTTPResponse, IncompleteRead, LineTooLong, UnknownProtocol
from typing import IO

from urllib3 import HTTPHeaderDict

MAX_INFORMATIONAL = 20
"""Answers before the answer: 100 Continue, 102 Processing, 103 Early Hints."""

_SWITCHING_PROTOCOLS = 101
_MAX_LINE = 65_536
_MAX_HEADERS = 100
_MAX_LENGTH_DIGITS = 1000  # int() refuses some thousand
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(.*)", re.DOTALL)
_BREAKS = str.maketrans("\r\n\0", "   ")
_HEX = re.compile(rb"[0-9a-fA-F]{1,16}")
_NO_BODY = frozenset({_SWITCHING_PROTOCOLS, 204, 304})


class WireResponse(HTTPResponse):
    """The standard library's response. Its header `Transfer-Encoding` is `chunked` exactly where it reads chunks.

    A transfer encoding that was not understood stays in the headers as it came, for the caller to refuse. `headers`
    ignore case; several of a name are joined by commas.
    """

    headers: HTTPHeaderDict  # type: ignore[assignment]  # in place of the standard library's mail

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None):
        super().__init__(sock, debuglevel, method, url)
        self._socket = sock

    def begin(self) -> None:
        """Reads the head. Raises HTTPException for what is none."""
        version, self.status, reason = self._read_status()
        if not version.startswith(("HTTP/1.", "HTTP/0.9")):
            raise UnknownProtocol(version)
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.code, self.reason = self.status, reason.strip()
        self.headers = _headers(self.fp)
        self._frame()

    def take_into(self, room: memoryview) -> int:
        """The next bytes of a body with a Content-Length, as many as one read brings; 0 at its end, early or not."""
        if self.isclosed():
            return 0
        assert self.length is not None
        taken: int = self.fp.readinto1(room[: self.length])
        self.length -= taken
        if not taken or not self.length:
            self._close_conn()  # type: ignore[attr-defined]  # as the standard library's own reads do at the end
        return taken

    def end(self) -> None:
        """Closes a body of which nothing is left to be read, which the standard library does with the read after it."""
        if self.length == 0 and not self.isclosed():
            self._close_conn()  # type: ignore[attr-defined]  # not in the type stubs

    def cut(self) -> None:
        """Ends whatever read is under way, from another thread."""
        with suppress(OSError):  # it may have come to its end in the meantime
            self._socket.shutdown(socket.SHUT_RDWR)

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MAX_INFORMATIONAL + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in the type stubs
            if not 100 <= status < 200 or status == _SWITCHING_PROTOCOLS:
                return version, status, reason
            _headers(self.fp)
        raise HTTPException("more informational answers than make sense")

    def _frame(self) -> None:
        """Where the body ends."""
        named = self.headers.get("Transfer-Encoding", "")
        codings = {each for each in map(_coding, named.split(",")) if each not in ("", "identity")}
        chunked = codings == {"chunked"}
        if chunked:
            self.headers["Transfer-Encoding"] = "chunked"
        elif not codings:
            self.headers.discard("Transfer-Encoding")
        empty = self.status in _NO_BODY or self._method == "HEAD"  # type: ignore[attr-defined]  # not in the type stubs
        self.chunked, self.chunk_left = chunked and not empty, None
        self.length = 0 if empty else None if codings else _length(self.headers)
        must_close: bool = self._check_close()  # type: ignore[attr-defined]  # not in the type stubs
        self.will_close = must_close or not (self.chunked or self.length is not None)

    def _read_next_chunk_size(self) -> int:
        line = self.fp.readline(_MAX_LINE + 1)
        if not line:
            raise IncompleteRead(b"")
        size = line.partition(b";")[0].strip()
        if len(line) > _MAX_LINE or not _HEX.fullmatch(size):  # int() would take signs and underscores
            raise HTTPException("a chunk without a size")
        return int(size, 16)

    def _read_and_discard_trailer(self) -> None:
        """The last chunk has ended the body: nothing is read for trailers, but the blank line where there are none."""
        if self.fp.readline(_MAX_LINE + 1) not in (b"\r\n", b"\n", b""):
            self.cut()  # so that it is found dead and nothing takes the trailers for an answer


def _coding(text: str) -> str:
    return text.partition(";")[0].strip(" \t\r\n\"'").lower()


def _length(headers: HTTPHeaderDict) -> int | None:
    """The Content-Length, where all that are given agree. Raises HTTPException where they do not."""
    given = {each.strip() for each in headers.get("Content-Length", "").split(",")}
    sizes = {int(each) for each in given if each.isascii() and each.isdigit() and len(each) <= _MAX_LENGTH_DIGITS}
    if len(sizes) > 1:
        raise HTTPException("contradicting lengths")
    return sizes.pop() if len(sizes) == len(given) == 1 else None


def _headers(file: IO[bytes]) -> HTTPHeaderDict:
    """The headers up to the blank line. One that is none hides no other, and one may go on in the next line."""
    headers, name, value = HTTPHeaderDict(), "", ""
    for _ in range(_MAX_HEADERS + 1):
        line = file.readline(_MAX_LINE + 1)
        if len(line) > _MAX_LINE:
            raise LineTooLong("header line")
        goes_on = line.startswith((b" ", b"\t")) and line.strip()
        if name and not goes_on:
            headers.add(name, value)
        if line in (b"\r\n", b"\n", b""):
            return headers
        if goes_on:
            value = f"{value} {_text(line)}".lstrip()
        elif found := _HEADER.fullmatch(line):
            name, value = found[1].decode("ascii"), _text(found[2])
        else:
            name = ""
    raise HTTPException("more headers than make sense")


def _text(raw: bytes) -> str:
    """A header's value: a line break or a zero within it is a blank."""
    return raw.strip(b" \t\r\n").decode("latin-1").translate(_BREAKS)
