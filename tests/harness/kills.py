"""Local runs on one folder that are killed at random moments: `make kills KILLS=30 SEED=1`.

Between two runs nobody tidies up. After the last kill one run is left alone, and then nothing may be lost or double. A
seed repeats the moments; where a run is at such a moment depends on the machine.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from simulators.providers.babelforce import Babelforce
from tests.harness.local import LocalBench, kill, verified

EACH = 40
"""Recordings for each kill, so that most of the runs are killed at work."""

PER_MINUTE = 3000
LONGEST_SECONDS = 1.5
"""A run that has asked the provider for something lives for so long after that at the most."""

SIZES = (4_000, 200_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The state after so many kills and one whole run. `refetched` counts downloads that a kill made necessary."""

    kills: int
    at_work: int
    recordings: int
    refetched: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.kills} runs killed, {self.at_work} of them at work on {self.recordings} recordings: "
            f"{'; '.join(self.wrong) or 'nothing lost, nothing double'}, {self.refetched} fetched again"
        )


def killed(folder: Path, *, kills: int, seed: int) -> Outcome:
    """Kills so many runs on a new archive in `folder`, lets one come to its end, and looks at what is there."""
    moments = random.Random(seed)
    with Babelforce(recordings=EACH * kills, sizes=SIZES, seed=seed) as acme:
        bench = LocalBench(folder=folder, sources={"acme": acme}, requests_per_minute=PER_MINUTE)
        at_work = sum(_killed_at_work(bench, acme, moments) for _ in range(kills))
        last = bench.run()
        fetched = len(acme.served("media"))
        return Outcome(
            kills=kills,
            at_work=at_work,
            recordings=len(acme.recordings),
            refetched=fetched - len(acme.recordings),
            wrong=(*_wrong(bench), *([] if last.code == 0 else [f"the last run ended with {last.code}: {last.err}"])),
        )


def _killed_at_work(bench: LocalBench, acme: Babelforce, moments: random.Random) -> bool:
    """Kills one run, in one of four cases before it may have asked for anything; whether it was at work."""
    early, seconds = moments.random() < 0.25, moments.uniform(0.0, LONGEST_SECONDS)
    before, process = len(acme.log), bench.start()
    while not early and len(acme.log) == before and process.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    ended = process.poll() is not None
    kill(process)
    return not ended and len(acme.log) > before


def _wrong(bench: LocalBench) -> list[str]:
    """Whatever is lost, double, left over or not as the ledger says."""
    (acme,) = bench.sources.values()
    ids = set(acme.recordings)
    wrong = [] if bench.holds_all("acme") else ["a recording is not there with its very bytes, once"]
    for folder in ("audio", "metadata"):
        names = Counter(path.name.partition(".")[0] for path in (bench.out / folder).rglob("*.*"))
        if names != Counter(dict.fromkeys(ids, 1)):
            wrong.append(f"{folder}/ does not hold one file for each recording")
    lines = (bench.out / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    if len(lines) != len(ids):
        wrong.append(f"ledger.jsonl has {len(lines)} lines")
    left = [*(bench.out / ".archive" / "tmp").iterdir(), *bench.out.glob("altered/*"), *bench.out.glob("quarantine/*")]
    wrong += [f"{path.relative_to(bench.out)} is left over" for path in left]
    code, _, words = verified(bench)
    return wrong if code == 0 else [*wrong, f"verify ends with {code}: {words}"]


def main() -> int:
    """Prints the outcome; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = killed(Path(folder), kills=given.kills, seed=given.seed)
    sys.stdout.write(f"{outcome}\n")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
