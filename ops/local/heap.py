"""The memory of a run: how the C library is to hand it out, and the most that it ever was.

The C library of most Linux systems gives threads heaps of their own, up to eight for each processor. Whatever is freed
in one of them is of no use to the others, so a run with thirty threads would keep megabytes of it for good. Python runs
one thread at a time, so hardly any of them ever waits for the one heap. Large blocks come straight from the system and
go back to it: in the heap each leaves a gap behind, and the library would take ever larger ones from there.
"""

from __future__ import annotations

import ctypes
import re
import resource
import sys
from pathlib import Path

# From <malloc.h> of the GNU C library; mallopt(3).
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_LARGE_BYTES = 64 * 1024

_STATUS = Path("/proc/self/status")


def share_one_heap() -> None:
    """Before any thread has started. Other C libraries than GNU's have one heap, or none of this name to set."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def peak_bytes() -> int:
    """The most memory that this process ever held.

    getrusage(2) would not do on Linux: its figure begins with what the process held that started this one.
    """
    if _STATUS.exists() and (held := re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())):
        return int(held[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
