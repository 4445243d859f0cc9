"""How the head and the framing of an answer are read off the wire, with the leniency that other clients have.

The standard library takes the first status that is not 100 for the answer, reads `chunked` only in its plainest
spelling, ends the headers at a line that is none, and reads trailers for as long as they come.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead, parse_headers

MAX_INFORMATIONAL = 20
"""Answers before the answer: 100 Continue, 102 Processing, 103 Early Hints."""

_SWITCHING_PROTOCOLS = 101
_MAX_LINE = 65_536
_MAX_LENGTH_DIGITS = 1000  # int() refuses some thousand
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(.*)", re.DOTALL)
_HEX = re.compile(rb"[0-9a-fA-F]{1,16}")
_NO_BODY = frozenset({204, 304})


class WireResponse(HTTPResponse):
    """The standard library's response. Its header `Transfer-Encoding` is `chunked` exactly where it reads chunks.

    A transfer encoding that was not understood stays in the headers as it came, for the caller to refuse.
    """

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None):
        super().__init__(sock, debuglevel, method, url)
        self._socket = sock

    def begin(self) -> None:
        """Reads the head. Raises HTTPException for what is none."""
        super().begin()
        _recover_headers(self.headers)
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
            parse_headers(self.fp)
        raise HTTPException("more informational answers than make sense")

    def _frame(self) -> None:
        """Decides anew where the body ends, from headers that are complete now."""
        if self.status in _NO_BODY or self._method == "HEAD":  # type: ignore[attr-defined]  # not in the type stubs
            return
        named = self.headers.get_all("Transfer-Encoding", [])
        codings = {each for line in named for each in map(_coding, line.split(",")) if each not in ("", "identity")}
        self.chunked = codings == {"chunked"}
        if self.chunked or not codings:
            del self.headers["Transfer-Encoding"]
        if self.chunked:
            self.headers["Transfer-Encoding"] = "chunked"
            self.chunk_left, self.length = None, None
        elif not codings:
            self.length = _length(self.headers)
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


def _length(headers: HTTPMessage) -> int | None:
    """The Content-Length, where all that are given agree. Raises HTTPException where they do not."""
    given = {each.strip() for line in headers.get_all("Content-Length", []) for each in line.split(",")}
    sizes = {int(each) for each in given if each.isascii() and each.isdigit() and len(each) <= _MAX_LENGTH_DIGITS}
    if len(sizes) > 1:
        raise HTTPException("contradicting lengths")
    return sizes.pop() if len(sizes) == len(given) == 1 else None


def _recover_headers(headers: HTTPMessage) -> None:
    """The lines behind one that is no header, which the parser takes for a body: others skip that line alone."""
    rest = headers.get_payload()
    if not headers.defects or not isinstance(rest, str):
        return
    headers.set_payload("")
    for line in rest.split("\n"):
        if found := _HEADER.fullmatch(line.rstrip("\r")):
            headers.add_header(found[1], found[2].strip())
