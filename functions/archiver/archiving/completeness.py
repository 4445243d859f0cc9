"""Whether the bytes that came are audio, and all of it: what the witnesses say, and what follows from it.

There are two kinds of witness. The framing: a Content-Length, chunks that ended properly, the size that the provider
lists. And the format: what its own structure tells. One that says *cut* against the other, and none that says anything,
call for a second fetch; two that agree settle every contradiction, for there is nothing else to be had.

A body that ends early is cut by its framing. Where the format does not say that it is whole nothing contradicts that,
and it is trouble of the way to the source: only a recording's last attempt takes what it gets twice.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Protocol

from functions.archiver.archiving.content_types import contradicts, names_format
from functions.archiver.audio.inspector import Inspector
from functions.archiver.audio.kinds import Audio, Kind, Verdict
from functions.archiver.bucket.upload import UNKNOWN, Upload
from functions.archiver.errors import EndedEarly, Rejected
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Contradiction

KNOWN_BY_BYTES = 64 * 1024
"""Every kind of audio can be recognised within this many bytes."""


class Decision(enum.Enum):
    """The decision about bytes that came."""

    PROVEN = "proven"
    FETCH_AGAIN = "fetch again"  # and take them if the same bytes come
    REJECTED = "rejected"


LISTED_SIZE = "listed size"
"""The name, in a contradiction, of the size that the provider lists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claims:
    """Everything that is said about a body besides the bytes themselves.

    `framed`: its end was marked, by its Content-Length or by its last chunk, and was reached; `early` tells that it was
    not. `partial`: it was sent as a part (206), without a word of which.
    `listed_bytes` and `listed_type` are the provider's own, `sent_type` is that of the answer. `undone` names a
    content coding that nobody had asked for and that was undone.
    """

    framed: bool
    early: EndedEarly | None = None
    partial: bool = False
    sent_type: str | None = None
    undone: str | None = None
    listed_bytes: int | None = None
    listed_type: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """The decision, its reason in a few words, and the claims that the bytes contradict."""

    decision: Decision
    reason: str | None = None
    contradictions: tuple[Contradiction, ...] = ()


def ruling_on(claims: Claims, verdict: Verdict) -> Ruling:
    """The ruling that the witnesses lead to. Only a second fetch can show that unknown bytes are meant."""
    if verdict.kind in (Kind.NO_SOUND, Kind.ERROR_DOCUMENT):
        return Ruling(decision=Decision.REJECTED, reason=verdict.problem)
    against = tuple(_against(claims, verdict))
    contradictions = (*against, *_labels(claims, verdict.audio))
    if verdict.audio is None:
        return Ruling(decision=Decision.FETCH_AGAIN, reason=verdict.problem, contradictions=contradictions)
    if against:
        reason = "; ".join(_sentence(each) for each in against)
        return Ruling(decision=Decision.FETCH_AGAIN, reason=reason, contradictions=contradictions)
    if claims.framed or verdict.complete or _counts(claims, verdict.audio):
        return Ruling(decision=Decision.PROVEN, contradictions=contradictions)
    return Ruling(decision=Decision.FETCH_AGAIN, reason="nothing tells its length", contradictions=contradictions)


def _counts(claims: Claims, audio: Audio | None) -> bool:
    """Whether the listed size is one of these bytes: a provider may list another file than it sends."""
    return (
        claims.listed_bytes is not None
        and audio is not None
        and claims.listed_type is not None
        and names_format(claims.listed_type, audio.content_type)
    )


def _against(claims: Claims, verdict: Verdict) -> Iterable[Contradiction]:
    """The reason why these bytes are incomplete."""
    came = f"{verdict.size_bytes} bytes"
    if claims.early is not None:
        yield early_end(claims.early)
    if claims.partial:
        yield Contradiction(what="status", claimed="206, a part", found=f"{came} and no word of which part they are")
    if _counts(claims, verdict.audio) and claims.listed_bytes != verdict.size_bytes:
        yield Contradiction(what=LISTED_SIZE, claimed=f"{claims.listed_bytes} bytes", found=came)
    if verdict.complete is False:
        if verdict.promised_bytes is not None:
            yield Contradiction(what="length in its header", claimed=f"{verdict.promised_bytes} bytes", found=came)
        else:
            yield Contradiction(what="end of the file", claimed="that of its format", found=verdict.cut or "cut")


def early_end(early: EndedEarly) -> Contradiction:
    """The claim that the framing made of a body that ended early."""
    if early.promised_bytes is None:
        came = f"the connection ended after {early.received_bytes} bytes"
        return Contradiction(what="end of the body", claimed="a last chunk", found=came)
    claimed, came = f"{early.promised_bytes} bytes", f"{early.received_bytes} bytes"
    return Contradiction(what="Content-Length", claimed=claimed, found=came)


def _labels(claims: Claims, audio: Audio | None) -> Iterable[Contradiction]:
    """Contradictions that are noted and decide nothing: a content type, and a content coding that was undone."""
    if claims.undone:
        yield Contradiction(what="content coding", claimed="identity", found=f"{claims.undone}, which was undone")
    if audio and claims.sent_type and contradicts(claims.sent_type, audio.content_type):
        yield Contradiction(what="content type", claimed=claims.sent_type, found=audio.content_type)


def _sentence(contradiction: Contradiction) -> str:
    if contradiction.what in ("end of the file", "end of the body", "status"):
        return contradiction.found
    return f"{contradiction.what} {contradiction.claimed}, {contradiction.found} came"


class Source(Protocol):
    """Where bytes come from."""

    def readinto(self, room: memoryview) -> int:
        """Puts the next bytes into `room`; how many, and 0 at the end."""


class Chunks:
    """Bytes that arrive in pieces of any size."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = filter(None, chunks)
        self._left = memoryview(b"")

    def readinto(self, room: memoryview) -> int:
        """Reads as much of one piece as fits."""
        self._left = self._left or memoryview(next(self._chunks, b""))
        size = min(len(room), len(self._left))
        room[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def pour(source: Source, upload: Upload, expected_bytes: int | None) -> Verdict:
    """Every byte past the inspector into the upload. An error document is left before a part of it is sent."""
    verdict, early = pour_what_comes(source, upload, expected_bytes)
    if early is not None:
        raise early
    return verdict


def pour_what_comes(source: Source, upload: Upload, expected_bytes: int | None) -> tuple[Verdict, EndedEarly | None]:
    """As `pour`; of a body that ends early everything that came, and how it ended."""
    inspector, early = Inspector(), None
    try:
        while size := source.readinto(room := upload.room(expected_bytes)):
            inspector.feed(room[:size])
            kind = inspector.kind
            if kind is Kind.ERROR_DOCUMENT and upload.size_bytes > KNOWN_BY_BYTES:
                break  # the verdict says what it is
            audio = inspector.audio or (UNKNOWN if kind is Kind.UNKNOWN else None)
            upload.taken(size, audio, expected_bytes)
    except EndedEarly as ended:
        early = ended
    return inspector.finish(), early


def audio_of(verdict: Verdict) -> Audio:
    """The kind of audio. Raises Rejected when the bytes are none, or hold no sound."""
    if verdict.problem or verdict.audio is None:
        raise Rejected(verdict.problem or "an unknown kind of data")
    return verdict.audio
