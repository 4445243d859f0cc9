"""The parts of one source over moto, wired once: ledger, pace, lanes, intake and store."""

from __future__ import annotations

from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.settings.storage_classes import StoragePolicy
from functions.archiver.throttling.intake import Intake
from functions.archiver.throttling.pace import Pace
from functions.archiver.throttling.sqs import SqsLanes
from tests.doubles.aws import Aws, s3, sqs
from tests.doubles.clock import FakeClock

STANDARD = StoragePolicy(storage="STANDARD", expire_after_days=None)


class Parts:
    """What a function of one source is made of. A bench adds what its tests do with it."""

    def __init__(
        self,
        aws: Aws,
        clock: FakeClock,
        *,
        source: str = "acme",
        rate: float = 6000,
        lanes: int = 1,
        policy: StoragePolicy = STANDARD,
    ) -> None:
        self.aws = aws
        self.clock = clock
        self.source = source
        self.ledger = Ledger(aws.table, source=source, clock=clock)
        self.pace = Pace(aws.table, source=source, requests_per_minute=rate, lanes=lanes, clock=clock)
        self.queue = SqsLanes(sqs(), queue_url=aws.queue_url, lanes=lanes)
        self.intake = Intake(ledger=self.ledger, lanes=self.queue, pace=self.pace)
        self.store = Store(S3Bucket(s3(), aws.bucket), policy=policy)
