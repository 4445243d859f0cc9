"""The downloader's memory does not grow with a recording.

By hand with another length:  DOWNLOADER_MEMORY_MIB=1024 python -m pytest -s tests/memory
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.memory.peak import MIB, peak_of, peers

LARGE_MIB = int(os.environ.get("DOWNLOADER_MEMORY_MIB", "256"))
MAX_MIB = 64
"""The most that a large recording may take above one of 1 MiB: three parts of 7 MiB, whatever its length."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")


def test_a_long_recording_takes_hardly_more_memory_than_a_short_one() -> None:
    with peers() as url:
        short, long = peak_of(url, MIB), peak_of(url, LARGE_MIB * MIB)
    sys.stdout.write(f"\n1 MiB: {short / MIB:.1f} MiB, {LARGE_MIB} MiB: {long / MIB:.1f} MiB\n")
    assert long - short <= MAX_MIB * MIB
