"""What an archive of the fault campaign stands on: moto's AWS, or a folder with SQLite. Both through the same ports.

The folder acts as a bucket with Object Lock, so that holds are held by it too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from functions.archiver.bucket import upload
from functions.archiver.bucket.bucket import Bucket
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.engine import Message
from functions.archiver.ledger.table import Table
from functions.archiver.sealing.signing import Signer
from functions.archiver.settings.metrics import Metric
from functions.archiver.throttling.intake import TICK_SECONDS
from functions.archiver.throttling.lanes import Lanes
from functions.archiver.throttling.sqs import SqsLanes
from ops.erasing import erasing
from ops.holds import placing
from ops.local.engine.lanes import FifoLanes
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.aws import Aws, aws, s3, sqs
from tests.doubles.clock import NOON
from tests.doubles.memory_folder import memory_folder
from tests.doubles.signing_key import SigningKey
from tests.doubles.vault import Vault

ENGINES = ("moto", "folder")
SOURCES = ("acme", "acme2")
"""Their names begin alike, so that a prefix that is cut too short meets the other's."""

LANES = 2
PART_BYTES = 20_000
"""Small, so that recordings of some more go up in several parts; the engines are told to take them."""

_LOCKED_UNTIL = NOON + timedelta(days=3650)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The ports without faults. `sent` takes what is in the lanes of a source, `open_uploads` names what was never
    ended. `erasing` is the bucket in the name of whoever may break its locks.
    """

    engine: str
    table: Table
    bucket: Bucket
    erasing: Bucket
    lanes: Mapping[str, Lanes]
    sent: Callable[[str], list[dict[str, Any]]]
    open_uploads: Callable[[], set[str]]
    signer: Signer = field(default_factory=SigningKey)


@contextmanager
def ground(engine: str) -> Iterator[Ground]:
    """An empty one, gone at the end of the block. What a verb does in threads is done one after the other."""
    with (
        patch.object(upload, "ONE_OBJECT_BYTES", PART_BYTES),
        patch.object(upload, "PART_BYTES", PART_BYTES),
        patch.object(placing, "each_of", map),
        patch.object(erasing, "each_of", map),
        _moto() if engine == "moto" else _folder() as made,
    ):
        yield made


@contextmanager
def _moto() -> Iterator[Ground]:
    with patch("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1), aws(object_lock=True) as made:
        queues = {source: made.with_queue(f"{source}.fifo") for source in SOURCES}
        yield Ground(
            engine="moto",
            table=made.table,
            bucket=S3Bucket(s3(), made.bucket),
            erasing=S3Bucket(s3(), made.bucket, bypasses_governance=True),
            lanes={source: SqsLanes(sqs(), queue_url=of.queue_url, lanes=LANES) for source, of in queues.items()},
            sent=lambda source: queues[source].messages(),
            open_uploads=lambda: _open_in(made),
        )


def _open_in(made: Aws) -> set[str]:
    answer = s3().list_multipart_uploads(Bucket=made.bucket)
    return {each["UploadId"] for each in answer.get("Uploads", [])}


@contextmanager
def _folder() -> Iterator[Ground]:
    with (
        patch("ops.local.engine.folder.SMALLEST_PART_BYTES", 1),
        memory_folder() as folder,
        SqliteTable(Path(folder) / "ledger.sqlite") as table,
    ):
        bucket = Vault(Path(folder) / "archive", until=_LOCKED_UNTIL)
        lanes = {source: FifoLanes(LANES) for source in SOURCES}
        yield Ground(
            engine="folder",
            table=table,
            bucket=bucket,
            erasing=bucket,
            lanes=lanes,
            sent=lambda source: list(_taken(lanes[source])),
            open_uploads=lambda: set(bucket._uploads),
        )


def _taken(lanes: FifoLanes) -> Iterator[dict[str, Any]]:
    while delivery := lanes.receive():
        lanes.delete(delivery)
        yield delivery.record()


class PortsEngine:
    """The engine of the functions over these ports. Nobody reads its log."""

    tokens = None
    tick_seconds = TICK_SECONDS

    def __init__(self, *, table: Table, bucket: Bucket, lanes: Lanes, signer: Signer) -> None:
        self.signer = signer
        self.table = table
        self.bucket = bucket
        self.lanes = lanes
        self.log = self

    def info(self, message: str, /, **fields: object) -> None:
        """Not kept."""

    def error(self, message: str, /, **fields: object) -> None:
        """Not kept."""

    def secret(self, name: str, *, fresh: bool = False) -> str:
        raise AssertionError("the provider of a world needs no secret")

    def count(self, metrics: Mapping[Metric, float]) -> None:
        """Not kept."""

    def tell(self, message: Message) -> None:
        """Not kept."""
