"""`python -m benchmarks.index [ROWS]`: builds a search index of generated rows and measures searches in it."""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.index.index import Index
from ops.index.query import Query
from ops.index.rows import Row
from ops.local.heap import peak_bytes

NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
AGENTS = [f"Agent {number:03d}" for number in range(300)]
SOURCES = ("acme-uk", "acme-de", "dialer")


def rows(count: int) -> Iterator[Row]:
    """Rows of three years, a call's number now and then twice."""
    random_ = random.Random(7)
    for number in range(count):
        moment = NEWEST - timedelta(seconds=number * 94_608_000 / count)
        recording_id = f"{random_.getrandbits(128):032x}"
        yield Row(
            source=random_.choices(SOURCES, (80, 19, 1))[0],
            recording_id=recording_id,
            call_id=f"call-{number // 2:09d}",
            recorded_at=moment,
            day=moment.date(),
            duration_seconds=random_.expovariate(1 / 180),
            direction=random_.choices(("in", "out", "unknown"), (60, 39, 1))[0],
            from_number=f"+44{random_.randrange(10**9, 2 * 10**9)}",
            to_number=f"0{random_.randrange(10**9, 2 * 10**9)}",
            agent=random_.choice(AGENTS),
            state=random_.choices(("archived", "failed", "gone"), (998, 1, 1))[0],
            key=f"audio/source=acme-uk/date={moment.date()}/{recording_id}.mp3",
            bytes=random_.randrange(10**6),
            sha256=f"{random_.getrandbits(256):064x}",
            codec="mp3",
            held=random_.random() < 0.0001,
            transcript=random_.random() < 0.2,
        )


def p95(ask: Callable[[], object], times: int = 40) -> float:
    """Milliseconds within which 95 of a hundred calls end."""
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        ask()
        spent.append((time.perf_counter() - begin) * 1000)
    return round(statistics.quantiles(spent, n=20)[-1], 1)


def searches(index: Index) -> dict[str, float]:
    """95th percentiles of what people ask for, in milliseconds."""
    random_ = random.Random(8)
    some = index.search(Query(), limit=200).rows
    month = Query(since=NEWEST - timedelta(days=400), until=NEWEST - timedelta(days=370))

    def any_of() -> Row:
        return random_.choice(some)

    deep = index.search(Query(until=NEWEST - timedelta(days=500))).older
    return {
        "newest 50": p95(lambda: index.search(Query())),
        "a page deep down": p95(lambda: index.search(Query(), older_than=deep)),
        "a whole number": p95(lambda: index.search(Query(number=any_of().from_number or ""))),
        "the last four digits": p95(lambda: index.search(Query(number=f"{random_.randrange(10**4):04d}"))),
        "the box: a number": p95(lambda: index.search(Query(words=any_of().to_number or ""))),
        "the box: an agent": p95(lambda: index.search(Query(words=any_of().agent or ""))),
        "the box: all agents": p95(lambda: index.search(Query(words="agent"))),
        "an agent in a month": p95(lambda: index.search(replace(month, agent=any_of().agent or ""))),
        "a small source": p95(lambda: index.search(Query(source="dialer"))),
        "failed": p95(lambda: index.search(Query(state="failed"))),
        "held": p95(lambda: index.search(Query(held=True))),
        "longer than 20 minutes": p95(lambda: index.search(Query(min_seconds=1200))),
        "longer than any": p95(lambda: index.search(Query(min_seconds=10_000)), 10),
        "no match by direction and source": p95(lambda: index.search(Query(source="none", direction="in")), 10),
        "count of a month": p95(lambda: index.count(month)),
        "count of everything": p95(lambda: index.count(Query())),
        "middle of a number (scan)": p95(lambda: index.search(Query(number="*1234*")), 5),
        "counts of four weeks": p95(lambda: index.days(NEWEST.date() - timedelta(days=28), NEWEST.date())),
        "counts of everything": p95(index.totals, 10),
    }


def main(count: int) -> None:
    """Prints the figures as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        index = Index.open(Path(folder) / "index.sqlite")
        begin = time.perf_counter()
        index.put(rows(count))
        inserted = time.perf_counter()
        index.finish_build()
        built = time.perf_counter()
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        print(
            json.dumps(
                {
                    "rows": count,
                    "insert_seconds": round(inserted - begin, 1),
                    "index_seconds": round(built - inserted, 1),
                    "bytes_a_row": round(size / count),
                    "p95_ms": searches(index),
                    "peak_rss_mb": peak_bytes() // 2**20,
                },
                indent=2,
            )
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
