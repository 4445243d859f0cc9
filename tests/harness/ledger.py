"""What the tests of the ledger work with: one recording, its ticket, and every transition by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from functions.archiver.entry import Stored, Ticket
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Item
from functions.archiver.recording import Recording
from tests.doubles.aws import Aws
from tests.doubles.clock import FakeClock

LINK = "https://media.example/rec-1?durable"
MINUTE = timedelta(minutes=1)
STORED = Stored(key="audio/x.wav", version_id="v1", size_bytes=9, sha256="ab" * 32, content_type="audio/wav")
PK = "acme#recording#rec-1"

Transition = Callable[[Ledger, Ticket], object]
TRANSITIONS: dict[str, Transition] = {
    "entry": lambda ledger, ticket: ledger.entry(ticket),
    "describe": lambda ledger, ticket: ledger.describe(ticket, recording(agent="new")),
    "archived": lambda ledger, ticket: ledger.mark_archived(ticket, STORED),
    "gone": lambda ledger, ticket: ledger.mark_gone(ticket, "410"),
    "failed": lambda ledger, ticket: ledger.mark_failed(ticket, "no audio"),
    "quarantined": lambda ledger, ticket: ledger.mark_quarantined(ticket, STORED, "unknown"),
    "rejected": lambda ledger, ticket: ledger.mark_rejected(ticket, "html", due_in=MINUTE),
    "not ready": lambda ledger, ticket: ledger.mark_not_ready(ticket, "later", due_in=MINUTE),
    "missing": lambda ledger, ticket: ledger.mark_missing(ticket, "404", due_in=MINUTE),
    "release": lambda ledger, ticket: ledger.release(ticket, "closed", due_in=MINUTE),
    "death": lambda ledger, ticket: ledger.book_death(ticket),
    "finished": lambda ledger, ticket: ledger.finish_follow_up(ticket),
}
OUT_OF_QUEUED = ["archived", "gone", "failed", "rejected", "not ready", "missing", "release"]


def recording(id_: str = "rec-1", **facts: object) -> Recording:
    known: dict[str, object] = {
        "id": id_,
        "recorded_at": datetime(2026, 3, 3, 23, 30, tzinfo=UTC),
        "link": LINK,
        "raw": {"id": id_},
        "size_bytes": 9,
        "content_type": "audio/wav",
    }
    return Recording(**{**known, **facts})  # type: ignore[arg-type]  # fields by name


def ledger_of(aws: Aws, clock: FakeClock, *, source: str = "acme") -> Ledger:
    return Ledger(aws.table, source=source, clock=clock)


def present(item: Item | None) -> Item:
    assert item is not None
    return item


def queued(ledger: Ledger, found: Recording | None = None) -> Ticket:
    ticket = ledger.insert_queued(found or recording(), "schedule")
    assert ticket is not None
    return ticket


def again(ledger: Ledger) -> Ticket:
    """The ticket of the only item that is due."""
    (waiting,) = ledger.due.waiting(10)
    ticket = ledger.due.mark_queued(waiting)
    assert ticket is not None
    return ticket
