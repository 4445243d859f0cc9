"""One heap for all threads of a run.

The C library of most Linux systems gives threads heaps of their own, up to eight for each processor. Whatever is freed
in one of them is of no use to the others, so a run with thirty threads would keep megabytes of it for good. Python runs
one thread at a time, so no thread ever waits for the one heap.
"""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8
"""From <malloc.h> of the GNU C library; mallopt(3)."""


def share_one_heap() -> None:
    """Before any thread has started. Other C libraries than GNU's have one heap, or none of this name to set."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
