"""What an HTTP exchange brings: a small answer that is read whole, or a body that is read piece by piece.

Everything in it was written by somebody else: sizes are bounded, and nonsense is an outcome rather than a crash.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Literal
from xml.etree.ElementTree import Element, ParseError

import requests
from defusedxml import ElementTree
from urllib3.exceptions import HTTPError

from functions.archiver.errors import Rejected, TooLong, Unavailable
from functions.archiver.recording import Json

Of = Literal["source", "recording"]

ANSWER_BYTES = 16 * 1024 * 1024
_SECONDS = re.compile(r"[0-9]{1,100}(\.[0-9]{1,9})?")
_READ_BYTES = 256 * 1024
_PIECE_BYTES = 64 * 1024


def problem(of: Of, reason: str) -> Unavailable | Rejected:
    """The outcome for nonsense: of the source when it was asked for itself, else of the recording."""
    return Rejected(reason) if of == "recording" else Unavailable(reason)


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
        """The content as JSON. NaN and Infinity are refused; what UTF-8 cannot hold becomes a question mark."""
        try:
            value: Json = json.loads(self.content, parse_constant=_refused, parse_float=_finite)
            if b"\\ud" in self.content.lower():
                value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise self._nonsense("JSON") from None
        return value

    def xml(self) -> Element:
        """The root of the content as XML. A document type or an entity of its own is refused."""
        try:
            root: Element = ElementTree.fromstring(self.content, forbid_dtd=True)
        except (ParseError, ValueError, LookupError, RecursionError):
            raise self._nonsense("XML") from None
        return root

    def text(self) -> str:
        """The content as UTF-8; bytes that are none become replacement characters."""
        return self.content.decode("utf-8", "replace")

    def _nonsense(self, wanted: str) -> Unavailable | Rejected:
        return problem(self.of, f"the {self.kind} request was answered with {self._found(wanted)}")

    def _found(self, wanted: str) -> str:
        start = self.content[:512].lstrip().lower()
        if not start:
            return f"nothing where {wanted} was expected"
        if start.startswith((b"<!doctype html", b"<html")):
            return f"HTML where {wanted} was expected"
        return f"something that is not valid {wanted}"


def _refused(constant: str) -> float:
    raise ValueError("JSON has no such number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text)


class Body:
    """A body that is still on the wire. `length` is its Content-Length in bytes, None where it gives none.

    `framed` tells that chunked framing marks its end, which then proves it complete.
    """

    def __init__(
        self, response: requests.Response, *, kind: str, of: Of, seconds_left: Callable[[], float] | None
    ) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self.content_type: str | None = media_type or None
        self.framed: bool = response.headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
        self.length: int | None = response.raw.length_remaining
        self._raw = response.raw
        self._kind = kind
        self._of = of
        self._seconds_left = seconds_left
        self._received = 0
        self._peeked = b""

    def peek(self) -> bytes:
        """The first bytes, some 64 KiB at most, which stay to be read; empty for an empty body. Raises as `chunks`."""
        self._peeked = self._peeked or self._next(_PIECE_BYTES)
        return self._peeked

    def chunks(self) -> Iterator[bytes]:
        """The bytes in pieces of about 64 KiB, the last one shorter. Can be read once.

        Raises Unavailable when the body ends early or stalls, and Rejected when the invocation's time is up.
        """
        piece = bytearray(self._peeked)
        self._peeked = b""
        while data := self._next():
            piece += data
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
        if piece:
            yield bytes(piece)

    def read(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes of it; a longer one is nonsense."""
        content = bytearray()
        for chunk in self.chunks():
            content += chunk
            if len(content) > limit:
                raise problem(self._of, f"the {self._kind} request was answered with more than {limit} bytes")
        return bytes(content)

    def answer(self, limit: int = ANSWER_BYTES) -> Answer:
        """The body as an answer read whole, for a handled status that brings a document in place of audio."""
        return Answer(
            kind=self._kind,
            of=self._of,
            status=self.status,
            headers=self.headers,
            content=self.read(limit),
            content_type=self.content_type,
        )

    def _next(self, most: int = _READ_BYTES) -> bytes:
        if self._seconds_left is not None and self._seconds_left() <= 0:
            raise time_is_up(self._of)
        try:
            # urllib3 and the standard library raise when less comes than Content-Length or the framing promised.
            data: bytes = self._raw.read1(most, decode_content=False)
        except (HTTPError, HTTPException, OSError, ValueError):
            raise self._broken() from None
        self._received += len(data)
        return data

    def _broken(self) -> Unavailable | TooLong:
        if self._seconds_left is not None and self._seconds_left() <= 0:
            return time_is_up(self._of)
        promised = "" if self.length is None else f" of {self.length}"
        return Unavailable(f"the body ended after {self._received}{promised} bytes")


def time_is_up(of: Of) -> Unavailable | TooLong:
    """The outcome when the invocation has no time left."""
    reason = "could not be fetched within the invocation's time limit"
    return TooLong(reason) if of == "recording" else Unavailable(reason)


def seconds_of(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After header in either of its forms; None for none or nonsense."""
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if seconds > 0 else None
