"""The fault campaign: `make chaos SEEDS=100` lets a hundred archives meet everything that can fail.

Each seed is run on every engine. A failure prints the seed, and the command that repeats it.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pprint import pformat

from tests.property.grounds import ENGINES, ground
from tests.property.promises import (
    check_all,
    check_kept,
    check_loss_is_told,
    check_nothing_is_missed,
    check_orders_are_done,
    check_reported,
    check_sealed,
    check_swept,
    facts,
)
from tests.property.world import World

STEPS = 500
ROUNDS = 8


def run(engine: str, seed: int) -> World:
    """One archive from its first listing to the seal of its days. Raises AssertionError for a broken promise."""
    with ground(engine) as made:
        world = World(made, seed)
        try:
            world.chaos(STEPS)
            world.work_in_trouble(ROUNDS)
            world.settle()
            check_all(world, check_kept)
            world.days_pass()
            check_all(world, check_kept)
            check_all(world, check_reported)
            check_all(world, check_sealed)
            check_all(world, check_nothing_is_missed)
            check_orders_are_done(world)
            check_swept(world)
            check_orders_are_done(world)
            check_loss_is_told(world, world.accounts[0])
        except BaseException as error:
            error.add_note(f"repeat it: make chaos ENGINES={engine} FIRST={seed} SEEDS=1\n{pformat(facts(world))}")
            raise
    return world


@dataclass(kw_only=True)
class Tally:
    """The seeds run on one engine: what went wrong in them, and which of them broke a promise."""

    engine: str
    seconds: float = 0.0
    seeds: int = 0
    deaths: int = 0
    met: Counter[str] = field(default_factory=Counter)
    broken: dict[int, str] = field(default_factory=dict)

    def run(self, seed: int) -> None:
        """One seed; a broken promise is printed at once and counted."""
        began = time.process_time()
        try:
            world = run(self.engine, seed)
        except Exception as error:
            traceback.print_exc()
            self.broken[seed] = str(error).partition("\n")[0] or type(error).__name__
        else:
            self.met += world.faults.met
            self.deaths += world.deaths
        self.seconds += time.process_time() - began
        self.seeds += 1

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"{self.engine}: {self.seeds:,} archives, {self.seconds:,.0f} s of CPU"
        counted = ", without the broken ones" if self.broken else ""
        yield f"  {self.deaths:,} processes died, {self.met.total():,} calls went wrong{counted}:"
        for service, counts in groupby(sorted(self.met.items()), key=lambda each: each[0].partition(" ")[0]):
            said = ", ".join(f"{name.partition(' ')[2]} {count:,}" for name, count in counts)
            yield f"    {service}: {said}"
        for seed, why in self.broken.items():
            yield f"  BROKEN by seed {seed}: {why}"
            yield f"    make chaos ENGINES={self.engine} FIRST={seed} SEEDS=1"
        if not self.broken:
            yield "  every promise was kept"


def main() -> int:
    """Runs what was asked for; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("seeds", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    asked = parser.parse_args()
    tallies = [Tally(engine=engine) for engine in asked.engines]
    for done, seed in enumerate(range(asked.first, asked.first + asked.seeds), start=1):
        for tally in tallies:
            tally.run(seed)
        if done % 50 == 0 and done < asked.seeds:
            broken = sum(len(tally.broken) for tally in tallies)
            print(f"{done} of {asked.seeds} seeds, {broken} broken", file=sys.stderr, flush=True)
    print(f"seeds {asked.first} to {asked.first + asked.seeds - 1}")
    for tally in tallies:
        print("\n".join(tally.lines()))
    return int(any(tally.broken for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
