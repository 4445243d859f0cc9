"""How a local archive grows: CPU and memory for each recording, the start of a second run, the size of the ledger.

    python -m benchmarks.local [--recordings 1000 10000 100000]

runs `recordings local` twice against simulated babelforces whose recordings are small, so that what is measured is the
work beside the bytes. The simulators share the machine; CPU is of the run's own process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from simulators.providers.babelforce import Babelforce

SIZES = (4_000, 4_001)
SOURCES = 8
"""Side by side, because each may be asked a hundred times a second at the most."""

DAILY = 500
"""Recordings of a day, so that more of them reach further back rather than crowd the days."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """What one size of archive takes."""

    recordings: int
    cpu_ms_each: float
    peak_mib: float
    seconds: float
    again_peak_mib: float
    again_seconds: float
    again_cpu_seconds: float
    first_request_seconds: float
    ledger_bytes_each: float


def main() -> None:
    """Measures each size and prints a line of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    counts = parser.parse_args().recordings
    print("recordings  CPU ms each  peak MiB  again MiB  seconds  again s  again CPU s  first request s  ledger B each")
    for count in counts:
        found = grown(count)
        print(
            f"{found.recordings:10}  {found.cpu_ms_each:11.2f}  {found.peak_mib:8.0f}"
            f"  {found.again_peak_mib:9.0f}  {found.seconds:7.0f}  {found.again_seconds:7.2f}"
            f"  {found.again_cpu_seconds:11.2f}  {found.first_request_seconds:15.2f}"
            f"  {found.ledger_bytes_each:13.0f}",
            flush=True,
        )


def grown(count: int) -> Growth:
    """Fills an archive with so many recordings and runs it again."""
    span = timedelta(days=max(count // DAILY, 1))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = [Babelforce(recordings=count // SOURCES, sizes=SIZES, span=span, seed=seed) for seed in range(SOURCES)]
        simulators = [stack.enter_context(simulator) for simulator in made]
        words = _words(folder, simulators)
        first = _run(words, folder)
        begun, asked = time.monotonic(), [len(simulator.log) for simulator in simulators]
        again = _run(words, folder)
        pairs = zip(simulators, asked, strict=True)
        request = min(simulator.log[before].started for simulator, before in pairs) - begun
        ledger = (folder / "archive" / ".archive" / "ledger.sqlite").stat().st_size
    return Growth(
        recordings=count,
        cpu_ms_each=first["cpu_seconds"] * 1000 / count,
        peak_mib=first["peak_rss_bytes"] / 2**20,
        seconds=first["seconds"],
        again_peak_mib=again["peak_rss_bytes"] / 2**20,
        again_seconds=again["seconds"],
        again_cpu_seconds=again["cpu_seconds"],
        first_request_seconds=request,
        ledger_bytes_each=ledger / count,
    )


def _words(folder: Path, simulators: Sequence[Babelforce]) -> list[str]:
    deployment, secrets = folder / "deployment.toml", folder / "secrets.json"
    sources = "".join(_source(f"bench-{number}", simulator) for number, simulator in enumerate(simulators))
    deployment.write_text(f'[archive]\nname = "bench"\n{sources}')
    secrets.touch(0o600)
    secrets.write_text(json.dumps({f"bench-{number}": each.secret for number, each in enumerate(simulators)}))
    given = ["--deployment", str(deployment), "--secrets", str(secrets), "--out", str(folder / "archive")]
    return [sys.executable, "-m", "ops", "local", *given]


def _source(name: str, simulator: Babelforce) -> str:
    return f"""
[sources.{name}]
provider = "babelforce"
base_url = "{simulator.base_url}"
secret = "{name}"
requests_per_minute = 6000
max_parallel_downloads = 2
allow_private_addresses = true
start = {simulator.start:%Y-%m-%dT00:00:00Z}
"""


def _run(words: list[str], folder: Path) -> Mapping[str, Any]:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout}{done.stderr}")
    figures: Mapping[str, Any] = json.loads((folder / "archive" / "run.json").read_text())
    return figures


if __name__ == "__main__":
    main()
