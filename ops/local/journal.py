"""Files of an archive's folder to which lines are added and none is changed: runs, accesses, events.

Each line holds the digest of the one before, so a line that was changed or taken out shows. Several processes may add.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.local.engine.files import FILE_MODE

_LONGEST_LINE = 1024 * 1024


def append(path: Path, fields: Mapping[str, Any]) -> None:
    """Adds one line, on the disk when this returns."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        previous = _last_line(descriptor)
        digest = hashlib.sha256(previous).hexdigest() if previous else None
        line = json.dumps({**fields, "previous": digest}, ensure_ascii=False, separators=(",", ":"), default=str)
        text = line.encode("utf-8", "backslashreplace") + b"\n"
        if previous and not previous.endswith(b"\n"):
            text = b"\n" + text  # the last one was cut by a power failure
        os.write(descriptor, text)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_line(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _LONGEST_LINE, max(size - _LONGEST_LINE, 0))
    return tail[tail[:-1].rfind(b"\n") + 1 :]
