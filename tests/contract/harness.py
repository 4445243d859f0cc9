"""The real listing and the real archiver on an embedded AWS, with one provider behind them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

from functions.archiver.archiving.archiving import Archiver, Report
from functions.archiver.entry import State
from functions.archiver.listing.cursors import CursorStore, Unclean, Walk
from functions.archiver.listing.listing import Findings, Listing
from functions.archiver.recording import Recording
from functions.archiver.throttling.lanes import Received
from tests.contract.case import Case
from tests.doubles.aws import BUCKET, Aws, s3
from tests.doubles.clock import FakeClock
from tests.harness.parts import Parts


class Bench(Parts):
    """One source whose clock stands an hour after the fixture's window."""

    def __init__(self, case: Case, aws: Aws) -> None:
        clock = FakeClock(case.fixture.window.end + timedelta(hours=1))
        super().__init__(aws, clock, source="contract", rate=60)
        self.case = case
        self.cursors = CursorStore(aws.table, source=self.source, owner="lister", clock=self.clock)

    def run_listing(self) -> Findings:
        """One run over the fixture's window as a single window of the walk."""
        window = self.case.fixture.window
        listing = Listing(
            provider=self.case.provider(),
            intake=self.intake,
            pace=self.pace,
            cursors=self.cursors,
            clock=self.clock,
            start=window.start,
            overlap=timedelta(hours=24),
            discovered_by="schedule",
            seconds_left=lambda: 900.0,
        )
        assert self.cursors.acquire()
        walk = Walk(name="forward", position=window.start, end=window.end, width=window.end - window.start)
        self.cursors.keep(walk)
        findings = listing.run_walk("forward", window.start, window.end)
        self.cursors.release()
        return findings

    def ids(self) -> list[str]:
        return sorted(entry.recording.id for entry in self.ledger.everything())

    def unclean(self) -> tuple[Unclean, ...]:
        return self.cursors.unclean()

    def archive(self, recording: Recording) -> Report:
        """One message of a lane, from its entry in the ledger on."""
        ticket = self.ledger.insert_queued(recording, "schedule")
        assert ticket
        archiver = Archiver(
            provider=self.case.provider,
            ledger=self.ledger,
            store=self.store,
            pace=self.pace,
            intake=self.intake,
            lanes=1,
            clock=self.clock,
        )
        return archiver.work(Received(ticket=ticket, lane=0, receive_count=1))

    def state(self, recording: Recording) -> State:
        entry = self.ledger.find(recording.id)
        assert entry
        return entry.state

    def objects(self) -> Mapping[str, bytes]:
        """What the bucket holds."""
        found = s3().list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {each["Key"]: s3().get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in found}

    def audio(self) -> list[bytes]:
        return [body for key, body in self.objects().items() if key.startswith("audio/")]

    def everything_written(self) -> str:
        """Documents, ledger and messages as text."""
        documents = [key + body.decode() for key, body in self.objects().items() if not key.startswith("audio/")]
        return json.dumps([documents, self.aws.items(), self.aws.messages()], default=str)
