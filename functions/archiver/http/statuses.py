"""From the status of an answer to the next move. Pure: from the head of an answer to an outcome, or to none."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Literal

from functions.archiver.errors import (
    TOO_SLOW,
    Busy,
    Gone,
    NotFound,
    Outcome,
    Rejected,
    Throttled,
    TooLong,
    Unauthorized,
    Unavailable,
)
from functions.archiver.http.waits import wait_after_refusal
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.provider.declaration import LimitHeaders

Of = Literal["source", "recording"]

_RANGE = re.compile(r"bytes[\s=]\s*([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The head of an answer, and of whom it was asked.

    `host` is fit to be quoted. `trusted` as long as every hop stayed where the credentials may go; `own` where the
    request counts in the source's pace. `limits`: how the provider speaks of its limits. `ranged` where a part was
    asked for. `handles` are statuses that the caller takes.
    """

    kind: str
    of: Of
    host: str
    trusted: bool
    own: bool
    limits: LimitHeaders
    ranged: bool
    handles: Collection[int]
    status: int
    headers: Mapping[str, str] = field(repr=False)


def outcome_of(head: Head) -> Outcome | None:
    """The outcome of a failure; None where the body is what was asked for, or the caller handles the status."""
    if not 200 <= head.status < 300 and head.status not in head.handles:
        return _refusal(head)
    framing = head.headers.get("Transfer-Encoding", "chunked")
    if framing != "chunked":  # the parser leaves no other spelling of what it understood
        return problem(head.of, f"the {head.kind} request was answered in a transfer encoding that is not understood")
    if head.status == 206 and 206 not in head.handles and not head.ranged and _is_a_part(head.headers):
        return problem(head.of, f"the {head.kind} request was answered with a part of the whole (206)")
    return None


def whole_size(headers: Mapping[str, str]) -> int | None:
    """The size in bytes of a 206 that says that it brings everything; None where it does not say so."""
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    return None if not found or found[3] == "*" or _is_a_part(headers) else int(found[3])


def _is_a_part(headers: Mapping[str, str]) -> bool:
    """Whether a 206 says that it brings less than everything, or contradicts itself. Many say nothing of it."""
    if headers.get("Content-Type", "").lower().startswith("multipart/"):
        return True
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if not found:
        return False
    size = str(int(found[2]) + 1)
    return int(found[1]) > 0 or found[3] not in (size, "*") or headers.get("Content-Length", size).strip() != size


def _refusal(head: Head) -> Outcome:
    status = head.status
    reason = f"the {head.kind} request to {head.host} was answered with {status}"
    limits = head.limits if head.own or head.trusted else LimitHeaders()  # another host speaks for itself
    if status in limits.too_fast or (status == 503 and head.headers.get("Retry-After")):
        seconds = wait_after_refusal(head.headers, limits)
        if head.of == "recording" and not head.own:
            return Busy(reason, retry_after=seconds)
        return Throttled(reason, retry_after=seconds)
    if status in (408, 425) or status >= 500:
        return trouble(head.of, reason, own=head.own)
    if head.trusted and (status == 401 or (status == 403 and head.of == "source")):
        return Unauthorized(reason)
    if head.of == "recording" and status in (404, 410):
        return NotFound(reason) if status == 404 else Gone(reason)
    return problem(head.of, reason)


def problem(of: Of, reason: str) -> Unavailable | Rejected:
    """The outcome for nonsense: of the source when it was asked for itself, else of the recording."""
    return Rejected(reason) if of == "recording" else Unavailable(reason)


def trouble(of: Of, reason: str, *, own: bool) -> Unavailable | Busy:
    """The outcome when a host does not work: another one's than the source's own is that recording's alone."""
    return Unavailable(reason) if own or of == "source" else Busy(reason)


def time_is_up(of: Of) -> Unavailable | TooLong:
    """The outcome when the invocation has no time left."""
    return TooLong(TOO_SLOW) if of == "recording" else Unavailable(TOO_SLOW)
