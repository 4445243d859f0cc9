"""A reconciler over simulated AWS, and what its report says of a day."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.entry import Stored, Ticket
from functions.archiver.errors import Unavailable
from functions.archiver.ledger.totals import Totals
from functions.archiver.listing.cursors import CursorStore
from functions.archiver.reconciling.days import Days
from functions.archiver.reconciling.expiring import Expiring
from functions.archiver.reconciling.walk import Reconciled, Reconciler
from functions.archiver.recording import Recording, Window
from functions.archiver.settings.storage_classes import StoragePolicy
from functions.archiver.throttling.lanes import read
from tests.doubles.aws import Aws, s3
from tests.doubles.clock import NOON, FakeClock
from tests.harness.listing import Bench
from tests.harness.sealing import a_sealer

DAY = timedelta(days=1)
REPORT = "reports/source=acme/date=2026-03-04/reconciliation.json"
BODY = b"all of it"


class ReconcilerBench(Bench):
    """A bench whose cursors are the reconciler's."""

    def __init__(self, aws: Aws, clock: FakeClock) -> None:
        super().__init__(aws, clock)
        self.cursors = CursorStore(aws.table, source=self.source, owner="reconciler", clock=clock)
        self.discovered_by = "reconcile"
        self.span = 7 * DAY
        self.term_days: int | None = None
        self.listed_until: datetime | None = None
        self.retention: timedelta | None = 30 * DAY

    def reconcile(self, asked: Window | None = None) -> Reconciled:
        return self.reconciler().run(asked=asked)

    def report_again(self) -> Reconciled:
        return self.reconciler().report_again()

    def reconciler(self) -> Reconciler:
        bucket = S3Bucket(s3(), self.aws.bucket)
        store = Store(bucket, policy=StoragePolicy(storage="auto", expire_after_days=None))
        return Reconciler(
            source=self.source,
            days=Days(source=self.source, ledger=self.ledger, bucket=bucket, sleep=self.clock.sleep),
            listing=lambda cursors: self.listing(),
            retention=self.ask_retention,
            cursors=self.cursors,
            ledger=self.ledger,
            totals=Totals(self.aws.table, source=self.source),
            store=store,
            sealer=lambda cursors: a_sealer(cursors, bucket, self.ledger, self.clock),
            expiring=Expiring(
                self.aws.table,
                source=self.source,
                clock=self.clock,
                days=self.term_days,
                retention=self.ledger.retention,
                totals=Totals(self.aws.table, source=self.source),
                settled=self.span,
            ),
            clock=self.clock,
            span=self.span,
            start=self.start,
            listed_until=lambda: self.listed_until,
            seconds_left=lambda: 900.0,
        )

    def ask_retention(self) -> timedelta | None:
        if self.retention is None:
            raise Unavailable("503")
        return self.retention

    def archive_all(self) -> None:
        for message in self.aws.messages():
            self.archive(read(message).ticket)

    def archive(self, ticket: Ticket) -> None:
        """With its bytes in the bucket, as the downloader does."""
        key = self.ledger.entry(ticket).place.audio("wav")
        version = s3().put_object(Bucket=self.aws.bucket, Key=key, Body=BODY)["VersionId"]
        digest = hashlib.sha256(BODY).hexdigest()
        stored = Stored(key=key, version_id=version, size_bytes=len(BODY), sha256=digest, content_type="audio/wav")
        self.ledger.mark_archived(ticket, stored)

    def day_of(self, days_ago: int) -> dict[str, Any]:
        """What the report of today says of a day."""
        wanted = (NOON - days_ago * DAY).date().isoformat()
        (day,) = (each for each in self.aws.document(REPORT)["days"] if each["date"] == wanted)
        found: dict[str, Any] = day
        return found


def row(id_: str, days_ago: float) -> Recording:
    return Recording(id=id_, call_id=f"call of {id_}", recorded_at=NOON - days_ago * DAY, raw={"id": id_})
