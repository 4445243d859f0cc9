"""What happens to one message of a lane: from the provider's bytes to a verified object and its mark in the ledger.

The order never changes: audio, then sidecar, then the mark. A crash between any two repeats work and loses nothing.
Everything that can go wrong is an outcome of `errors`, and each has one next move in `_move_on`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from functions.archiver.archiving.completeness import audio_of, length_is_proven, pour
from functions.archiver.bucket.bucket import Conflict
from functions.archiver.bucket.digest import Hasher
from functions.archiver.bucket.sidecar import sidecar, transcript_document
from functions.archiver.bucket.store import Store
from functions.archiver.bucket.upload import Occupied, Upload
from functions.archiver.clock import Clock
from functions.archiver.entry import Entry, State, Stored, Ticket
from functions.archiver.errors import (
    Closed,
    Gone,
    Misconfigured,
    NotFound,
    NotReady,
    OfTheSource,
    Outcome,
    Rejected,
    Throttled,
    TooLong,
    Unauthorized,
)
from functions.archiver.ledger.ledger import Ledger, LostLease
from functions.archiver.provider.provider import Opened, Provider
from functions.archiver.recording import NO_TRANSCRIPT, Readiness, Recording, Transcript, TranscriptState, Window
from functions.archiver.settings.queue import MAX_RECEIVE_COUNT
from functions.archiver.throttling.intake import Intake
from functions.archiver.throttling.lanes import Received
from functions.archiver.throttling.pace import Pace

MAX_ATTEMPTS = 8
ATTEMPT_DELAYS = tuple(timedelta(minutes=m) for m in (1, 5, 20, 60, 180, 360, 720))
NOT_READY_DELAYS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 20, 30, 60))
READY_DEADLINE = timedelta(hours=72)
ERRAND_DEADLINE = timedelta(hours=24)
BETWEEN_TWO_404 = timedelta(hours=1)
MOST_TROUBLES = 2
"""So often a recording may meet trouble while the source answers otherwise; then the trouble is its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What became of one message, for the log line and the metrics. `outcome` is a state or a reason to wait."""

    ticket: Ticket
    outcome: str
    reason: str | None = None
    stored: Stored | None = None


class Archiver:
    """Works on the messages of one source."""

    def __init__(
        self,
        *,
        provider: Callable[[], Provider],
        ledger: Ledger,
        store: Store,
        pace: Pace,
        intake: Intake,
        lanes: int,
        clock: Clock,
    ) -> None:
        self._provider_of = provider
        self._ledger = ledger
        self._store = store
        self._pace = pace
        self._intake = intake
        self._lanes = lanes
        self._clock = clock

    def work(self, received: Received) -> Report:
        """Does what the message asks for, if its item is still queued under the message's lease.

        Every outcome ends in the ledger and the message is done with; what is none raises, and SQS redelivers it.
        """
        ticket = received.ticket
        try:
            entry = self._ledger.entry(ticket)
            if received.lane >= self._lanes:
                return self._released(ticket, "its lane was closed: max_parallel_downloads was lowered", timedelta())
            if received.receive_count > 1:
                return self._after_a_death(received, entry)
            return self._attempt(ticket, entry)
        except LostLease:
            return Report(ticket=ticket, outcome="superseded")

    def _after_a_death(self, received: Received, entry: Entry) -> Report:
        ticket = received.ticket
        deaths = self._ledger.book_death(ticket)
        reason = f"the downloader died {deaths} times" if deaths > 1 else "the downloader died once"
        if entry.attempts + 1 >= MAX_ATTEMPTS:
            return self._failed(ticket, reason)
        if received.receive_count >= MAX_RECEIVE_COUNT:
            return self._released(ticket, reason, _step(ATTEMPT_DELAYS, entry.attempts))
        return self._attempt(ticket, replace(entry, attempts=entry.attempts + 1))

    def _attempt(self, ticket: Ticket, entry: Entry) -> Report:
        errand = {"recording": self._archive, "lookup": self._look_up, "transcript": self._fetch_transcript}
        started = self._clock.now()
        try:
            report = errand[ticket.kind](ticket, entry)
        except Outcome as outcome:
            return self._after(ticket, entry, outcome)
        except Misconfigured as mistake:
            return self._after(ticket, entry, Unauthorized(str(mistake)))
        except Occupied as occupied:
            return self._after(ticket, entry, Rejected(str(occupied)))
        except Conflict as conflict:
            return self._released(ticket, str(conflict), timedelta())
        self._pace.answered()
        self._pace.worked((self._clock.now() - started).total_seconds())
        return report

    # the three errands

    def _archive(self, ticket: Ticket, entry: Entry) -> Report:
        tried_before = entry.queued > 1 or entry.attempts
        if tried_before and entry.described:
            stored = self._store.find(entry.place)
            if stored:
                return self._archived(ticket, entry, stored, self._unknown_transcript())
        provider = self._provider_of()
        if not entry.described:
            entry = self._described(ticket, entry, provider.describe(entry.recording.id))
        with provider.open(entry.recording) as opened:
            if opened.siblings:
                self._intake.take(opened.siblings, entry.discovered_by)
            recording = opened.recording or entry.recording
            stored = self._store_audio(entry, recording, opened)
        return self._archived(ticket, replace(entry, recording=recording), stored, opened.transcript)

    def _described(self, ticket: Ticket, entry: Entry, recording: Recording) -> Entry:
        if recording.readiness is Readiness.GONE:
            raise Gone(recording.note or "the provider lists it as deleted")
        self._ledger.describe(ticket, recording)
        if recording.readiness is Readiness.NOT_READY:
            raise NotReady(recording.note or "its audio is not there yet")
        if recording.readiness is Readiness.BROKEN:
            raise Rejected(recording.note or "the provider reports it as broken")
        return self._ledger.entry(ticket)

    def _look_up(self, ticket: Ticket, entry: Entry) -> Report:
        found = self._provider_of().look_up(ticket.id)
        self._intake.take(found, entry.discovered_by)
        self._ledger.finish_errand(ticket)
        return Report(ticket=ticket, outcome="looked up", reason=f"{len(found)} recordings")

    def _fetch_transcript(self, ticket: Ticket, entry: Entry) -> Report:
        archived = self._ledger.find(ticket.id)
        if archived is None or archived.state is not State.ARCHIVED or archived.stored is None:
            raise NotReady("its audio is not archived")
        transcript = self._provider_of().transcript(entry.recording)
        if transcript.state is TranscriptState.PENDING:
            raise NotReady("its transcript is not completed")
        whole = replace(archived, recording=entry.recording)
        self._write_documents(whole, archived.stored, transcript)
        self._ledger.finish_errand(ticket)
        return Report(ticket=ticket, outcome=f"transcript {transcript.state.value}")

    def _archived(self, ticket: Ticket, entry: Entry, stored: Stored, transcript: Transcript) -> Report:
        self._write_documents(entry, stored, transcript)
        if transcript.state is TranscriptState.PENDING:
            self._ledger.insert_transcript(entry, due_in=NOT_READY_DELAYS[0])
        self._ledger.mark_archived(ticket, stored)
        return Report(ticket=ticket, outcome=State.ARCHIVED.value, stored=stored)

    def _write_documents(self, entry: Entry, stored: Stored, transcript: Transcript) -> None:
        if transcript.state is TranscriptState.COMPLETED:
            self._store.write_json(entry.place.transcript, transcript_document(entry, transcript))
        archived_at = entry.archived_at or self._clock.now()
        self._store.write_sidecar(entry.place, sidecar(entry, stored, transcript, archived_at))

    def _unknown_transcript(self) -> Transcript:
        makes_them = self._provider_of().declaration.transcripts
        return Transcript(state=TranscriptState.PENDING) if makes_them else NO_TRANSCRIPT

    # the bytes

    def _store_audio(self, entry: Entry, recording: Recording, opened: Opened) -> Stored:
        upload = self._store.upload(entry.place)
        try:
            verdict = pour(opened.body.chunks(), upload, opened.body.length)
            audio = audio_of(verdict)
            if not length_is_proven(opened, recording, audio, verdict):
                self._fetch_again(recording, upload)
            return upload.finish(audio)
        finally:
            upload.abort()

    def _fetch_again(self, recording: Recording, upload: Upload) -> None:
        """Nothing proves the length of what came: a second fetch must bring the same bytes."""
        hasher = Hasher()
        with self._provider_of().open(recording) as again:
            for chunk in again.body.chunks():
                hasher.feed(chunk)
        if hasher.digest() != upload.digest():
            sizes = f"{upload.size_bytes} and {hasher.size_bytes} bytes"
            raise Rejected(f"nothing tells its length, and two fetches brought different content ({sizes})")

    # the next moves

    def _after(self, ticket: Ticket, entry: Entry, outcome: Outcome) -> Report:
        probed = self._needs_a_probe(entry, outcome)
        if probed:
            try:
                self._probe()
            except OfTheSource as trouble:
                return self._cooled_down(ticket, trouble)
        if not isinstance(outcome, OfTheSource) or probed:
            self._pace.answered()
        if probed and isinstance(outcome, OfTheSource) and self._is_its_own(entry, outcome):
            outcome = Rejected(f"{outcome.reason}, while the provider answers otherwise")
        if isinstance(outcome, OfTheSource):
            due_in = _step(ATTEMPT_DELAYS, entry.troubles) if probed else timedelta()
            return self._cooled_down(ticket, outcome, due_in=due_in)
        return self._move_on(ticket, entry, outcome)

    def _needs_a_probe(self, entry: Entry, outcome: Outcome) -> bool:
        """Whether only the source itself can tell what the outcome means."""
        if isinstance(outcome, NotFound):
            return self._missing_for_long(entry)
        return isinstance(outcome, OfTheSource) and not isinstance(outcome, (Closed, Throttled))

    @staticmethod
    def _is_its_own(entry: Entry, outcome: OfTheSource) -> bool:
        """Whether the trouble is the recording's own, now that the source is known to answer."""
        return isinstance(outcome, Unauthorized) or entry.troubles >= MOST_TROUBLES

    def _probe(self) -> None:
        """Asks the source for its list of the last minute: does it answer at all, and take our credentials?"""
        now = self._clock.now()
        try:
            self._provider_of().page(Window(start=now - timedelta(minutes=1), end=now), None)
        except Misconfigured as mistake:
            raise Unauthorized(str(mistake)) from None

    def _cooled_down(self, ticket: Ticket, trouble: OfTheSource, *, due_in: timedelta = timedelta()) -> Report:
        until = self._pace.cool_down(trouble)
        wait = max(until - self._clock.now(), due_in)
        return self._released(ticket, trouble.reason, wait, trouble=not isinstance(trouble, Closed))

    def _move_on(self, ticket: Ticket, entry: Entry, outcome: Outcome) -> Report:
        if isinstance(outcome, NotReady):
            return self._not_ready(ticket, entry, outcome.reason)
        if ticket.kind != "recording":
            return self._errand_failed(ticket, entry, outcome.reason)
        if isinstance(outcome, Gone):
            return self._gone(ticket, outcome.reason)
        if isinstance(outcome, NotFound):
            return self._missing(ticket, entry, outcome.reason)
        if isinstance(outcome, TooLong):
            return self._failed(ticket, outcome.reason, attempts=1)
        return self._rejected(ticket, entry, outcome.reason)

    def _not_ready(self, ticket: Ticket, entry: Entry, reason: str) -> Report:
        since = entry.unfinished_since or self._clock.due_now()
        deadline = READY_DEADLINE if ticket.kind == "recording" else ERRAND_DEADLINE
        if self._clock.due_now() - since < deadline:
            due_in = _step(NOT_READY_DELAYS, entry.unfinished_looks)
            self._ledger.mark_not_ready(ticket, reason, due_in=due_in)
            return Report(ticket=ticket, outcome="not ready", reason=reason)
        if ticket.kind != "recording":
            return self._dropped(ticket, reason)
        return self._failed(ticket, f"not ready within {deadline.days} days: {reason}")

    def _errand_failed(self, ticket: Ticket, entry: Entry, reason: str) -> Report:
        since = entry.unfinished_since or self._clock.due_now()
        if self._clock.due_now() - since >= ERRAND_DEADLINE:
            return self._dropped(ticket, reason)
        due_in = _step(NOT_READY_DELAYS, entry.unfinished_looks)
        self._ledger.mark_not_ready(ticket, reason, due_in=due_in)
        return Report(ticket=ticket, outcome="not ready", reason=reason)

    def _dropped(self, ticket: Ticket, reason: str) -> Report:
        self._ledger.finish_errand(ticket)
        return Report(ticket=ticket, outcome="given up", reason=reason)

    def _missing_for_long(self, entry: Entry) -> bool:
        since = entry.missing_since
        return since is not None and self._clock.due_now() - since >= BETWEEN_TWO_404

    def _missing(self, ticket: Ticket, entry: Entry, reason: str) -> Report:
        if self._missing_for_long(entry):
            return self._gone(ticket, f"{reason}, twice with an hour between, while the provider answers otherwise")
        self._ledger.mark_missing(ticket, reason, due_in=BETWEEN_TWO_404)
        return Report(ticket=ticket, outcome="missing", reason=reason)

    def _rejected(self, ticket: Ticket, entry: Entry, reason: str) -> Report:
        if entry.attempts + 1 >= MAX_ATTEMPTS:
            return self._failed(ticket, reason, attempts=1)
        self._ledger.mark_rejected(ticket, reason, due_in=_step(ATTEMPT_DELAYS, entry.attempts))
        return Report(ticket=ticket, outcome="rejected", reason=reason)

    def _gone(self, ticket: Ticket, reason: str) -> Report:
        self._ledger.mark_gone(ticket, reason)
        return Report(ticket=ticket, outcome=State.GONE.value, reason=reason)

    def _failed(self, ticket: Ticket, reason: str, *, attempts: int = 0) -> Report:
        if ticket.kind != "recording":
            return self._dropped(ticket, reason)
        self._ledger.mark_failed(ticket, reason, attempts=attempts)
        return Report(ticket=ticket, outcome=State.FAILED.value, reason=reason)

    def _released(self, ticket: Ticket, reason: str, due_in: timedelta, *, trouble: bool = False) -> Report:
        self._ledger.release(ticket, reason, due_in=due_in, trouble=trouble)
        return Report(ticket=ticket, outcome="released", reason=reason)


def _step(delays: tuple[timedelta, ...], count: int) -> timedelta:
    return delays[min(count, len(delays) - 1)]
