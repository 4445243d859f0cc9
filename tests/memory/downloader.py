"""The downloader's work on one recording, in a process of its own; prints the most memory it ever held, in bytes.

python -m tests.memory.downloader URL BYTES S3

URL is the provider's, S3 the endpoint of a store that has the bucket `archive`.

Table and queue are moto's, inside this process: they cost the same whatever the recording's length.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import boto3

from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.provider.provider import Opened
from functions.archiver.recording import Recording
from functions.archiver.settings.storage_classes import StoragePolicy
from tests.doubles.aws import aws
from tests.doubles.clock import FakeClock
from tests.doubles.http_client import http_to
from tests.harness.archiving import ArchivingBench, ScriptedProvider


class OverHttp(ScriptedProvider):
    """Fetches from `url` by the real HTTP client."""

    def __init__(self, url: str, size: int) -> None:
        super().__init__()
        self._size = size
        self._client = http_to(url)

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        with self._client.stream("media", f"/audio?bytes={self._size}") as body:
            yield Opened(body=body)


def main(url: str, size: int, store: str) -> None:
    with aws() as made:
        bench = ArchivingBench(made, FakeClock())
        bench.provider = OverHttp(url, size)
        client = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1"
        ).client("s3", endpoint_url=store)
        bench.store = Store(
            S3Bucket(client, "archive"), policy=StoragePolicy(storage="STANDARD", expire_after_days=None)
        )
        bench.finds(recorded_at=bench.clock.now() - timedelta(hours=1))
        report = bench.work()
    if report.outcome != "archived" or report.stored is None or report.stored.size_bytes != size:
        sys.exit(f"{report.outcome}: {report.reason}")
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    sys.stdout.write(f"{int(peak.group(1)) * 1024}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
