"""How long a synth and its checks take for many sources: `python -m benchmarks.synth [SOURCES]`; 400 in 120 s."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from functions.archiver.settings.deployment import MAX_WEBHOOKS, Archive, Deployment, Source
from infra.quotas import summary
from infra.synth import synthesise, written

SOURCES = 400
GOAL_SECONDS = 120


def deployment(sources: int) -> Deployment:
    """So many sources, as many of them with webhooks as one file may have."""
    return Deployment(
        archive=Archive(name="recordings", alerts=("ops@example.com",), expire_after_days=2555),
        sources=tuple(
            Source(
                name=f"source-{number:03}",
                provider="kazoo",
                base_url=f"https://api-{number}.example.com",
                secret=f"recordings/source-{number:03}",
                requests_per_minute=60,
                max_parallel_downloads=2,
                overlap=timedelta(days=1),
                webhook=number < MAX_WEBHOOKS,
            )
            for number in range(sources)
        ),
    )


def main(arguments: list[str]) -> int:
    """Synthesises into a temporary folder and prints seconds and sizes; 1 above the goal for the usual number."""
    sources = int(arguments[0]) if arguments else SOURCES
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        synthesise(deployment(sources), Path(folder))
        seconds = time.monotonic() - started
        for sentence in summary("recordings", written(Path(folder))):
            print(sentence)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{sources} sources synthesised and checked in {seconds:.1f} s; {used.ru_utime + used.ru_stime:.1f} s of CPU "
        f"and {used.ru_maxrss // 1024} MiB in this process, which waits for the CDK's own most of the time"
    )
    return int(sources >= SOURCES and seconds > GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
