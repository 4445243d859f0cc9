"""How much memory a run says that it held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
MIB = 2**20
PEAK = "from ops.local.heap import peak_bytes; print(peak_bytes())"


def peak_of(program: str) -> int:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_the_peak_is_this_process_own_however_much_the_one_holds_that_started_it() -> None:
    held = bytearray(200 * MIB)
    held[::4096] = b"x" * len(held[::4096])
    assert peak_of(PEAK) < 100 * MIB < len(held)


def test_the_peak_is_of_what_was_held_at_any_time() -> None:
    assert peak_of(f"held = bytearray(b'x') * {150 * MIB}; del held; {PEAK}") > 150 * MIB
