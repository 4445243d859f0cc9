"""Moves recordings from a URL into a bucket and says what it took.

    python -m benchmarks.bytes [--large]

compares our way with those that people use.

    python -m benchmarks.bytes --one URL BUCKET KEY ENDPOINT [N]

moves one recording, or N, by the archiver's own path and nothing else: download, inspect, hash, store. One goes to KEY,
several to KEY-1 … KEY-N. The last line that is printed is JSON: CPU of the process in seconds (of the first, of all
after it), seconds, and the most memory it held.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import sys
import time
from pathlib import Path

BEGUN = time.monotonic()
Figures = dict[str, float]


def _cpu() -> float:
    """Of this process and of its children that have ended, in seconds."""
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime for who in _BOTH)


def _peak_bytes() -> int:
    """Of this program: what getrusage says of it counts the process that started it, too. Or of the largest child."""
    held = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return max(int(held[1]) if held else 0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024


_BOTH = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def one(way: str, url: str, bucket: str, key: str, endpoint: str, *, count: int, ca_file: str | None) -> Figures:
    """Moves them and counts."""
    from benchmarks.ways import WAYS

    move = WAYS[way](bucket, endpoint, ca_file)
    ready = _cpu()
    size, moments = 0, [(ready, time.monotonic())]
    for number in range(1, count + 1):
        size += move(url, key if count == 1 else f"{key}-{number}")
        moments.append((_cpu(), time.monotonic()))
    first, last = moments[1], moments[-1]
    return {
        "recordings": count,
        "bytes": size,
        "start_cpu_seconds": round(ready, 6),
        "first_cpu_seconds": round(first[0] - ready, 6),
        "later_cpu_seconds": round(last[0] - first[0], 6),
        "first_seconds": round(first[1] - moments[0][1], 6),
        "later_seconds": round(last[1] - first[1], 6),
        "process_cpu_seconds": round(_cpu(), 6),
        "process_seconds": round(time.monotonic() - BEGUN, 6),
        "peak_rss_bytes": _peak_bytes(),
    }


def compare(*, large: bool) -> None:
    """Prints our way beside others."""
    from benchmarks.comparing import LARGE, SIZES, bench, left_behind, taken, taken_without_a_store
    from benchmarks.tables import printed

    with bench() as on:
        sizes = (*SIZES, LARGE) if large else SIZES
        for table in (taken(on, sizes), taken_without_a_store(on, sizes), left_behind(on)):
            sys.stdout.write(f"{printed(table)}\n")


def main() -> None:
    """Reads the words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs="+", metavar="WORD", help="URL BUCKET KEY ENDPOINT [N]")
    parser.add_argument("--ca-file", default=os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE"))
    parser.add_argument("--large", action="store_true", help="compare with recordings of 1 GiB as well")
    parser.add_argument("--way", default="ours", help="another way than our own, for comparison")
    options = parser.parse_args()
    if options.one is None:
        compare(large=options.large)
        return
    if len(options.one) not in (4, 5):
        parser.error("--one takes URL BUCKET KEY ENDPOINT and, if there are several, their number")
    url, bucket, key, endpoint, *count = options.one
    if count and not count[0].isdigit():
        parser.error(f"{count[0]} is no number of recordings")
    number = int(count[0]) if count else 1
    done = one(options.way, url, bucket, key, endpoint, count=number, ca_file=options.ca_file)
    sys.stdout.write(f"{json.dumps(done)}\n")


if __name__ == "__main__":
    main()
