"""What one archived recording takes, as ratios of one run: AWS calls, provider requests, share of the pace.

    python -m benchmarks.pipeline [--recordings 200] [--requests-per-minute 120]

runs the whole archive against a simulated babelforce, twice on the same folder: the second run meets known recordings.
It runs on an emulator's AWS, whose calls are counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from benchmarks.tables import Table, printed
from ops.local.options import Options
from ops.local.run import run
from simulators.providers.babelforce import Babelforce

WRITES = ("dynamodb.PutItem", "dynamodb.UpdateItem", "dynamodb.DeleteItem", "dynamodb.BatchWriteItem")


def measured(recordings: int, rate: int) -> Table:
    """Runs twice; the ratios."""
    with tempfile.TemporaryDirectory() as folder, Babelforce(recordings=recordings) as simulator:
        local = _local_options(Path(folder), simulator, rate)
        first = _figures(local)
        served = len(simulator.log)
        busiest, parallel = simulator.busiest_window(60), simulator.peak_parallel_media()
        second = _figures(local)
    source = first["sources"]["bench"]
    ratios = {
        "S3 PUTs for each recording": _calls(first, "s3.PutObject") / recordings,
        "DynamoDB writes for each recording": sum(_calls(first, name) for name in WRITES) / recordings,
        "SQS calls for each recording, the poller's aside": _calls(first, "sqs.") / recordings,
        "provider requests for each recording": served / recordings,
        "share of the allowed rate used": source["requests_per_minute"] / source["allowed_per_minute"],
        "busiest minute, of the allowed requests": busiest / rate,
        "downloads at a time, at the most": float(parallel),
        "AWS calls for each recording that is known already": _calls(second, "") / recordings,
    }
    return Table(
        title="A recording through the pipeline",
        says=f"{recordings} recordings of a simulated babelforce at {rate} requests a minute, on an emulator of AWS, "
        "whose calls are counted; the last line is of a second run that finds nothing new.",
        columns=("what", "ratio"),
        rows=[[name, round(ratio, 3)] for name, ratio in ratios.items()],
    )


def main() -> None:
    """Prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--requests-per-minute", type=int, default=120)
    options = parser.parse_args()
    sys.stdout.write(f"\n{printed(measured(options.recordings, options.requests_per_minute))}")


def _local_options(folder: Path, simulator: Babelforce, rate: int) -> Options:
    deployment, secrets = folder / "deployment.toml", folder / "secrets.json"
    deployment.write_text(
        f"""[archive]
name = "bench"
[sources.bench]
provider = "babelforce"
base_url = "{simulator.base_url}"
secret = "bench"
requests_per_minute = {rate}
allow_private_addresses = true
start = {simulator.start:%Y-%m-%dT00:00:00Z}
"""
    )
    secrets.touch(0o600)
    secrets.write_text(json.dumps({"bench": simulator.secret}))
    return Options(deployment=deployment, secrets=secrets, out=folder / "archive", engine="moto")


def _figures(options: Options) -> dict[str, Any]:
    code = run(options, threading.Event())
    if code:
        raise SystemExit(code)
    figures: dict[str, Any] = json.loads((options.out / "run.json").read_text())
    return figures


def _calls(figures: dict[str, Any], name: str) -> int:
    """Calls whose name begins with `name`, of all functions."""
    return sum(number for calls in figures["calls"].values() for call, number in calls.items() if call.startswith(name))


if __name__ == "__main__":
    main()
