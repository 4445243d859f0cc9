"""The downloader's memory does not grow with a recording.

By hand with another length:  DOWNLOADER_MEMORY_MIB=1024 python -m pytest -s tests/memory
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
LARGE_MIB = int(os.environ.get("DOWNLOADER_MEMORY_MIB", "256"))
MAX_MIB = 64
"""The most that a large recording may take above one of 1 MiB: a few parts of 8 MiB, whatever its length."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")


@pytest.fixture
def peers() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.memory.peers"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def peak_of(url: str, size: int) -> int:
    command = [sys.executable, "-m", "tests.memory.downloader", url, str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_long_recording_takes_hardly_more_memory_than_a_short_one(peers: str) -> None:
    short, long = peak_of(peers, MIB), peak_of(peers, LARGE_MIB * MIB)
    sys.stdout.write(f"\n1 MiB: {short / MIB:.1f} MiB, {LARGE_MIB} MiB: {long / MIB:.1f} MiB\n")
    assert long - short <= MAX_MIB * MIB
