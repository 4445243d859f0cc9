"""Works on one message of a lane: from the provider's bytes to a verified object and its mark in the ledger.

The order never changes: audio, then sidecar, then the mark. A crash between any two repeats work and loses nothing.
Everything that can go wrong is an outcome of `errors`, and `retries` has the one next move of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from functions.archiver.archiving.keeping import Keeping
from functions.archiver.archiving.retries import MAX_TROUBLES, NOT_READY_DELAYS, Move, Step, after_a_death, next_move
from functions.archiver.attributes import filled
from functions.archiver.bucket.bucket import BadUpload, Conflict
from functions.archiver.bucket.sidecar import sidecar, transcript_document
from functions.archiver.bucket.store import Store
from functions.archiver.bucket.upload import Occupied
from functions.archiver.clock import Clock
from functions.archiver.entry import Entry, State, Stored, Ticket
from functions.archiver.errors import (
    ArchiveTrouble,
    Closed,
    Gone,
    Misconfigured,
    NotReady,
    OfTheRecording,
    OfTheSource,
    Outcome,
    Rejected,
    Unauthorized,
)
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.transitions import LostLease
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import NO_TRANSCRIPT, Readiness, Recording, Transcript, TranscriptState, Window
from functions.archiver.throttling.intake import Intake
from functions.archiver.throttling.lanes import Received
from functions.archiver.throttling.pace import Pace


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The result of one message, for the log line and the metrics. `outcome` is a state or a reason to wait."""

    ticket: Ticket
    outcome: str
    reason: str | None = None
    stored: Stored | None = None
    trouble: ArchiveTrouble | None = None


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
        self._keeping = Keeping(store=store, ledger=ledger, provider=provider)
        self._ledger = ledger
        self._store = store
        self._pace = pace
        self._intake = intake
        self._lanes = lanes
        self._clock = clock

    def work(self, received: Received) -> Report:
        """Does what the message asks for, if its item is still queued under the message's lease.

        Every outcome ends in the ledger and the message is done with; what is none raises, and SQS redelivers it.
        With the ledger itself in trouble the message is done with too: its item stays queued until the lease ends,
        and nobody books a death that was none.
        """
        ticket = received.ticket
        try:
            entry = self._ledger.entry(ticket)
            ticket = replace(ticket, hinted=not entry.described)
            if received.lane >= self._lanes:
                return self._give_back(ticket, entry, "its lane was closed: max_parallel_downloads was lowered")
            if received.receive_count > 1:
                return self._after_a_death(replace(received, ticket=ticket), entry)
            return self._attempt(ticket, entry)
        except LostLease:
            return Report(ticket=ticket, outcome="superseded")
        except ArchiveTrouble as trouble:
            reason = f"{trouble.reason}; due again when its lease ends"
            return Report(ticket=ticket, outcome="released", reason=reason, trouble=trouble)

    def _after_a_death(self, received: Received, entry: Entry) -> Report:
        deaths = self._ledger.book_death(received.ticket)
        move = after_a_death(entry, deaths=deaths, receive_count=received.receive_count)
        if move:
            return self._carry_out(received.ticket, entry, move)
        return self._attempt(received.ticket, replace(entry, attempts=entry.attempts + 1))

    def _attempt(self, ticket: Ticket, entry: Entry) -> Report:
        work = {"recording": self._archive, "lookup": self._look_up, "transcript": self._fetch_transcript}
        started = self._clock.now()
        answers = None
        if entry.troubles > MAX_TROUBLES:
            # Asked before rather than after: a source that has just refused us is not to be asked at once.
            if trouble := self._trouble_of_the_source():
                return self._after(ticket, entry, trouble, answers=False)
            answers = True
        try:
            report = work[ticket.kind](ticket, entry)
        except Outcome as outcome:
            return self._after(ticket, entry, outcome, answers=answers)
        except Misconfigured as mistake:
            return self._after(ticket, entry, Unauthorized(str(mistake)))
        except (Occupied, BadUpload) as refusal:
            return self._after(ticket, entry, Rejected(str(refusal)))
        except ArchiveTrouble as trouble:
            return self._after(ticket, entry, trouble)
        except Conflict as conflict:
            return self._give_back(ticket, entry, str(conflict))
        self._pace.answered()
        self._pace.worked((self._clock.now() - started).total_seconds())
        return report

    def _give_back(self, ticket: Ticket, entry: Entry, reason: str) -> Report:
        return self._carry_out(ticket, entry, Move(step=Step.RELEASE, reason=reason))

    # the three kinds of work

    def _archive(self, ticket: Ticket, entry: Entry) -> Report:
        tried_before = entry.queued > 1 or entry.attempts
        if tried_before and entry.described:
            stored = self._store.find(entry)
            if stored:
                return self._mark_archived(ticket, entry, stored, self._unknown_transcript())
        if entry.stored:
            again = self._keeping.look_again(ticket, entry, entry.stored)
            if again:
                return self._mark_archived(ticket, entry, again.stored, self._unknown_transcript())
        provider = self._provider_of()
        if not entry.described:
            entry = self._describe(ticket, entry, provider.describe(entry.recording.id))
        with provider.open(entry.recording) as opened:
            if opened.siblings:
                self._intake.take(opened.siblings, entry.discovered_by)
            recording = opened.recording or entry.recording
            kept = self._keeping.keep(ticket, entry, recording, opened)
        recording = filled(recording, entry.recording)
        if recording.duration_seconds is None:
            recording = replace(recording, duration_seconds=kept.duration_seconds)
        entry = replace(entry, recording=recording)
        if kept.unknown is not None:
            return self._mark_quarantined(ticket, entry, kept.stored, kept.unknown)
        return self._mark_archived(ticket, entry, kept.stored, opened.transcript)

    def _describe(self, ticket: Ticket, entry: Entry, recording: Recording) -> Entry:
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
        self._ledger.finish_follow_up(ticket)
        return Report(ticket=ticket, outcome="looked up", reason=f"{len(found)} recordings")

    def _fetch_transcript(self, ticket: Ticket, entry: Entry) -> Report:
        archived = self._ledger.find(ticket.id)
        if archived is None or archived.state is not State.ARCHIVED or archived.stored is None:
            raise NotReady("its audio is not archived")
        transcript = self._provider_of().transcript(entry.recording)
        if transcript.state is TranscriptState.PENDING:
            raise NotReady("its transcript is not completed")
        whole = replace(archived, recording=entry.recording)
        written = self._write_documents(whole, archived.stored, transcript)
        completed = transcript.state is TranscriptState.COMPLETED
        held = self._ledger.note_transcript(ticket.id, metadata_sha256=written.metadata_sha256, there=completed)
        self._hold_too(archived, held=held)
        self._ledger.finish_follow_up(ticket)
        return Report(ticket=ticket, outcome=f"transcript {transcript.state.value}")

    def _mark_archived(self, ticket: Ticket, entry: Entry, stored: Stored, transcript: Transcript) -> Report:
        entry = self._write_documents(entry, stored, transcript)
        if transcript.state is TranscriptState.PENDING:
            self._ledger.insert_transcript(entry, due_in=NOT_READY_DELAYS[0])
        held = self._ledger.mark_archived(
            ticket,
            stored,
            story=entry.story,
            written=entry,
            has_transcript=transcript.state is TranscriptState.COMPLETED,
        )
        self._hold_too(entry, held=held)
        return Report(ticket=ticket, outcome=State.ARCHIVED.value, stored=stored)

    def _mark_quarantined(self, ticket: Ticket, entry: Entry, stored: Stored, reason: str) -> Report:
        """Keeps the bytes safe from deletion at the provider, but never as audio."""
        entry = self._write_documents(entry, stored, NO_TRANSCRIPT)
        held = self._ledger.mark_quarantined(ticket, stored, reason, story=entry.story, written=entry)
        self._hold_too(entry, held=held)
        return Report(ticket=ticket, outcome=State.QUARANTINED.value, reason=reason, stored=stored)

    def _hold_too(self, entry: Entry, *, held: bool) -> None:
        """Puts the new objects on hold as well, if the recording was put on hold while they were being written."""
        if held and not entry.held:
            self._store.hold(entry.place)

    def _write_documents(self, entry: Entry, stored: Stored, transcript: Transcript) -> Entry:
        """The entry as its sidecar tells it: ledger and seal have to say the same."""
        if transcript.state is TranscriptState.COMPLETED:
            self._store.write_json(entry.place.transcript, transcript_document(entry, transcript), held=entry.held)
        archived_at = entry.archived_at or self._clock.now()
        document = sidecar(entry, stored, transcript, archived_at)
        digest = self._store.write_sidecar(entry.place, document, held=entry.held)
        return replace(entry, archived_at=archived_at, metadata_sha256=digest)

    def _unknown_transcript(self) -> Transcript:
        makes_them = self._provider_of().declaration.transcripts
        return Transcript(state=TranscriptState.PENDING) if makes_them else NO_TRANSCRIPT

    # what comes of it

    def _after(
        self, ticket: Ticket, entry: Entry, outcome: Outcome | ArchiveTrouble, *, answers: bool | None = None
    ) -> Report:
        move = next_move(entry, outcome, self._clock.verdict_now(), answers)
        answers = answers or isinstance(outcome, OfTheRecording)
        if move.step is Step.ASK_SOURCE:
            trouble = self._trouble_of_the_source()
            answers = trouble is None
            move = next_move(entry, trouble or outcome, self._clock.verdict_now(), answers)
        if answers:
            self._pace.answered()
        if move.closes and move.step is not Step.RELEASE:
            self._pace.cool_down(move.closes)
        return self._carry_out(ticket, entry, move)

    def _trouble_of_the_source(self) -> OfTheSource | None:
        """Asks the source for its list of the last minute: does it answer, and accept our credentials?"""
        now = self._clock.now()
        try:
            self._provider_of().page(Window(start=now - timedelta(minutes=1), end=now), None)
        except Misconfigured as mistake:
            return Unauthorized(str(mistake))
        except OfTheSource as trouble:
            return trouble
        return None

    def _carry_out(self, ticket: Ticket, entry: Entry, move: Move) -> Report:
        ledger, reason = self._ledger, move.reason
        match move.step:
            case Step.RELEASE:
                return self._release(ticket, move)
            case Step.WAIT:
                ledger.mark_not_ready(ticket, reason, due_in=move.due_in)
            case Step.CONFIRM:
                ledger.mark_missing(ticket, reason, due_in=move.due_in)
            case Step.RETRY:
                ledger.mark_rejected(ticket, reason, due_in=move.due_in, story=entry.story)
            case Step.GONE:
                ledger.mark_gone(ticket, reason, story=entry.story)
            case Step.FAIL:
                ledger.mark_failed(ticket, reason, attempts=move.attempts, story=entry.story)
            case Step.KEEP:
                assert entry.stored is not None
                ledger.mark_quarantined(ticket, entry.stored, reason, story=entry.story, written=entry)
            case Step.DROP:
                ledger.finish_follow_up(ticket)
            case Step.ASK_SOURCE:
                raise AssertionError("the source was asked already")
        return Report(ticket=ticket, outcome=_SAID[move.step], reason=reason)

    def _release(self, ticket: Ticket, move: Move) -> Report:
        due_in = move.due_in
        if move.closes:
            due_in = max(due_in, self._pace.cool_down(move.closes) - self._clock.now())
        trouble = move.troubled or (move.closes is not None and not isinstance(move.closes, Closed))
        self._ledger.release(ticket, move.reason, due_in=due_in, trouble=trouble, asked_for=move.asked_for)
        archives = move.closes if isinstance(move.closes, ArchiveTrouble) else None
        return Report(ticket=ticket, outcome=_SAID[move.step], reason=move.reason, trouble=archives)


_SAID = {
    Step.RELEASE: "released",
    Step.WAIT: "not ready",
    Step.CONFIRM: "missing",
    Step.RETRY: "rejected",
    Step.GONE: State.GONE.value,
    Step.FAIL: State.FAILED.value,
    Step.KEEP: State.QUARANTINED.value,
    Step.DROP: "given up",
}
