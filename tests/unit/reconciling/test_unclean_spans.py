"""A span that the provider never lets be read cleanly keeps nothing but itself from being settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from functions.archiver.aws.engine import AwsEngine
from functions.archiver.entry import Stored, Ticket
from functions.archiver.listing.backfill import Backfill, Backfills
from functions.archiver.listing.cursors import Unclean, Walk
from functions.archiver.recording import Recording
from functions.archiver.runtime import Runtime, running
from functions.archiver.settings.deployment import Archive
from functions.archiver.settings.environment import Settings
from functions.archiver.throttling.lanes import read
from functions.lister import handler as lister
from functions.reconciler import handler as reconciler
from tests.doubles.aws import BUCKET, TABLE, Aws
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.provider_in_memory import ProviderInMemory
from tests.harness.deployed import a_source, session

DAY = timedelta(days=1)
MALFORMED = "1 row has no usable id or date"


class Lambda:
    """A context with a quarter of an hour."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


class Bench:
    """A source that is listed up to now but for one day of long ago. Its recordings are kept for 50 days."""

    def __init__(self, aws: Aws, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
        source = a_source("acme", start=NOON - 60 * DAY, overlap=timedelta(hours=24), reconcile=7 * DAY)
        archive = Archive(name="recordings", expire_after_days=50)
        settings = Settings(bucket=BUCKET, table=TABLE, queue_url=aws.queue_url, archive=archive, source=source)
        self.aws = aws
        self.clock = clock
        self.provider = ProviderInMemory()
        self.runtime = Runtime(settings, AwsEngine(settings, session()), clock)
        monkeypatch.setattr(self.runtime, "provider", lambda: self.provider)
        cursors = self.runtime.cursors("lister")
        assert cursors.acquire()
        cursors.keep(Walk(name="forward", position=NOON, end=NOON, width=DAY))
        cursors.note_unclean(Unclean(start=NOON - 55 * DAY, end=NOON - 54 * DAY, reason=MALFORMED))
        cursors.release()

    def archives(self, id_: str, days_ago: float) -> None:
        recorded = NOON - days_ago * DAY
        ticket = self.runtime.ledger.insert_queued(Recording(id=id_, recorded_at=recorded), "schedule")
        assert ticket is not None
        self.mark_archived(ticket, recorded)

    def mark_archived(self, ticket: Ticket, at: datetime) -> None:
        key = f"audio/{ticket.id}.wav"
        stored = Stored(key=key, version_id="v", size_bytes=1, sha256="ab" * 32, content_type="audio/wav")
        entry = replace(self.runtime.ledger.entry(ticket), archived_at=max(at, NOON - 25 * DAY))
        self.runtime.ledger.mark_archived(ticket, stored, written=entry)

    def runs(self, handler: Callable[[dict[str, object], Lambda], object], **event: object) -> None:
        with running(self.runtime):
            handler(dict(event), Lambda())

    def archived(self, days_ago: int) -> int:
        return self.runtime.totals.archived(*2 * [(NOON - days_ago * DAY).date()])


@pytest.fixture
def bench(aws: Aws, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(aws, clock, monkeypatch)


@pytest.mark.parametrize("days_ago", [53, 40, 30])
def test_recordings_of_later_days_get_their_terms(bench: Bench, days_ago: int) -> None:
    bench.archives("rec", days_ago)
    bench.runs(reconciler)
    assert "expires_at" in (bench.aws.item("acme#recording#rec") or {})


@pytest.mark.parametrize("days_ago", [53, 20, 9])
def test_later_days_are_counted_again_once_something_of_them_has_changed(bench: Bench, days_ago: int) -> None:
    bench.archives("rec", days_ago)
    bench.runs(reconciler)
    assert bench.archived(days_ago) == 1
    bench.runtime.totals.forget((NOON - days_ago * DAY).date(), (NOON - days_ago * DAY).date())
    bench.runs(reconciler)
    assert bench.archived(days_ago) == 1


def by_the_hourly_look(bench: Bench) -> None:
    bench.runs(lister, action="list")


def by_a_backfill(bench: Bench) -> None:
    start, end = NOON - 56 * DAY, NOON - 30 * DAY
    Backfills(bench.runtime.table, source="acme").ask(Backfill(start=start, end=end, by="jo", asked_at=NOON))
    bench.runs(lister, action="list")


@pytest.mark.parametrize("finds", [by_the_hourly_look, by_a_backfill])
def test_what_is_found_late_is_counted_and_gets_its_term(bench: Bench, finds: Callable[[Bench], None]) -> None:
    bench.archives("rec", 54.5)
    bench.runs(reconciler)
    assert bench.archived(54) == 1
    bench.provider.rows = [Recording(id="late", recorded_at=NOON - 54.4 * DAY, raw={"id": "late"})]
    finds(bench)
    (message,) = bench.aws.messages()
    bench.mark_archived(read(message).ticket, NOON - 54.4 * DAY)
    bench.runs(reconciler)
    assert bench.archived(54) == 2
    assert "expires_at" in (bench.aws.item("acme#recording#late") or {})
