"""What a provider's fixture says: `tests/providers/<name>.json`, a few exchanges as data.

Its form is told in docs/adding-a-provider.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

from functions.archiver.recording import Window
from simulators.audio import Audio, Format

FOLDER = Path(__file__).parent.parent / "providers"
NAMES = ("token", "list", "last", "files", "empty", "refused", "lookup", "missing", "media")
OF_ONE_RECORDING = ("files", "lookup", "media")
"""Exchanges that are written down for the first recording, and are the same for the others under their ids."""

EXCEPTIONS = {
    "durable_link": "a row holds a link to its audio that needs no credentials",
    "lookup_by_listing": "a recording is looked up in a listing, so that a trouble with it is one of the source",
    "cursors_never_expire": "a cursor is a page's number, or is made on this side",
    "ids_are_made": "a recording has no id of its own: it is made of its call's",
    "forbidden_is_unauthorized": "a 403 says that the credentials are refused, whatever was asked for",
}
AUDIO_BYTES = 4000

Host = Literal["own", "further", "other"]
"""The provider's own host, a further origin that gets the credentials with some requests, and any other one."""

HOSTS: tuple[Host, ...] = ("own", "further", "other")

_SECRET = re.compile(r"confidential[\w.~+/=-]*")

Names = Mapping[str, str]
"""Texts of the fixture, and what takes their place: the ids of another recording, or a hostile id."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and its answer. `pattern` is "GET /path?name=value"; a text value may also be a field of the body."""

    name: str
    pattern: str
    headers: Mapping[str, str]
    status: int
    answer: Any
    audio: Format | None

    @property
    def method(self) -> str:
        return self.pattern.partition(" ")[0]

    @property
    def target(self) -> str:
        return self.pattern.partition(" ")[2]

    @property
    def at(self) -> Host:
        return next((host for host in HOSTS if self.target.startswith(f"{{{host}}}")), "own")

    def segments(self, names: Names) -> list[str]:
        """The decoded segments of the path."""
        path = self.target.removeprefix(f"{{{self.at}}}").partition("?")[0]
        return [renamed(unquote(segment), names) for segment in path.split("/")]

    def fields(self, names: Names) -> dict[str, str]:
        """What the query, or the body, has to hold."""
        query = self.target.partition("?")[2]
        return {name: renamed(value, names) for name, value in parse_qsl(query, keep_blank_values=True)}

    def body(self, names: Names, recording_id: str) -> tuple[str, bytes]:
        """Content type and body of the answer."""
        if self.audio:
            kind = {"wav": "audio/x-wav", "mp3": "audio/mpeg"}[self.audio]
            return kind, audio_of(renamed(recording_id, names), self.audio)
        if isinstance(self.answer, str):
            return "text/xml", renamed(self.answer, names, escape).encode()
        return "application/json", json.dumps(_within(self.answer, names)).encode()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One webhook request, and what it says: the fields of a Hint, of each of several, or None for nothing asked."""

    by: Literal["signature", "secret"]
    secrets: tuple[str, ...]
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    path_secret: str | None
    received_at: datetime
    url: str
    hint: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

    @property
    def proven_by_its_body(self) -> bool:
        """Whether the shared secret stands in the body."""
        return any(secret.encode() in self.body for secret in self.secrets)


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """A request that wants an answer of its own, the fields of a Reply. One that is `proven` is refused without it."""

    request: Sample
    reply: Mapping[str, Any]
    proven: bool


@dataclass(frozen=True, kw_only=True)
class Fixture:
    """One provider's fixture. `recordings` are those on `list`, then those on `last`: their facts as they must come.

    `also_written` are other ways to write the first recording's id.
    """

    credentials: Mapping[str, str]
    options: Mapping[str, Any]
    window: Window
    recordings: tuple[Mapping[str, Any], ...]
    exchanges: Mapping[str, Exchange]
    webhooks: tuple[Sample, ...]
    handshakes: tuple[Handshake, ...]
    also_written: tuple[str, ...]
    exceptions: Mapping[str, str]
    confidential: frozenset[str]

    @property
    def ids(self) -> list[str]:
        return [str(facts["id"]) for facts in self.recordings]

    def names_of(self, number: int) -> dict[str, str]:
        """From the texts of the first recording to those of another one."""
        first, other = self.recordings[0], self.recordings[number]
        return {str(first[key]): str(other[key]) for key in ("id", "call_id") if first.get(key) and other.get(key)}


def read(provider: str) -> Fixture:
    """The fixture of a provider."""
    text = (FOLDER / f"{provider}.json").read_text(encoding="utf-8")
    document = json.loads(text)
    start, end = map(datetime.fromisoformat, document["window"])
    return Fixture(
        credentials=document["credentials"],
        options=document.get("options", {}),
        window=Window(start=start, end=end),
        recordings=tuple(document["recordings"]),
        exchanges={name: _exchange(name, fields) for name, fields in document["exchanges"].items()},
        webhooks=tuple(map(_sample, document.get("webhooks", ()))),
        handshakes=tuple(map(_handshake, document.get("handshakes", ()))),
        also_written=tuple(document.get("also_written", ())),
        exceptions=document.get("exceptions", {}),
        confidential=frozenset(_SECRET.findall(text)),
    )


def _exchange(name: str, fields: Mapping[str, Any]) -> Exchange:
    return Exchange(
        name=name,
        pattern=fields.get("request", ""),
        headers=fields.get("headers", {}),
        status=fields.get("status", 200),
        answer=fields.get("answer", {}),
        audio=fields.get("audio"),
    )


def _sample(fields: Mapping[str, Any]) -> Sample:
    body = fields.get("body", "")
    return Sample(
        by=fields["by"],
        secrets=tuple(fields.get("secrets", ())),
        headers=fields.get("headers", {}),
        query=fields.get("query", {}),
        body=(body if isinstance(body, str) else json.dumps(body)).encode(),
        path_secret=fields.get("path_secret"),
        received_at=datetime.fromisoformat(fields.get("received_at", "2026-01-10T12:00:00+00:00")),
        url=fields.get("url", ""),
        hint=fields.get("hint"),
    )


def _handshake(fields: Mapping[str, Any]) -> Handshake:
    request = _sample({"by": "signature", **fields["request"]})
    return Handshake(request=request, reply=fields["reply"], proven=fields["proven"])


def audio_of(recording_id: str, kind: Format) -> bytes:
    """The audio of a recording: 4000 bytes of WAV or 3996 of MP3, each recording its own."""
    return Audio(format=kind, seed=recording_id, wanted_bytes=AUDIO_BYTES).read()


def renamed(text: str, names: Names, write: Any = str) -> str:
    """`text` with all names exchanged at once, the longest first; `write` puts the new ones into the text's syntax."""
    if not names:
        return text
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(either, lambda match: str(write(names[match[0]])), text)


def _quoted(name: str) -> str:
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")


def _number_or_text(name: str) -> int | str:
    return int(name) if name.isdecimal() else name


def _within(value: Any, names: Names) -> Any:
    if isinstance(value, dict):
        return {key: _within(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_within(each, names) for each in value]
    if isinstance(value, int) and str(value) in names:
        return _number_or_text(names[str(value)])
    if isinstance(value, str):
        is_link = value.startswith(tuple(f"{{{host}}}" for host in HOSTS))
        return renamed(value, names, _quoted if is_link else str)
    return value
