"""From a body to an object: what is audio goes to its place, stable bytes of no known kind go into quarantine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from functions.archiver.archiving import encrypted
from functions.archiver.archiving.completeness import (
    Chunks,
    Claims,
    Decision,
    early_end,
    pour,
    pour_what_comes,
    ruling_on,
)
from functions.archiver.archiving.retries import is_last_attempt
from functions.archiver.audio.kinds import Kind, Verdict
from functions.archiver.bucket.bucket import NotThere, Unreadable
from functions.archiver.bucket.digest import Hasher
from functions.archiver.bucket.store import Store
from functions.archiver.bucket.upload import UNKNOWN, Upload
from functions.archiver.entry import Entry, Stored, Ticket
from functions.archiver.errors import EndedEarly, Rejected
from functions.archiver.http.client import Body
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.provider.provider import Opened, Provider
from functions.archiver.recording import Recording, Rendition


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredBody:
    """The object that the bucket holds now. `unknown` says what bytes in quarantine look like; None for audio."""

    stored: Stored
    duration_seconds: float | None = None
    unknown: str | None = None


class Keeping:
    """Keeps what the provider of one source sends."""

    def __init__(self, *, store: Store, ledger: Ledger, provider: Callable[[], Provider]) -> None:
        self._store = store
        self._ledger = ledger
        self._provider_of = provider

    def keep(self, ticket: Ticket, entry: Entry, recording: Recording, opened: Opened) -> StoredBody:
        """Every byte into the bucket, once it is proven to be all. Raises Rejected for what is never kept.

        Raises EndedEarly for a body that may still come whole; on the last attempt there is nothing else to be had.
        """
        upload = self._upload(ticket, entry, opened.rendition)
        last = is_last_attempt(entry)
        try:
            if opened.encrypted is not None:
                return StoredBody(stored=self._keep_encrypted(recording, opened, upload, last=last))
            return self._judge(recording, opened, upload, last=last)
        finally:
            upload.abort()

    def look_again(self, ticket: Ticket, entry: Entry, held: Stored) -> StoredBody | None:
        """Stores quarantined bytes as audio if their format is known by now; else None."""
        upload = self._upload(ticket, entry, held.rendition)
        try:
            with self._store.bucket.read(held.key, version_id=held.version_id) as chunks:
                verdict = pour(Chunks(chunks), upload, held.size_bytes)
            if verdict.audio is None or verdict.kind is not Kind.AUDIO or upload.digest().sha256_hex != held.sha256:
                return None
            return _result_of(verdict, upload.finish(verdict.audio, verdict, held.contradictions))
        except (NotThere, Unreadable):
            return None
        finally:
            upload.abort()

    def _upload(self, ticket: Ticket, entry: Entry, rendition: Rendition | None) -> Upload:
        return self._store.upload(entry, lambda stored: self._ledger.note(ticket, stored), rendition)

    def _judge(self, recording: Recording, opened: Opened, upload: Upload, *, last: bool) -> StoredBody:
        verdict, early = pour_what_comes(opened.body, upload, opened.body.length)
        if early is not None and not verdict.complete and not last:
            raise early
        ruling = ruling_on(_claims(recording, opened.body, early), verdict)
        if ruling.decision is Decision.REJECTED:
            raise Rejected(f"{ruling.reason}{_digest(verdict, upload)}")
        if ruling.decision is Decision.FETCH_AGAIN:
            self._fetch_again(recording, upload, ruling.reason)
        audio = verdict.audio if verdict.audio and verdict.kind is Kind.AUDIO else UNKNOWN
        return _result_of(verdict, upload.finish(audio, verdict, ruling.contradictions))

    def _keep_encrypted(self, recording: Recording, opened: Opened, upload: Upload, *, last: bool) -> Stored:
        audio, early = encrypted.pour_encrypted(opened, upload)
        if early is not None and not last:
            raise early
        if early is not None or not encrypted.is_all(opened):
            self._fetch_again(recording, upload, early.reason if early else "nothing tells its length")
        contradictions = (early_end(early),) if early else ()
        return encrypted.marked(upload.finish(audio, contradictions=contradictions))

    def _fetch_again(self, recording: Recording, upload: Upload, why: str | None) -> None:
        """Nothing proves that all has come: a second fetch must bring the same bytes."""
        hasher = Hasher()
        with self._provider_of().open(recording) as again, suppress(EndedEarly):  # its end is compared as well
            for chunk in again.body.chunks():
                hasher.feed(chunk)
        if hasher.digest() != upload.digest():
            sizes = f"{upload.size_bytes} and {hasher.size_bytes} bytes"
            raise Rejected(f"{why}, and two fetches brought different content ({sizes})")


def _result_of(verdict: Verdict, stored: Stored) -> StoredBody:
    unknown = None if verdict.kind is Kind.AUDIO else verdict.problem or "an unknown kind of data"
    return StoredBody(stored=stored, duration_seconds=verdict.duration_seconds, unknown=unknown)


def _digest(verdict: Verdict, upload: Upload) -> str:
    """The digest of a header without sound, which is not kept, to tell one such header from another."""
    if verdict.kind is not Kind.NO_SOUND or not upload.size_bytes:
        return ""
    return f" ({upload.size_bytes} bytes, SHA-256 {upload.digest().sha256_hex})"


def _claims(recording: Recording, body: Body, early: EndedEarly | None) -> Claims:
    return Claims(
        framed=early is None and (body.length is not None or body.framed),
        early=early,
        partial=body.partial,
        sent_type=body.content_type,
        undone=body.undone,
        listed_bytes=recording.size_bytes,
        listed_type=recording.content_type,
    )
