"""The fault campaign: `make chaos SEEDS=100` lets a hundred archives meet everything that can fail.

Each seed is run on every engine. A failure prints the seed, and the command that repeats it.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from pprint import pformat

from tests.property.grounds import ENGINES, ground
from tests.property.promises import (
    check_all,
    check_kept,
    check_loss_is_told,
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
            check_orders_are_done(world)
            check_swept(world)
            check_orders_are_done(world)
            check_loss_is_told(world, world.accounts[0])
        except BaseException as error:
            error.add_note(f"repeat it: make chaos ENGINES={engine} FIRST={seed} SEEDS=1\n{pformat(facts(world))}")
            raise
    return world


def main() -> int:
    """Runs what was asked for; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("seeds", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    asked = parser.parse_args()
    failed, met, deaths = [], Counter[str](), 0
    for seed in range(asked.first, asked.first + asked.seeds):
        for engine in asked.engines:
            try:
                world = run(engine, seed)
            except Exception:
                traceback.print_exc()
                failed.append(f"{engine} {seed}")
            else:
                met += world.faults.met
                deaths += world.deaths
        done = seed - asked.first + 1
        if done % 50 == 0 and done < asked.seeds:
            print(f"{done} of {asked.seeds} seeds, {len(failed)} failed", file=sys.stderr, flush=True)
    print(f"{asked.seeds} seeds on {', '.join(asked.engines)}: {time.process_time():.0f} s of CPU, {deaths} deaths")
    print("\n".join(f"{name}: {count}" for name, count in sorted(met.items())))
    print(f"failed: {', '.join(failed) or 'none'}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
