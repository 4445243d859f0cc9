"""Faults on demand: what is to go wrong, where, how often; and how an answer looks after it went wrong."""

from __future__ import annotations

import gzip
import json
import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Literal

from simulators.audio import Audio

LIST_KINDS = frozenset({"empty_list", "repeat_row", "vanish_row", "new_row", "endless"})
ANY_KINDS = frozenset(
    {
        "status",  # `value` is the status, 500 by default; `retry_after` in seconds adds that header
        "hang",  # no answer for `value` seconds, or until the simulator stops
        "slow",  # the body takes `value` seconds
        "reset",  # half of the body, then a TCP reset
        "early_end",  # half of the body under the full Content-Length, then a close
        "html",  # 200 with a sign-in page
        "json",  # 200 with a JSON message
        "bare_header",  # 200 with an audio header and no sound behind it
        "wrong_length",  # a Content-Length of half the body
        "no_length",  # no Content-Length, complete, ended by a close
        "cut_no_length",  # no Content-Length, half of the body, ended by a close
        "chunked",  # chunked, complete
        "cut_chunked",  # chunked, closed before the last chunk
        "gzip",  # Content-Encoding: gzip, asked for or not
        "redirect",  # 302 to the same path on another origin
        "huge",  # the body followed by white space up to `value` bytes, 64 MiB by default
        "deep",  # 100 000 levels of nesting
        "entity_bomb",  # XML whose entities grow to 3 GB
    }
)
KINDS = ANY_KINDS | LIST_KINDS


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. `kind` is one of KINDS.

    `where`: the kind of request it strikes ("list", "media", "token", "lookup", "delete", …); by default "list" for
    what only a list can do, else "media". `recording_id` restricts it to one recording. It strikes `times` requests
    (None: for ever) after letting `skip` of them through.
    """

    kind: str
    _: KW_ONLY
    where: str = ""
    recording_id: str | None = None
    times: int | None = 1
    skip: int = 0
    value: float | None = None
    retry_after: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}: allowed are {', '.join(sorted(KINDS))}")
        if not self.where:
            object.__setattr__(self, "where", "list" if self.kind in LIST_KINDS else "media")


def parse(text: str) -> Fault:
    """A fault from the command line: `kind,where=list,times=3,value=503`; `times=ever` is for ever."""
    kind, *pairs = text.split(",")
    given = dict(pair.split("=", 1) for pair in pairs)
    unknown = given.keys() - {"where", "recording_id", "times", "skip", "value", "retry_after"}
    if unknown:
        raise ValueError(f"unknown fault setting {', '.join(sorted(unknown))}")
    return Fault(
        kind,
        where=given.get("where", ""),
        recording_id=given.get("recording_id"),
        times=None if given.get("times") == "ever" else int(given.get("times", "1")),
        skip=int(given.get("skip", "0")),
        value=float(given["value"]) if "value" in given else None,
        retry_after=int(given["retry_after"]) if "retry_after" in given else None,
    )


class Faults:
    """The faults still to come. The first that fits a request strikes it; a list may be changed while running."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._planned: list[tuple[Fault, float, int]] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Plans one more fault."""
        with self._lock:
            self._planned.append((fault, math.inf if fault.times is None else fault.times, fault.skip))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._planned.clear()

    def take(self, kind: str, recording_id: str | None) -> Fault | None:
        """The fault that strikes this request, if any; counts it."""
        with self._lock:
            for index, (fault, left, skip) in enumerate(self._planned):
                if fault.where != kind or fault.recording_id not in (None, recording_id) or left <= 0:
                    continue
                if skip:
                    self._planned[index] = (fault, left, skip - 1)
                    continue
                self._planned[index] = (fault, left - 1, 0)
                return fault
        return None


Framing = Literal["length", "chunked", "close"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer. `declared` overrides the Content-Length; `cut_at` stops the body after so many bytes."""

    status: int = 200
    body: bytes | Audio = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    framing: Framing = "length"
    declared: int | None = None
    cut_at: int | None = None
    reset: bool = False
    padded_to: int = 0
    wait_first: float = 0.0
    spread_over: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        length = self.body.size if isinstance(self.body, Audio) else len(self.body)
        return max(length, self.padded_to)

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces."""
        if isinstance(self.body, Audio):
            yield from self.body.chunks()
            length = self.body.size
        else:
            yield from (self.body[at : at + 65_536] for at in range(0, len(self.body), 65_536))
            length = len(self.body)
        for left in range(self.padded_to - length, 0, -65_536):
            yield b" " * min(left, 65_536)


def json_answer(document: object, status: int = 200) -> Answer:
    """`document` as JSON."""
    return Answer(status=status, body=json.dumps(document).encode())


SIGN_IN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
ENTITY_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(8))
    + b"]><response><result>&i;</result></response>"
)
_DEPTH = 100_000


def _nested(answer: Answer) -> Answer:
    if "xml" in answer.content_type:
        return replace(answer, body=b"<a>" * _DEPTH + b"</a>" * _DEPTH)
    return replace(answer, body=b'{"items":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}")


def _all(body: bytes | Audio) -> bytes:
    return body.read() if isinstance(body, Audio) else body


def spoil(fault: Fault, answer: Answer, elsewhere: str) -> Answer:
    """`answer` after `fault` struck it; `elsewhere` is the same path on the other origin."""
    half = answer.size // 2 | 1  # an odd number of bytes never ends on a sample or a frame
    header = answer.body.header() if isinstance(answer.body, Audio) else b""
    changes: dict[str, Answer] = {
        "hang": replace(answer, wait_first=math.inf if fault.value is None else fault.value),
        "slow": replace(answer, spread_over=1.0 if fault.value is None else fault.value),
        "reset": replace(answer, cut_at=half, reset=True),
        "early_end": replace(answer, cut_at=half),
        "html": Answer(body=SIGN_IN_PAGE, content_type="text/html; charset=utf-8"),
        "json": json_answer({"message": "The service is busy, please come back later"}),
        "bare_header": replace(answer, body=header),
        "wrong_length": replace(answer, declared=half),
        "no_length": replace(answer, framing="close"),
        "cut_no_length": replace(answer, framing="close", cut_at=half),
        "chunked": replace(answer, framing="chunked"),
        "cut_chunked": replace(answer, framing="chunked", cut_at=half),
        "redirect": Answer(status=302, headers={"Location": elsewhere}),
        "huge": replace(answer, padded_to=int(fault.value or 64 * 2**20)),
        "entity_bomb": Answer(body=ENTITY_BOMB, content_type="text/xml"),
    }
    if fault.kind == "gzip":
        body = gzip.compress(_all(answer.body), mtime=0)
        return replace(answer, body=body, headers={**answer.headers, "Content-Encoding": "gzip"})
    if fault.kind == "deep":
        return _nested(answer)
    return changes.get(fault.kind, answer)
