"""`python -m benchmarks [PART ...]`: measures, and writes docs/benchmarks.md. `make bench` runs all parts."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import allowance, cold_start, cost, listing, pipeline
from benchmarks.comparing import LARGE, SIZES, bench, left_behind, taken, taken_without_a_store
from benchmarks.tables import Table, keep, printed, write_page

DOCS = Path(__file__).parent.parent / "docs"


def _bytes() -> Sequence[Table]:
    with bench() as on:
        sizes = (*SIZES, LARGE)
        return taken(on, sizes), taken_without_a_store(on, sizes), left_behind(on)


def _pipeline() -> Sequence[Table]:
    return (pipeline.measured(recordings=100, rate=120),)


def _cost() -> Sequence[Table]:
    tables = cost.measured()
    cost.write_into(DOCS / "costs.md", tables)
    return tables


PARTS: Mapping[str, Callable[[], Sequence[Table]]] = {
    "bytes": _bytes,
    "pipeline": _pipeline,
    "allowance": lambda: (allowance.measured(),),
    "listing": lambda: (listing.measured(),),
    "cost": _cost,
    "cold_start": cold_start.measured,
}


def main() -> None:
    """Measures the parts and writes the page; figures of the others stay as they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them without one")
    asked = parser.parse_args().parts
    if unknown := set(asked) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}")
    began = time.monotonic()
    for part in asked or PARTS:
        started = time.monotonic()
        tables = PARTS[part]()
        keep(part, tables, DOCS)
        write_page([*PARTS], DOCS)
        for table in tables:
            print(printed(table), flush=True)
        print(f"{part}: {time.monotonic() - started:.0f} s\n", flush=True)
    print(f"All of it took {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
