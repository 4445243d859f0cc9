"""How much of what a provider allows is used, and whether it is ever exceeded: the pace, as a server sees it.

    python -m benchmarks.allowance [--seconds 75]

Each combination of a rate, a number of lanes and a response time is a source of its own, with its own item in one table
and a server in a process of its own that notes when requests arrive. All of them run side by side for as long, in real
time: most of it is waiting.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.tables import Cell, Table, printed
from functions.archiver.clock import Clock
from functions.archiver.errors import Closed
from functions.archiver.http.client import Http
from functions.archiver.throttling.pace import Pace
from ops.local.engine.sqlite_table import SqliteTable

RATES = (30, 60, 120, 600)
LANES = (1, 2, 8)
RESPONSE_SECONDS = (0.05, 1.0, 5.0)
MINUTE = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Combination:
    """One source. `bound` is what its rate and its lanes allow together, in requests a minute."""

    rate: int
    lanes: int
    response_seconds: float

    @property
    def name(self) -> str:
        """In paths and items."""
        return f"{self.rate}-{self.lanes}-{self.response_seconds:g}"

    @property
    def bound(self) -> float:
        """The lower one of the two."""
        return min(self.rate, self.lanes * MINUTE / self.response_seconds)


def combinations() -> list[Combination]:
    """All of them."""
    return [
        Combination(rate=rate, lanes=lanes, response_seconds=seconds)
        for rate, lanes, seconds in itertools.product(RATES, LANES, RESPONSE_SECONDS)
    ]


def busiest(arrivals: Sequence[float], window: float) -> int:
    """The most requests that arrived within any `window` seconds."""
    moments, start, most = sorted(arrivals), 0, 0
    for end, moment in enumerate(moments):
        while moment - moments[start] >= window:
            start += 1
        most = max(most, end - start + 1)
    return most


def achieved(arrivals: Sequence[float]) -> float:
    """Requests a minute, from the first to the last."""
    span = max(arrivals) - min(arrivals) if arrivals else 0.0
    return (len(arrivals) - 1) * MINUTE / span if span else 0.0


def arrivals_of(wanted: Sequence[Combination], seconds: float) -> dict[str, list[float]]:
    """Lets every source ask for so long; when its requests arrived."""
    with (
        _server() as url,
        tempfile.TemporaryDirectory() as folder,
        SqliteTable(Path(folder) / "ledger.sqlite") as table,
    ):
        until = time.monotonic() + seconds
        lanes = [
            threading.Thread(target=_ask, args=(each, table, url, until)) for each in wanted for _ in range(each.lanes)
        ]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        return _arrived(url)


def _ask(source: Combination, table: SqliteTable, url: str, until: float) -> None:
    """One lane: a process of its own on AWS, with its own pace and connection."""
    pace = Pace(table, source=source.name, requests_per_minute=source.rate, lanes=source.lanes, clock=Clock())
    http = Http(base_url=url, slots=pace, allow_private=True)
    while time.monotonic() < until:
        try:
            http.call("media", "GET", f"ask/{source.name}", params={"after": str(source.response_seconds)})
        except Closed as closed:
            time.sleep(max(0.0, closed.until.timestamp() - time.time()))


def measured(seconds: float = 75.0) -> Table:
    """What the servers saw."""
    wanted = combinations()
    seen = arrivals_of(wanted, seconds)
    window = min(seconds / 2, MINUTE) if seconds < MINUTE else MINUTE
    rows: list[Sequence[Cell]] = []
    for each in wanted:
        arrivals = seen.get(each.name, [])
        rate = achieved(arrivals)
        worst = busiest(arrivals, window)
        allowed = each.rate * window / MINUTE
        rows.append(
            [
                f"{each.rate} a minute, {each.lanes} lane{'s' * (each.lanes > 1)}, {each.response_seconds:g} s",
                round(rate, 1),
                round(each.bound, 1),
                round(rate / each.bound, 3),
                worst,
                round(allowed, 1),
                "none" if worst <= max(allowed, 1) else f"{worst - allowed:g} too many",
            ]
        )
    return Table(
        title="The allowed rate",
        says=f"Requests to a server for {seconds:g} s of real time, all combinations side by side. The bound is the "
        "rate, or what so many lanes can ask where answers take that long. No request may come sooner than one in "
        f"60.5 s / rate, which leaves 99.2 %. The busiest window is of {window:g} s.",
        columns=(
            "source",
            "requests a minute",
            "bound",
            "share",
            "busiest window",
            "allowed in it",
            "violations",
        ),
        rows=rows,
        plot="share",
    )


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.allowance", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def _arrived(url: str) -> dict[str, list[float]]:
    class Free:
        def book(self, kind: str) -> None:
            """At once."""

        def hold(self, seconds: float) -> None:
            """Never."""

    answer: Any = Http(base_url=url, slots=Free(), allow_private=True).call("list", "GET", "arrivals").json()
    return {name: [float(each) for each in moments] for name, moments in answer.items()}


def _serve() -> None:
    """Prints its port, and serves until its standard input is closed."""
    arrivals: dict[str, list[float]] = defaultdict(list)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            now, url = time.monotonic(), urlsplit(self.path)
            body = b"{}"
            if url.path == "/arrivals":
                body = json.dumps(arrivals).encode()
            else:
                arrivals[url.path.removeprefix("/ask/")].append(now)
                time.sleep(float(parse_qs(url.query)["after"][0]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=75.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve()
    else:
        sys.stdout.write(printed(measured(options.seconds)))


if __name__ == "__main__":
    main()
