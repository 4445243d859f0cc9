"""Results of an HTTP exchange: a small answer that is read whole, or a body that is read piece by piece.

Everything in it was written by somebody else: sizes are bounded, and nonsense is an outcome rather than a crash.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field
from http.client import HTTPException, IncompleteRead
from typing import TYPE_CHECKING

from functions.archiver.errors import Busy, EndedEarly, Rejected, TooLarge, TooLong, Unavailable
from functions.archiver.http.codings import Broken, declared, undoing_of, undone
from functions.archiver.http.connections import Response
from functions.archiver.http.documents import json_in, text_in
from functions.archiver.http.statuses import Of, problem, time_is_up, trouble, whole_size
from functions.archiver.http.watch import WATCH
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Json

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ANSWER_BYTES = 4 * 1024 * 1024
"""Of a document, unpacked. As JSON or XML it takes up to thirty times as much memory; a downloader has 200 MB."""

_READ_BYTES = 256 * 1024
_ROOM_BYTES = 1024 * 1024  # taken by one read into a room: fewer reads, fewer turns of threads
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer that was read whole. `headers` ignore case; `content_type` is lower case, without parameters.

    `kind` and `of` are those of the call; they word and class the outcome when the content is nonsense.
    """

    kind: str
    of: Of
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    content_type: str | None

    def json(self) -> Json:
        """The content as JSON, mended as far as it can be. Numbers that JSON has not, or no float holds, are None."""
        try:
            return json_in(self.content, self.headers.get("Content-Type", ""))
        except (ValueError, RecursionError):
            raise self._nonsense("JSON") from None

    def document(self) -> Mapping[str, Json]:
        """The content where it is a JSON object, else an empty one: an error may come from in front of the API."""
        with suppress(Unavailable, Rejected):
            document = self.json()
            return document if isinstance(document, Mapping) else {}
        return {}

    def done(self) -> None:
        """Raises Rejected, or Unavailable, for content that is no JSON: a page says that nothing was done."""
        if self.content.strip():
            self.json()

    def xml(self) -> Element:
        """The root of the content as XML, mended as far as it can be. A document type of its own is refused."""
        from xml.etree.ElementTree import ParseError  # here, for few sources speak XML

        from functions.archiver.http.xml_documents import xml_in

        try:
            return xml_in(self.content, self.headers.get("Content-Type", ""))
        except (ParseError, ValueError, RecursionError):
            raise self._nonsense("XML") from None

    def text(self) -> str:
        """The content as text, with odd bytes in it as Windows-1252 has them."""
        return text_in(self.content, self.headers.get("Content-Type", ""))

    def _nonsense(self, wanted: str) -> Unavailable | Rejected:
        return problem(self.of, f"the {self.kind} request was answered with {self._found(wanted)}")

    def _found(self, wanted: str) -> str:
        start = self.content[:512].lstrip().lower()
        if not start:
            return f"nothing where {wanted} was expected"
        if start.startswith((b"<!doctype html", b"<html")):
            return f"HTML where {wanted} was expected"
        if {"br", "zstd", "compress"} & set(declared(self.headers)):
            return f"an encoding that cannot be undone where {wanted} was expected, though identity was asked for"
        return f"something that is not valid {wanted}"


class Body:
    """A body that is still on the wire. `length` is its Content-Length in bytes, None where nothing gives one.

    `framed` tells that its end is marked, by chunks or by a coding of its own, which then proves it complete.
    `partial` tells of a 206 that does not say that it brings everything.
    `undone` names a content coding that was undone although identity was asked for, None where bytes come as sent.
    `own` tells that it comes from the source's own host.
    """

    def __init__(
        self, response: Response, *, kind: str, of: Of, own: bool = True, seconds_left: Callable[[], float] | None
    ) -> None:
        self.status = response.status
        self.headers = response.headers
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self.content_type: str | None = media_type or None
        self.length = response.wire.length
        self.partial: bool = self.status == 206 and whole_size(response.headers) is None
        if self.status == 206 and self.length is None:
            self.length = whole_size(response.headers)
        self._promised = self.length
        self._wire = response.wire
        self._kind = kind
        self._of = of
        self._own = own
        self._seconds_left = seconds_left
        self._taken_as_sent = not self._wire.chunked and self.length is not None
        self._received = 0
        self._left = memoryview(b"")
        self._early: EndedEarly | None = None
        self._peeked = self._start = b""
        self._undoing = None
        self._undoing = undoing_of(self._peek_raw(), self.headers) if declared(self.headers) else None
        self.framed: bool = self._wire.chunked or self._undoing is not None
        self.undone: str | None = None
        if self._undoing is not None:
            self._taken_as_sent = False
            self.length, self.undone = None, self._undoing.name
        self._pieces = self._unpacked()

    def peek(self) -> bytes:
        """The first bytes, some 256 KiB at most, which stay to be read; empty for an empty body. Raises as `chunks`."""
        self._peeked = self._peeked or next(self._pieces, b"")
        return self._peeked

    def chunks(self) -> Iterator[bytes]:
        """The bytes in pieces of about 64 KiB, the last one shorter. Can be read once.

        Raises EndedEarly behind the last byte of a body that ends early, Unavailable or Busy when it breaks or stalls,
        and TooLong when the invocation's time is up.
        """
        piece = bytearray(self._peeked)
        self._peeked = b""
        early = None
        try:
            for data in self._pieces:
                piece += data
                if len(piece) >= _PIECE_BYTES:
                    yield bytes(piece)
                    piece.clear()
        except EndedEarly as ended:
            early = ended
        if piece:
            yield bytes(piece)
        if early:
            raise early

    def readinto(self, room: memoryview) -> int:
        """Puts the next bytes into `room`, some 64 KiB of them or what fits; 0 at the end. Raises as `chunks`."""
        most, filled = min(len(room), _ROOM_BYTES), 0
        while filled < min(most, _PIECE_BYTES):
            size = self._some_or_end(room[filled:most])
            if not size:
                break
            filled += size
        if self._early and not filled:
            raise self._early
        return filled

    def read(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes of it; a longer one is nonsense."""
        content = bytearray()
        for chunk in self.chunks():
            content += chunk
            if len(content) > limit:
                reason = f"the {self._kind} request was answered with more than {limit} bytes"
                raise Rejected(reason) if self._of == "recording" else TooLarge(reason)
        return bytes(content)

    def answer(self, limit: int = ANSWER_BYTES) -> Answer:
        """The body as an answer read whole, for a handled status that brings a document in place of audio."""
        try:
            content = undone(self.read(limit), self.headers if self._undoing is None else {}, limit)
        except Broken as broken:
            raise problem(self._of, f"the {self._kind} request was answered badly: {broken}") from None
        return Answer(
            kind=self._kind,
            of=self._of,
            status=self.status,
            headers=self.headers,
            content=content,
            content_type=self.content_type,
        )

    def _some_or_end(self, room: memoryview) -> int:
        """As `_some_into`; an early end waits until what came before it has been taken."""
        try:
            return 0 if self._early else self._some_into(room)
        except EndedEarly as ended:
            self._early = ended
            return 0

    def _some_into(self, room: memoryview) -> int:
        if not self._left:
            if self._taken_as_sent and not self._start and not self._peeked:
                return self._taken_into(room)
            self._left, self._peeked = memoryview(self._peeked or next(self._pieces, b"")), b""
        size = min(len(room), len(self._left))
        room[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

    def _taken_into(self, room: memoryview) -> int:
        """As much as makes a piece: over TLS each read brings a record of 16 KiB at the most."""
        wanted, filled = min(len(room), _PIECE_BYTES), 0
        with self._trouble_named():
            while filled < wanted and (size := self._wire.take_into(room[filled:])):
                self._received += size
                filled += size
        return filled or self._counted(0)

    def _peek_raw(self) -> bytes:
        """Enough of the bytes as sent to see how they are coded, or all of them."""
        start = self._next(_PIECE_BYTES)
        self._start = start
        return start

    def _unpacked(self) -> Iterator[bytes]:
        if self._undoing is None:
            yield from self._sent()
            return
        try:
            for data in self._sent():
                yield from self._undoing.feed(data)
            self._undoing.end()
        except Broken as broken:
            raise trouble(self._of, f"the body ended after {self._received} bytes: {broken}", own=self._own) from None

    def _sent(self) -> Iterator[bytes]:
        start, self._start = self._start, b""
        if start:
            yield start
        while data := self._next():
            yield data

    def _next(self, most: int = _READ_BYTES) -> bytes:
        with self._trouble_named():
            data = self._wire.read1(most)
        self._counted(len(data))
        return data

    @contextmanager
    def _trouble_named(self) -> Iterator[None]:
        if self._is_late():
            raise time_is_up(self._of)
        try:
            yield
        except (HTTPException, OSError, ValueError) as error:
            raise self._broken(in_order=isinstance(error, IncompleteRead)) from None

    def _counted(self, size: int) -> int:
        self._received += size
        if not size and (self._is_late() or self._received < (self._promised or 0)):
            raise self._broken(in_order=True)
        return size

    def _is_late(self) -> bool:
        return self._seconds_left is not None and self._seconds_left() <= 0

    def _broken(self, *, in_order: bool) -> Unavailable | Busy | TooLong:
        if self._is_late():
            return time_is_up(self._of)
        promised = "" if self._promised is None else f" of {self._promised}"
        reason = f"the body ended after {self._received}{promised} bytes"
        if in_order and self._undoing is None:
            elsewhere = self._of == "recording" and not self._own
            return EndedEarly(reason, received_bytes=self._received, promised_bytes=self._promised, elsewhere=elsewhere)
        return trouble(self._of, reason, own=self._own)


@contextmanager
def ended_in_time(response: Response, seconds_left: Callable[[], float] | None) -> Iterator[None]:
    """Cuts the connection when the invocation's time is up: a read that drips for ever comes back from nothing else."""
    left = math.inf if seconds_left is None else seconds_left()
    if math.isinf(left):
        yield
        return
    with WATCH.ringing_in(left, response.wire.cut):
        yield
