"""Our way of a recording's bytes beside those that people use: what each takes, and what each leaves behind."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.origin import certificate, origin
from benchmarks.sink import sink
from benchmarks.tables import Table
from benchmarks.ways import WAYS, present, s3_at
from tests.doubles.seaweed import seaweed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "bench"
BASE = "upload_fileobj"
MIB = 1024 * 1024
SIZES = ((100_000, 20), (1_000_000, 15), (64 * MIB, 1))
"""Bytes, and how many recordings a process moves: of several the first, which is cold, does not count."""

LARGE = (2**30, 1)
"""Over http alone: it takes a quarter of a minute, whichever way."""

COLUMNS = ("recording", "way", "CPU ms", "CPU, ratio", "time, ratio", "cold CPU, ratio", "most memory, MiB")
Figures = dict[str, float]


class Failed(Exception):
    """A way has brought no recording; with the end of what it said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """A store on this machine and an origin for each scheme."""

    endpoint: str
    origins: dict[str, str]
    ca_file: Path
    s3: S3Client
    numbers: Iterator[int]

    def run(self, way: str, url: str, recordings: int = 1, key: str | None = None) -> Figures:
        """A process of its own. Raises Failed."""
        key = key or f"recording-{next(self.numbers)}"
        words = ["--one", url, BUCKET, key, self.endpoint, str(recordings), "--way", way, "--ca-file", self.ca_file]
        command = [sys.executable, "-m", "benchmarks.bytes", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{way}: {done.stderr[-500:]}")
        figures: Figures = json.loads(done.stdout)
        return figures


@contextmanager
def bench() -> Iterator[Bench]:
    """Starts what is needed."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        made = certificate(folder)
        store = folder / "store"
        store.mkdir()
        with seaweed(store) as endpoint, origin() as plain, origin(made) as tls:
            s3 = s3_at(endpoint)
            s3.create_bucket(Bucket=BUCKET)
            origins = {"http": plain, "https": tls}
            yield Bench(endpoint=endpoint, origins=origins, ca_file=made[0], s3=s3, numbers=count())


def taken(on: Bench, sizes: Sequence[tuple[int, int]] = SIZES, rounds: int = 3) -> Table:
    """CPU, time and memory, the ways taking turns."""
    rows: list[Sequence[str | float | int]] = []
    for size, recordings in sizes:
        for scheme in ("http",) if (size, recordings) == LARGE else ("http", "https"):
            url = f"{on.origins[scheme]}/audio?bytes={size}"
            rows += _ratios(on, f"{_size(size)} {scheme}", url, recordings, rounds, present())
    return Table(
        title="What a recording's bytes take",
        says=f"From a server into SeaweedFS, both on this machine, as ratios to boto3's `{BASE}` from a stream of "
        "requests, which checks less. Warm: in a process that has moved one before (from 64 MiB on: a fresh one). "
        "Cold: a process that starts, moves one and ends, imports included. rclone is a process for each recording. "
        f"Medians of {rounds} rounds.",
        columns=COLUMNS,
        rows=rows,
        plot="CPU, ratio",
    )


def taken_without_a_store(on: Bench, sizes: Sequence[tuple[int, int]] = SIZES, rounds: int = 3) -> Table:
    """The same into nowhere: a store that keeps things leaves little of two cores, and little to tell apart."""
    rows: list[Sequence[str | float | int]] = []
    ways = [way for way in WAYS if way != "rclone"]
    with sink() as endpoint:
        for size, recordings in sizes:
            url = f"{on.origins['http']}/audio?bytes={size}"
            rows += _ratios(replace(on, endpoint=endpoint), f"{_size(size)} http", url, recordings, rounds, ways)
    return Table(
        title="What they take where the store takes nothing",
        says="As above, into a server that answers like S3 and keeps nothing; without rclone, which looks at what it "
        "has stored. SeaweedFS takes three quarters of both cores and most of the time that a large recording takes, "
        "whoever sends it.",
        columns=COLUMNS,
        rows=rows,
        plot="CPU, ratio",
    )


def _ratios(
    on: Bench, what: str, url: str, recordings: int, rounds: int, ways: Sequence[str]
) -> Iterator[Sequence[str | float | int]]:
    found: dict[str, list[Figures]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            try:
                found[way].append(on.run(way, url, recordings))
            except Failed as failed:
                sys.stderr.write(f"{what}, {failed}\n")
    part = "later" if recordings > 1 else "first"

    def median(way: str, *names: str) -> float:
        return statistics.median(sum(each[name] for name in names) for each in found[way])

    for way in ways:
        if found[way]:
            cpu, seconds = median(way, f"{part}_cpu_seconds"), median(way, f"{part}_seconds")
            cold = median(way, "start_cpu_seconds", "first_cpu_seconds")
            yield (
                what,
                way,
                cpu * 1000 / max(recordings - 1, 1),
                round(cpu / median(BASE, f"{part}_cpu_seconds"), 2),
                round(seconds / median(BASE, f"{part}_seconds"), 2),
                round(cold / median(BASE, "start_cpu_seconds", "first_cpu_seconds"), 2),
                round(median(way, "peak_rss_bytes") / MIB),
            )


def left_behind(on: Bench) -> Table:
    """Checksums, what a broken source leaves, and what becomes of a taken key."""
    return Table(
        title="What each leaves behind",
        says="A good recording of 100 KB and of 20 MiB: the checksum that the store keeps of it. A source that says 20 "
        "MiB and breaks off after 12: what is in the bucket then. A key that is taken by other bytes.",
        columns=("way", "checksum, 100 KB", "checksum, 20 MiB", "a broken source", "a taken key"),
        rows=[[way, *_behind(on, way)] for way in present()],
    )


def _behind(on: Bench, way: str) -> Iterator[str]:
    url, large = f"{on.origins['http']}/audio", 20 * MIB
    for size in (100_000, large):
        key = f"kept-{next(on.numbers)}"
        yield _checksum(on.s3, key) if _ends_well(on, way, f"{url}?bytes={size}", key) else "failed"
    key = f"broken-{next(on.numbers)}"
    ended_well = _ends_well(on, way, f"{url}?bytes={large}&cut={12 * MIB}", key)
    yield f"{'no error' if ended_well else 'an error'}, {_remains(on.s3, key)}"
    key = f"taken-{next(on.numbers)}"
    on.s3.put_object(Bucket=BUCKET, Key=key, Body=b"first")
    _ends_well(on, way, f"{url}?bytes=100000", key)
    untouched = on.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"first"
    yield "left as it is" if untouched else "overwritten"


def _ends_well(on: Bench, way: str, url: str, key: str) -> bool:
    try:
        on.run(way, url, key=key)
    except Failed:
        return False
    return True


def _checksum(s3: S3Client, key: str) -> str:
    head = s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    names = [name.removeprefix("Checksum") for name in head if name.startswith("Checksum") and name != "ChecksumType"]
    kind = str(head.get("ChecksumType", "")).lower().replace("_", " ")
    return f"{', '.join(names)} {kind}".strip() or "none"


def _remains(s3: S3Client, key: str) -> str:
    objects = s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", [])
    uploads = [each for each in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) if each["Key"] == key]
    if objects:
        return f"an object of {objects[0]['Size'] / MIB:.0f} MiB"
    return "parts of an upload" if uploads else "nothing"


def _size(size: int) -> str:
    return f"{size // MIB:,} MiB" if size >= MIB else f"{size // 1000:,} KB"
