"""The interface of a provider: a declaration (data), and a client that answers a few questions through given HTTP.

A provider yields facts and raises the outcomes of `errors`; it never saves, enqueues, sleeps or decides to skip.
Every module in `functions/providers` holds one subclass of `Provider`; the module's name is the provider's name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from functions.archiver.http.auth import Share
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.delivery import Delivery, Said
from functions.archiver.recording import (
    NO_TRANSCRIPT,
    Json,
    Page,
    Recording,
    Rendition,
    Transcript,
    Window,
)
from functions.archiver.secret import Secret

if TYPE_CHECKING:
    from functions.archiver.http.client import Body, Http


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One source, as its provider's client sees it. `share_token` is for a TokenAuth."""

    source: str
    base_url: str
    credentials: Mapping[str, Secret]
    options: Mapping[str, Json] = field(default_factory=dict)
    share_token: Share | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A recording whose audio is about to be read.

    `recording` is what the provider says of it now, where opening it told anything new (None: nothing new).
    `siblings` are other files of the same call that opening this one revealed. `rendition` is what was asked for where
    the provider offers several. `encrypted` says that the bytes are encrypted for the customer, and of what kind they
    are in clear ("wav"); what is needed to decrypt them has to stand in the recording's `raw`.
    """

    body: Body
    recording: Recording | None = None
    siblings: Sequence[Recording] = ()
    transcript: Transcript = NO_TRANSCRIPT
    rendition: Rendition | None = None
    encrypted: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """A webhook that was registered. `secret` is one that the provider made: it has to be kept, and is told once."""

    sentence: str
    secret: Secret | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A webhook as the provider has it. `problem` says why it sends nothing; None while it works."""

    id: str
    url: str = field(repr=False)
    problem: str | None = None


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

    def delete_many(self, recording_ids: Sequence[str]) -> Mapping[str, bool]:
        """Deletes several recordings in one request; of each id that the answer speaks of, whether it was deleted.

        Only where `declaration.deletes_many`; raises as `delete`, then for all of them.
        """
        raise LookupError(f"{type(self).__name__} deletes nothing in bulk (asked for {len(recording_ids)})")

    def deleted_with(self, recording: Recording) -> str:
        """The name under which `delete` deletes it: all recordings of one name go together.

        Where `delete` derives it from more than `call_id` or `id`, this has to do so too.
        """
        return (recording.call_id if self.declaration.deletes == "call" else None) or recording.id

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

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Said:
        """Reads a webhook request, once its sender is verified by any of `secrets` (several during a rotation).

        Several hints where an event names several recordings, a Reply to a handshake, which may come before there is
        any proof. Only where `declaration.webhook`. Raises Unverified before anything of the body is believed, BadEvent
        for a verified body that names no recording or is no document at all.
        """
        raise LookupError(f"{type(self).__name__} sends no events (asked for {len(delivery.body)} bytes)")

    def register_webhook(self, url: str, secrets: Sequence[Secret]) -> Registration:
        """Has the provider send its events to `url`, proven with the first of `secrets` where it takes one.

        Only where `declaration.registers_webhooks`. Raises Rejected for a refusal.
        """
        raise LookupError(f"{type(self).__name__} registers no webhooks (asked for {len(secrets)} secrets)")

    def webhooks(self) -> Sequence[Subscription]:
        """The provider's subscriptions that may send events. Only where `declaration.registers_webhooks`."""
        raise LookupError(f"{type(self).__name__} lists no webhooks")
