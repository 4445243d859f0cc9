"""A temporary folder in memory, where the machine has such: an archive there waits for no disk.

What a disk may lose is tested elsewhere; here the order of writes matters, and not what a power cut leaves of them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_IN_MEMORY = Path("/dev/shm")


def memory_folder() -> tempfile.TemporaryDirectory[str]:
    """Gone at the end of the block."""
    usable = _IN_MEMORY.is_dir() and os.access(_IN_MEMORY, os.W_OK)
    return tempfile.TemporaryDirectory(dir=_IN_MEMORY if usable else None)
