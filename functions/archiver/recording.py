"""The facts about one recording as a provider tells them, before anything is decided about them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import TypeAlias

from functions.archiver.lazy_dataclass import dataclass

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None


class Readiness(enum.Enum):
    """The state of the audio at the provider right now."""

    READY = "ready"
    NOT_READY = "not ready"
    GONE = "gone"
    BROKEN = "broken"  # the provider itself reports the recording as failed or missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One audio file at the provider. `id` is the provider's id of the file and is hostile input until encoded.

    `recorded_at` is UTC; `recorded_at_raw` keeps the provider's own writing of it, and `recorded_at_from` says where it
    was taken from, if not from the provider. `size_bytes` and `content_type`
    are what the provider claims. `link` is set only for a durable link that needs no credentials (babelforce).
    `raw` is the provider's document with secrets and links removed: it goes into the sidecar as it stands.
    """

    id: str
    readiness: Readiness = Readiness.READY
    note: str | None = None
    call_id: str | None = None
    recorded_at: datetime | None = None
    recorded_at_raw: str | None = None
    recorded_at_from: str | None = None
    duration_seconds: float | None = None
    direction: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    agent: str | None = None
    size_bytes: int | None = None
    content_type: str | None = None
    link: str | None = field(default=None, repr=False)
    raw: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contradiction:
    """`what` the provider claimed of a recording, and what came instead; both as text for people."""

    what: str
    claimed: str
    found: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call whose recordings are not known yet (TeleSign lists and signals calls, not always files).

    `recorded_at` is UTC where the provider tells it.
    """

    call_id: str
    recorded_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A span of time to list, UTC, both ends inclusive."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page of a listing.

    `recordings` are all rows in the window, unfinished ones included; `calls` are rows without a file yet.
    `empty` are ids of rows in the window that have nothing to archive. `rows` counts what the server sent, rows outside
    of the window included; a page that has none ends its window.
    `next_cursor` continues within the same run and is None at the end. `resume_cursor` is what to save for a later
    run (a page number resumes one page back, an opaque token where it stands); None means the same as next_cursor.
    `total` is the server's own count of the window's rows, where it gives one. `problem` says what is wrong with the
    page, such as rows without an id: its window then does not count as read cleanly.
    """

    recordings: Sequence[Recording]
    calls: Sequence[Call] = ()
    rows: int
    empty: Sequence[str] = ()
    next_cursor: str | None = None
    resume_cursor: str | None = None
    total: int | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendition:
    """Which of several forms of a recording was asked for. `channels` is None where there is no choice."""

    format: str
    channels: int | None = None


class TranscriptState(enum.Enum):
    """Whether the provider has made its transcript."""

    NONE = "none"
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """A provider's transcript of one recording. `text` is set when it is completed."""

    state: TranscriptState
    text: str | None = None
    language: str | None = None


NO_TRANSCRIPT = Transcript(state=TranscriptState.NONE)
