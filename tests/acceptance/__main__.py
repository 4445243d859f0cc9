"""`make acceptance`: the deployed product, end to end, on an engine that nobody of this project wrote.

A line for each step; ends with 1 and a sentence at the first that fails, and then keeps the engine's and make's logs.
`python -m tests.acceptance 1 2 3 9` takes these steps alone; each stands on what those before it have left.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence, Set
from pathlib import Path
from types import FrameType

from tests.acceptance.engine import engine
from tests.acceptance.quirks import QUIRKS, UNSEEN
from tests.acceptance.steps import Run, sources
from tests.acceptance.world import Failed, World


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="acceptance-"))
    try:
        _run(folder, {int(number) for number in arguments})
    except Failed as failure:
        print(f"failed: {failure}\nthe logs are in {folder}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"interrupted; the logs are in {folder}", file=sys.stderr)
        return 130
    shutil.rmtree(folder)
    return 0


def _run(folder: Path, chosen: Set[int]) -> None:
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {line}", flush=True)

    with engine(folder / "plain") as plain:
        for quirk in QUIRKS:
            gone = quirk.is_right(plain)
            say(f"the engine {'is right by now, take the mend away' if gone else 'is wrong as known'}: {quirk.on_aws}")
    with engine(folder / "mended", [quirk.mend for quirk in QUIRKS]) as mended, sources() as (kept, leaving, coming):
        wrong = [quirk.on_aws for quirk in QUIRKS if not quirk.is_right(mended)]
        if wrong:
            raise Failed(f"the mended engine is still wrong: {wrong}")
        run = Run(World(mended), kept, leaving, coming)
        steps = list(run.steps())
        for number, (words, step) in enumerate(steps, start=1):
            if not chosen or number in chosen:
                say(f"{number}/{len(steps)} {words}: {step()}")
    for line in UNSEEN:
        say(f"not seen: {line}")
    say("accepted")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
