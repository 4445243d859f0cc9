"""What a provider is: a declaration (data) and a client that answers a few questions through the HTTP it is handed.

A provider yields facts and raises the outcomes of `errors`; it never saves, enqueues, sleeps or decides to skip.
Every module in `functions/providers` holds one subclass of `Provider`; the module's name is the provider's name.
"""

from __future__ import annotations

import hmac
import importlib
import inspect
import json
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal, NoReturn
from urllib.parse import parse_qsl

from functions import providers
from functions.archiver.errors import BadEvent, Misconfigured, Unverified
from functions.archiver.provider.json_values import text_of
from functions.archiver.recording import (
    NO_TRANSCRIPT,
    Json,
    Page,
    Recording,
    Transcript,
    Window,
)
from functions.archiver.secret import Secret

if TYPE_CHECKING:
    from functions.archiver.http.client import Body, Http

MOST_EVENT_BYTES = 1024 * 1024
_MOST_FIELDS = 1000

OptionKind = Literal["text", "integer", "boolean", "texts", "tables"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One key of `[sources.<name>.options]`.

    `kind` is the TOML type: `texts` is an array of strings, `tables` an array of tables whose string or integer
    fields are `fields`. `choices` restricts texts. `pattern` is a regular expression that a text must match whole.
    """

    name: str
    help: str
    kind: OptionKind = "text"
    required: bool = False
    default: Json = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """What a provider can do and asks for, as data. Nothing is found out by trying.

    `domains`: hosts under these names are the provider's own and share the source's request quota.
    `secret_fields`: the accepted shapes of the secret's JSON object, each a tuple of its keys.
    `public_fields`: keys of the secret that are ids rather than secrets.
    `overlap_minimum`: how far back the hourly listing reads at least; late rows appear that late.
    `max_window`: the longest span that one listing may ask for. `page_size`: rows asked for in a page.
    `retention`: how long the provider keeps recordings by default, where it is known.
    `webhook`: how its events are verified: "signature" over the raw body, or a shared "secret", or both in turn.
    `verified`: how well this client was checked, for the table in the docs.
    """

    title: str
    default_base_url: str | None = None
    domains: tuple[str, ...] = ()
    secret_fields: tuple[tuple[str, ...], ...]
    public_fields: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    rate_default: int
    parallel_default: int
    overlap_minimum: timedelta
    page_size: int = 100
    max_window: timedelta | None = None
    retention: timedelta | None = None
    reports_size: bool = False
    transcripts: bool = False
    deletes: Literal["file", "call"] | None = None
    deletes_many: bool = False
    annotates: bool = False
    uploads: bool = False
    webhook: tuple[Literal["signature", "secret"], ...] = ()
    verified: Literal["documentation only", "recorded traffic", "live account"] = "documentation only"


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One source, as its provider's client sees it."""

    source: str
    base_url: str
    credentials: Mapping[str, Secret]
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A recording whose audio is about to be read.

    `recording` is what the provider says of it now, where opening it told anything new (None: nothing new).
    `siblings` are other files of the same call that opening this one revealed.
    """

    body: Body
    recording: Recording | None = None
    siblings: Sequence[Recording] = ()
    transcript: Transcript = NO_TRANSCRIPT


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One webhook request, as it came: header names in lower case, `body` the raw bytes, base64 already undone."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    path_secret: Secret | None = None
    received_at: datetime

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
        document = _parsed(self.body)
        if not isinstance(document, Mapping):
            raise BadEvent("the event is not a JSON object")
        return document

    def fields(self) -> Mapping[str, Json]:
        """The fields of a body that is a JSON object or a form, and those of the query. Raises BadEvent."""
        body = self.body.strip()
        if body.startswith((b"{", b"[")):
            return {**self.query, **self.json()}
        return {**self.query, **_parsed_form(body)} if body else self.query


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """What a verified event says: which recording or call may have something to fetch.

    `ready` tells that its audio is there; otherwise it is asked for after a grace period.
    """

    recording_id: str | None = None
    call_id: str | None = None
    ready: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignored:
    """A verified event that asks for nothing; `reason` is for the log."""

    reason: str


class Provider(ABC):
    """One provider's API. Building one makes no request."""

    declaration: ClassVar[Declaration]

    def __init__(self, http: Http, account: Account) -> None:
        self.http = http
        self.account = account

    @abstractmethod
    def page(self, window: Window, cursor: str | None) -> Page:
        """One page of the recordings in `window`, oldest first where the provider can.

        `cursor` None asks for the first page. Raises CursorRefused for a cursor that the provider no longer takes;
        rows are checked again on this side, because a server may ignore a filter.
        """

    @abstractmethod
    def open(self, recording: Recording) -> AbstractContextManager[Opened]:
        """Opens the audio of `recording`, resolving its link right before. Raises NotReady, Gone, NotFound, …"""

    @abstractmethod
    def describe(self, recording_id: str) -> Recording:
        """The provider's facts about one recording, asked by id (a webhook tells no more than an id)."""

    def retention(self) -> timedelta | None:
        """How long the provider keeps recordings, as the account is set up; else what the declaration says."""
        return self.declaration.retention

    def look_up(self, call_id: str) -> Sequence[Recording]:
        """The recordings of a call. Only for providers whose listing yields calls."""
        raise LookupError(f"{type(self).__name__} does not list calls (asked for {call_id!r})")

    def transcript(self, recording: Recording) -> Transcript:
        """The transcript of an archived recording. Only where `declaration.transcripts`."""
        raise LookupError(f"{type(self).__name__} has no transcripts (asked for {recording.id!r})")

    def delete(self, recording: Recording) -> str:
        """Deletes at the provider, the whole call where `declaration.deletes` is "call"; a sentence about what went.

        Only where `declaration.deletes`. Raises Rejected for a refusal, NotFound where there is nothing to delete.
        """
        raise LookupError(f"{type(self).__name__} deletes nothing (asked for {recording.id!r})")

    def delete_many(self, recording_ids: Sequence[str]) -> str:
        """Deletes several recordings in one request. Only where `declaration.deletes_many`; raises as `delete`."""
        raise LookupError(f"{type(self).__name__} deletes nothing in bulk (asked for {len(recording_ids)})")

    def annotate(self, recording_id: str, notes: Mapping[str, Json]) -> str:
        """Writes `notes` to the recording at the provider; a sentence about what was written.

        Only where `declaration.annotates`. Raises Rejected for notes that the provider cannot hold.
        """
        raise LookupError(f"{type(self).__name__} keeps no notes (asked for {recording_id!r} and {len(notes)} notes)")

    def upload(self, *, kind: str, target_id: str, path: str) -> str:
        """Hands the audio at `path` to the provider for its object `target_id` of this kind; a sentence about it.

        Only where `declaration.uploads`. Raises Rejected for a refusal.
        """
        raise LookupError(f"{type(self).__name__} takes no audio (asked for {kind} {target_id!r} from {path!r})")

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Hint | Ignored:
        """What a webhook request says, once its sender is verified by any of `secrets` (several while one is rotated).

        Only where `declaration.webhook`. Raises Unverified before anything of the body is believed, BadEvent for a
        verified body that names no recording or is no document at all.
        """
        raise LookupError(f"{type(self).__name__} sends no events (asked for {len(delivery.body)} bytes)")


def id_from(value: Json) -> str:
    """An id out of an event. Raises BadEvent for anything but a printable text of at most 1000 characters."""
    text = text_of(value)
    if text is None:
        raise BadEvent("the event names no recording")
    return text


def _parsed(body: bytes) -> Json:
    if len(body) > MOST_EVENT_BYTES:
        raise BadEvent(f"the event has more than {MOST_EVENT_BYTES} bytes")
    try:
        document: Json = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadEvent("the event is not valid JSON") from None
    return document


def _parsed_form(body: bytes) -> Mapping[str, str]:
    if len(body) > MOST_EVENT_BYTES:
        raise BadEvent(f"the event has more than {MOST_EVENT_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise BadEvent("the event is neither JSON nor a form") from None


def _no_constant(constant: str) -> NoReturn:
    raise ValueError("JSON has no such number")


def names() -> list[str]:
    """The names of all providers, sorted; imports none of them."""
    return sorted(module.name for module in pkgutil.iter_modules(providers.__path__))


def load(name: str) -> type[Provider]:
    """The provider class of the module `functions.providers.<name>`. Raises Misconfigured for an unknown name."""
    if name not in names():
        raise Misconfigured(f"unknown provider {name!r}: allowed are {', '.join(names())}")
    module = importlib.import_module(f"{providers.__name__}.{name}")
    return next(_providers_defined_in(module.__name__, vars(module)))


def _providers_defined_in(module_name: str, members: Mapping[str, object]) -> Iterator[type[Provider]]:
    for member in members.values():
        if inspect.isclass(member) and issubclass(member, Provider) and member.__module__ == module_name:
            yield member
