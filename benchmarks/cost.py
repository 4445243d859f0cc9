"""What a recording costs: the AWS calls of a real run through the real handlers, times the prices of the price file.

    python -m benchmarks.cost [--recordings 100]

The run is on an emulator of AWS whose calls are counted; what DynamoDB bills is reckoned from its items. How long AWS
would bill the downloader for cannot be seen there: the transfer, the wait for the slot and AWS's answers are assumed,
alike for both designs; its CPU was measured, and a function gets a share of a processor by its memory. Prices are those
of us-east-1 without free tiers.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.metered_aws import MeteredAws
from benchmarks.tables import Cell, Table, markdown, printed
from functions.archiver.settings.storage_classes import StoragePolicy
from infra.source.downloader import MEMORY_MIB
from ops.plan.prices import DAYS_A_MONTH, FILE, Prices, prices
from simulators.providers.babelforce import Babelforce
from tests.doubles.embedded import Embedded

REGION = "us-east-1"
SIZES = (350_000, 1_000_000)
RETENTION_DAYS = {"90 days": 90, "1 year": 365, "7 years": 2557}
MILLION = 1_000_000
SECONDS_EACH_MB, WAIT_SECONDS, AWS_SECONDS = 0.6, 0.25, 0.125
"""Of a downloader: its transfer, its wait for a slot, and six calls of AWS."""

CPU_SECONDS = 0.012
"""Of a recording in a warm downloader under Lambda's client: 9 ms were measured over HTTP, TLS takes the rest."""

MIB_A_PROCESSOR = 1769
"""With so much memory a function has one whole processor."""

PLATFORM_LOG_BYTES = 320
"""What Lambda itself logs of an invocation: START, END and REPORT."""

FIRST = 20
BEGIN, END = "<!-- python -m benchmarks cost -->", "<!-- end -->"

_GB = 1024**3
_FUNCTIONS = ("lister", "downloader")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What recordings took. `messages` are those that AWS's own poller received and deleted."""

    size_bytes: int
    calls: Mapping[str, float]
    messages: float
    log_bytes: float

    def of(self, *names: str) -> float:
        """Calls of these operations, or units."""
        return sum(self.calls.get(name, 0.0) for name in names)


def run(size_bytes: int, recordings: int) -> Run:
    """What so many recordings of a simulated babelforce take, beyond what the first few do: starting up aside."""
    few, many = _counted(size_bytes, FIRST), _counted(size_bytes, FIRST + recordings)
    return Run(
        size_bytes=size_bytes,
        calls={name: (many.calls[name] - few.calls.get(name, 0.0)) / recordings for name in many.calls},
        messages=(many.messages - few.messages) / recordings,
        log_bytes=(many.log_bytes - few.log_bytes) / recordings,
    )


def _counted(size_bytes: int, recordings: int) -> Run:
    """Finds and archives them; of all together."""
    sizes = (size_bytes, size_bytes + 1)
    with Babelforce(recordings=recordings, sizes=sizes, span=timedelta(days=1)) as simulator:
        embedded = Embedded(simulator, aws=MeteredAws())
        embedded.find()
        embedded.work_off()
        while embedded.dispatch():
            embedded.work_off()
        assert not embedded.errors
        counted = embedded.aws.calls
        assert counted["downloader"]["s3.PutObject"] == 2 * recordings
        return Run(
            size_bytes=size_bytes,
            calls=sum((counted[name] for name in _FUNCTIONS), Counter()),
            messages=counted["poller"]["sqs.DeleteMessage"],
            log_bytes=len(embedded.log.getvalue()),
        )


def ours(found: Run, at: Mapping[str, float], region: Prices, days: int) -> dict[str, tuple[str, float]]:
    """By service: how often for each recording, in words, and the dollars of a million."""
    storage = StoragePolicy(storage="auto", expire_after_days=days).at_put(found.size_bytes)
    rest = AWS_SECONDS + CPU_SECONDS * MIB_A_PROCESSOR / MEMORY_MIB
    seconds = found.size_bytes / 1e6 * SECONDS_EACH_MB + WAIT_SECONDS + rest
    gb_seconds = seconds * MEMORY_MIB / 1024
    queue = found.of("sqs.SendMessage", "sqs.SendMessageBatch", "sqs.ChangeMessageVisibility") + 2 * found.messages
    logged = found.log_bytes + PLATFORM_LOG_BYTES
    writes, reads = found.of("units.write"), found.of("units.read")
    lists, secrets = found.of("s3.ListObjectsV2", "s3.ListObjectVersions"), found.of("secrets-manager.GetSecretValue")
    dollars = {
        "S3, audio": (f"1 PUT into {storage}", region.storage[storage].put),
        "S3, sidecar": ("1 PUT into STANDARD", region.storage["STANDARD"].put),
        "DynamoDB, writes": (f"{writes:.2f} write units", writes * at["table_write_unit"]),
        "DynamoDB, reads": (f"{reads:.2f} read units", reads * at["table_read_unit"]),
        "Lambda": (
            f"1 invocation, {seconds:.2f} s of {MEMORY_MIB} MB",
            at["invocation"] + gb_seconds * at["gb_second"],
        ),
        "SQS": (f"{queue:.2f} requests", queue * at["fifo_request"]),
        "Logs": (f"{logged:.0f} bytes", logged / _GB * at["log_gb"]),
        "Shares of listings": (
            f"{lists:.2f} lists, {secrets:.2f} secrets",
            lists * at["s3_list"] + secrets * at["secret_call"],
        ),
    }
    return {name: (how, each * MILLION) for name, (how, each) in dollars.items()}


def straightforward(size_bytes: int, at: Mapping[str, float], region: Prices) -> float:
    """The dollars of a million in the design that comes first to mind, storage after its first month aside.

    A message for each recording on a standard queue, 1 GB of x86 that sleeps a second for its rate and takes 0.2 s
    besides its transfer, four status writes into an index with all attributes, a PUT into Standard that moves to
    Glacier Instant Retrieval after a month, no bucket key, the secret read each time, 4 KB of logs, a webhook event for
    each and a trace for one of twenty.
    """
    seconds = size_bytes / 2**20 * SECONDS_EACH_MB + 1.0 + 0.2
    standard = region.storage["STANDARD"]
    each = (
        seconds * at["gb_second_x86"]
        + at["invocation"]
        + 3 * at["standard_queue_request"]
        + 10 * at["table_write_unit"]
        + 2 * at["table_read_unit"]
        + standard.put
        + at["transition"]
        + standard.month(size_bytes)
        + at["key_call"]
        + at["secret_call"]
        + 4096 / _GB * at["log_gb"]
        + 0.05 * at["trace"]
        + at["http_api_request"]
    )
    return each * MILLION


def kept(size_bytes: int, storage: str, days: float, region: Prices) -> float:
    """Keeping a million for so long, in dollars."""
    stored = region.storage[storage]
    return MILLION * stored.month(size_bytes) * max(days, stored.min_days) / DAYS_A_MONTH


def calls_of(region: str) -> Mapping[str, float]:
    """The prices of single calls and units."""
    found: Mapping[str, float] = tomllib.loads(FILE.read_text(encoding="utf-8"))["calls"][region]
    return found


def measured(recordings: int = 100) -> tuple[Table, Table]:
    """By service for recordings kept for years, and the sums by term beside the straightforward design."""
    at, region = calls_of(REGION), prices(REGION)
    runs = [run(size, recordings if size == SIZES[0] else max(recordings // 4, FIRST)) for size in SIZES]
    says = (
        f"{recordings} recordings of a simulated babelforce, found by the schedule and archived by the real handlers "
        f"on an emulator of AWS that counts calls, beyond what the first {FIRST} take. Prices of {region.date} in "
        f"{REGION}, without free tiers. The downloader's seconds are assumed: {SECONDS_EACH_MB} a MB, "
        f"{WAIT_SECONDS} of waiting for its slot, {AWS_SECONDS} of AWS's answers, and "
        f"{CPU_SECONDS * 1000:.0f} ms of CPU at the share of a processor that its memory has."
    )
    return _by_service(runs, at, region, says), _by_term(runs, at, region)


def _by_service(runs: Sequence[Run], at: Mapping[str, float], region: Prices, says: str) -> Table:
    sums = [ours(found, at, region, RETENTION_DAYS["7 years"]) for found in runs]
    rows: list[Sequence[Cell]] = [
        [name, how, *(f"${each[name][1]:.2f}" for each in sums)] for name, (how, _) in sums[0].items()
    ]
    totals = [sum(dollars for _, dollars in each.values()) for each in sums]
    puts = [each["S3, audio"][1] + each["S3, sidecar"][1] for each in sums]
    rows.append(["**together**", "", *(f"**${total:.2f}**" for total in totals)])
    shares = (f"{total / put:.2f} times the PUTs" for total, put in zip(totals, puts, strict=True))
    rows.append(["", "", *shares])
    return Table(
        title="A million recordings, by service",
        says=says,
        columns=("", f"for each of {_size(SIZES[0])}", *(f"a million of {_size(size)}" for size in SIZES)),
        rows=rows,
    )


def _by_term(runs: Sequence[Run], at: Mapping[str, float], region: Prices) -> Table:
    rows: list[Sequence[Cell]] = []
    for found in runs:
        for term, days in RETENTION_DAYS.items():
            storage = StoragePolicy(storage="auto", expire_after_days=days).at_put(found.size_bytes)
            once = sum(dollars for _, dollars in ours(found, at, region, days).values())
            whole = once + kept(found.size_bytes, storage, days, region)
            other = straightforward(found.size_bytes, at, region)
            theirs = other + kept(found.size_bytes, "GLACIER_IR", max(days - DAYS_A_MONTH, 0), region)
            what = f"{_size(found.size_bytes)}, {term}"
            rows.append([what, storage, round(once, 1), round(other, 1), round(whole, 1), round(theirs, 1)])
    return Table(
        title="A million recordings, by term",
        says="Dollars for archiving a million, and for that and keeping them to the end of the term, beside the "
        "straightforward design (`straightforward` in `benchmarks/cost.py` says what that is).",
        columns=("recordings", "class at the PUT", "ours", "straightforward", "ours, kept", "straightforward, kept"),
        rows=rows,
        plot="ours",
    )


def write_into(page: Path, tables: Sequence[Table]) -> None:
    """Puts the tables between the marks of docs/costs.md."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    text = "\n".join("\n".join([f"### {each.title}", "", each.says, "", *markdown(each), ""]) for each in tables)
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")


def _size(size: int) -> str:
    return f"{size // 1000} KB" if size < MILLION else f"{size // MILLION} MB"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=100)
    for table in measured(parser.parse_args().recordings):
        sys.stdout.write(f"{printed(table)}\n")


if __name__ == "__main__":
    main()
