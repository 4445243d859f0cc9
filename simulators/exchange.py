"""The words that all simulators share: a recording, a request, what it is about, and what the log keeps of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote

from simulators.audio import Audio
from simulators.faults import Answer, Fault

Host = Literal["own", "other", "further"]


@dataclass(kw_only=True, slots=True)
class SimulatedRecording:
    """One audio file at the provider. `id` is the provider's id of the file.

    `state` is "ready", "unfinished", "failed" or "deleted"; a `hidden` recording answers by id and is in no list.
    """

    id: str
    call_id: str
    recorded_at: datetime
    audio: Audio
    state: Literal["ready", "unfinished", "failed", "deleted"] = "ready"
    hidden: bool = False
    index: int = 0
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the audio."""
        return self.audio.size

    @property
    def sha256(self) -> str:
        """The audio's digest in hexadecimal."""
        return self.audio.sha256

    @property
    def content_type(self) -> str:
        """The audio's media type."""
        return self.audio.content_type

    @property
    def extension(self) -> str:
        """The audio's format, "wav" or "mp3"."""
        return self.audio.format


@dataclass(kw_only=True, slots=True)
class Served:
    """One request as the provider saw it; the path is decoded and without its query. Times are time.monotonic().

    `ended` is set just before the last byte goes out, so that whoever has read the answer finds it set; infinite
    while under way. `credentials` tells whether the request carried any.
    """

    kind: str
    method: str
    path: str
    started: float
    host: Host
    recording_id: str | None = None
    status: int = 0
    ended: float = math.inf
    fault: str | None = None
    credentials: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request, read in full. Header names are in lower case; `fields` are a POST form's."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    host: Host
    fields: Mapping[str, str]

    @property
    def parts(self) -> list[str]:
        """The path's segments, each decoded by itself, so that an id may hold a slash."""
        return [unquote(part) for part in self.path.strip("/").split("/")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A request's subject and answer. `guarded`: only with credentials."""

    kind: str
    answer: Callable[[Request, Fault | None], Answer]
    recording_id: str | None = None
    guarded: bool = True
