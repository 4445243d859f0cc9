"""What an archive of the fault campaign stands on: moto's AWS, or a folder with SQLite. Both through the same ports."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from functions.archiver.bucket import upload
from functions.archiver.bucket.bucket import Bucket
from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.engine import Message
from functions.archiver.ledger.table import Table
from functions.archiver.settings.metrics import Metric
from functions.archiver.throttling.lanes import Lanes
from functions.archiver.throttling.sqs import SqsLanes
from ops.local.engine.folder import FolderBucket
from ops.local.engine.lanes import FifoLanes
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.aws import Aws, aws, s3, sqs

ENGINES = ("moto", "folder")
LANES = 2
PART_BYTES = 20_000
"""Small, so that recordings of some more go up in several parts; the engines are told to take them."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The ports without faults. `sent` takes what is in the lanes, `open_uploads` names what was never ended."""

    engine: str
    table: Table
    bucket: Bucket
    lanes: Lanes
    sent: Callable[[], list[dict[str, Any]]]
    open_uploads: Callable[[], set[str]]


@contextmanager
def ground(engine: str) -> Iterator[Ground]:
    """An empty one, gone at the end of the block."""
    with patch.object(upload, "PART_BYTES", PART_BYTES), _moto() if engine == "moto" else _folder() as made:
        yield made


@contextmanager
def _moto() -> Iterator[Ground]:
    with patch("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1), aws() as made:
        yield Ground(
            engine="moto",
            table=made.table,
            bucket=S3Bucket(s3(), made.bucket),
            lanes=SqsLanes(sqs(), queue_url=made.queue_url, lanes=LANES),
            sent=made.messages,
            open_uploads=lambda: _open_in(made),
        )


def _open_in(made: Aws) -> set[str]:
    answer = s3().list_multipart_uploads(Bucket=made.bucket)
    return {each["UploadId"] for each in answer.get("Uploads", [])}


@contextmanager
def _folder() -> Iterator[Ground]:
    with (
        patch("ops.local.engine.folder.SMALLEST_PART_BYTES", 1),
        tempfile.TemporaryDirectory() as folder,
        SqliteTable(Path(folder) / "ledger.sqlite") as table,
    ):
        bucket, lanes = FolderBucket(Path(folder) / "archive"), FifoLanes(LANES)
        yield Ground(
            engine="folder",
            table=table,
            bucket=bucket,
            lanes=lanes,
            sent=lambda: list(_taken(lanes)),
            open_uploads=lambda: set(bucket._uploads),
        )


def _taken(lanes: FifoLanes) -> Iterator[dict[str, Any]]:
    while delivery := lanes.receive():
        lanes.delete(delivery)
        yield delivery.record()


class PortsEngine:
    """The engine of the functions over these ports. Nobody reads its log."""

    tokens = None
    signer = None

    def __init__(self, *, table: Table, bucket: Bucket, lanes: Lanes) -> None:
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
