"""`python -m simulators babelforce --recordings 60`: one provider on this machine until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import signal
import sys
import tempfile
import threading
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

from simulators import providers
from simulators.faults import KINDS, parse
from simulators.server import Simulator

PROVIDERS = sorted(module.name for module in pkgutil.iter_modules(providers.__path__))


def load(name: str) -> type[Simulator]:
    """The simulator of a provider."""
    module = importlib.import_module(f"{providers.__name__}.{name}")
    found: type[Simulator] = next(
        value for value in vars(module).values() if isinstance(value, type) and getattr(value, "name", "") == name
    )
    return found


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators", description="A provider as a local server")
    parser.add_argument("provider", choices=PROVIDERS)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--recordings", type=int, default=60)
    parser.add_argument("--unfinished", type=int, default=0, help="how many of them are not ready")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--start", type=datetime.fromisoformat, help="first recording, with a zone; default: see --days"
    )
    parser.add_argument("--days", type=float, default=2.0, help="over how many days they are spread, up to an hour ago")
    parser.add_argument("--sizes", type=int, nargs=2, default=(4_000, 2_000_000), metavar=("SMALLEST", "LARGEST"))
    parser.add_argument("--hostile-ids", action="store_true", help="also recordings whose ids are traps")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=parse,
        metavar="KIND[,where=list][,times=3|ever][,skip=1][,value=503][,retry_after=5][,recording_id=ID]",
        help=f"kinds: {', '.join(sorted(KINDS))}",
    )
    parser.add_argument("--rate", type=int, help="requests a minute, beyond which it refuses; default: any number")
    parser.add_argument("--secrets", type=Path, help="where to write the secrets file; default: a temporary file")
    parser.add_argument("--secret-name", help="the secret's name in that file; default: recordings/PROVIDER")
    parser.add_argument("--truth", type=Path, help="also write id, size and sha256 of every recording, a line for each")
    return parser


def main() -> int:
    """Serves until a signal."""
    given = arguments().parse_args()
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    simulator = load(given.provider)(
        recordings=given.recordings,
        unfinished=given.unfinished,
        seed=given.seed,
        faults=given.fault,
        start=given.start,
        span=timedelta(days=given.days),
        sizes=tuple(given.sizes),
        hostile_ids=given.hostile_ids,
        port=given.port,
        rate=given.rate,
    )
    with simulator as running:
        secrets = given.secrets or Path(tempfile.mkdtemp(prefix="simulator-")) / "secrets.json"
        secrets.touch(mode=0o600)
        secret_name = given.secret_name or f"recordings/{given.provider}"
        secrets.write_text(json.dumps({secret_name: running.secret}, indent=2))
        if given.truth:
            given.truth.write_text("".join(json.dumps(line) + "\n" for line in running.truth()))
        print(f"base_url: {running.base_url}")
        print(f"secrets: {secrets}")
        print(f"secret: {secret_name}")
        print(f"options: {json.dumps(running.options)}", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
