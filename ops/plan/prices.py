"""The price file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ops.shell.output import ExitCode, Failure

FILE = Path(__file__).with_name("prices.toml")
DAYS_A_MONTH = 365.25 / 12
_GB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageClass:
    """Dollars: `put` for one object, `gb_month` for keeping. Bytes and days are the least that is billed."""

    put: float
    gb_month: float
    min_days: int
    min_bytes: int
    overhead_bytes: int

    def month(self, size_bytes: float) -> float:
        """Keeping one object of this size for a month, in dollars."""
        return (max(size_bytes, self.min_bytes) + self.overhead_bytes) / _GB * self.gb_month


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Dollars for reading archived audio, at the most: a request, a GB, and a GB that leaves AWS."""

    request: float
    gb: float
    out_of_aws_gb: float

    def of(self, objects: int, size_bytes: int, *, requests_each: int) -> tuple[float, float]:
        """AWS's charge inside of its network, and the additional cost of the transfer out of it."""
        gigabytes = size_bytes / _GB
        return objects * requests_each * self.request + gigabytes * self.gb, gigabytes * self.out_of_aws_gb


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """Prices of one region, in US dollars, as they were on `date`.

    `recording` is without the `event` that may tell of it.
    """

    date: date
    region: str
    storage: Mapping[str, StorageClass]
    recording: float
    event: float
    source_month: float
    reading: Reading


def prices(region: str) -> Prices:
    """The prices of a region. Raises Failure (MISUSE) for one that the file does not have."""
    document = tomllib.loads(FILE.read_text(encoding="utf-8"))
    if region not in document["regions"]:
        there = ", ".join(document["regions"])
        raise Failure(ExitCode.MISUSE, f"{FILE.name} has no prices of {region}: give --region with one of {there}")
    classes = document["regions"][region]["storage"]
    return Prices(
        date=document["date"],
        region=region,
        storage={name: StorageClass(**fields) for name, fields in classes.items()},
        recording=document["recording"][region],
        event=document["event"][region],
        source_month=document["source_month"][region],
        reading=Reading(**document["reading"][region]),
    )
