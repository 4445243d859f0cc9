"""A webhook request as it came, what it may prove itself with, and what it turns out to say."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import NoReturn
from urllib.parse import parse_qsl

from functions.archiver.errors import BadEvent, Unverified
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.provider.json_values import text_of
from functions.archiver.recording import Json
from functions.archiver.secret import Secret

MAX_EVENT_BYTES = 1024 * 1024
_MAX_FIELDS = 1000

MAX_REPLY_BYTES = 512
"""Of a handshake's answer, headers included. RingCentral takes 1024 together with the headers that the gateway adds."""

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One webhook request, as it came: header names in lower case, `body` the raw bytes, base64 already undone.

    `url` is the public one that the provider was given, as it is configured rather than as it arrived behind a proxy,
    with a path secret and with the query as it came. It may hold a secret.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    path_secret: Secret | None = None
    received_at: datetime
    url: str = field(default="", repr=False)

    def verify(self, given: Iterable[str], expected: Iterable[str]) -> None:
        """Raises Unverified unless a text of `given` is one of `expected`, compared in constant time."""
        wanted = [each.encode("utf-8", "surrogatepass") for each in expected if each]
        found = [each.encode("utf-8", "surrogatepass") for each in given]
        if not any(hmac.compare_digest(left, right) for left in found for right in wanted):
            raise Unverified("the sender could not be verified")

    def verify_secret(self, secrets: Sequence[Secret]) -> None:
        """Raises Unverified unless header `x-webhook-secret` or the path carries one of `secrets`."""
        given = [self.headers.get("x-webhook-secret", "")]
        given += [self.path_secret.reveal()] if self.path_secret else []
        self.verify(given, (secret.reveal() for secret in secrets))

    def json(self) -> Mapping[str, Json]:
        """The body as a JSON object. Raises BadEvent."""
        document = _parse_json(self.body)
        if not isinstance(document, Mapping):
            raise BadEvent("the event is not a JSON object")
        return document

    def fields(self) -> Mapping[str, Json]:
        """The fields of a body that is a JSON object or a form, and those of the query. Raises BadEvent."""
        body = self.body.strip()
        if body.startswith((b"{", b"[")):
            return {**self.query, **self.json()}
        return {**self.query, **_parse_form(body)} if body else self.query

    def form_pairs(self) -> Sequence[tuple[str, str]]:
        """Name and value pairs of a form, in order, with empty and repeated ones, for a signature over them.

        Never raises, because it comes before the sender is verified: what is no form, or too long, has no pairs.
        """
        if len(self.body) > MAX_EVENT_BYTES:
            return ()
        try:
            text = self.body.decode("utf-8", "replace")
            return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError:
            return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """A verified event's message: which recording or call may have something to fetch.

    `ready` tells that its audio is there; otherwise it is asked for after a grace period.
    """

    recording_id: str | None = None
    call_id: str | None = None
    ready: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignored:
    """A verified event that asks for nothing; `reason` is for the log."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The answer to a provider's handshake, in place of the usual one.

    It echoes what came, perhaps from nobody known, and is bounded for that reason: raises BadEvent for more than
    MAX_REPLY_BYTES, and for anything but printable ASCII.
    """

    body: str = ""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = [self.body, self.content_type, *self.headers, *self.headers.values()]
        if sum(map(len, texts)) > MAX_REPLY_BYTES:
            raise BadEvent(f"the handshake asks for an answer of more than {MAX_REPLY_BYTES} bytes")
        if not all(text.isascii() and text.isprintable() for text in texts if text):
            raise BadEvent("the handshake asks for an answer that is not printable")
        if not all(map(_HEADER_NAME.fullmatch, self.headers)):
            raise BadEvent("the handshake asks for a header that there cannot be")


Said = Hint | Sequence[Hint] | Ignored | Reply
"""What a webhook request comes to."""


def id_from(value: Json) -> str:
    """An id out of an event. Raises BadEvent for anything but a printable text of at most 1000 characters."""
    text = text_of(value)
    if text is None:
        raise BadEvent("the event names no recording")
    return text


def _parse_json(body: bytes) -> Json:
    if len(body) > MAX_EVENT_BYTES:
        raise BadEvent(f"the event has more than {MAX_EVENT_BYTES} bytes")
    try:
        document: Json = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadEvent("the event is not valid JSON") from None
    return document


def _parse_form(body: bytes) -> Mapping[str, str]:
    if len(body) > MAX_EVENT_BYTES:
        raise BadEvent(f"the event has more than {MAX_EVENT_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise BadEvent("the event is neither JSON nor a form") from None


def _no_constant(constant: str) -> NoReturn:
    raise ValueError("JSON has no such number")
