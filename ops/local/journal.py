"""Files of an archive's folder to which lines are added, by several processes: runs, events, accesses.

Each line of runs holds the digest of the one before, so a line that was changed or taken out shows.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.local.engine.files import FILE_MODE

_LONGEST_LINE = 1024 * 1024


def append(path: Path, fields: Mapping[str, Any]) -> None:
    """Adds one line, on the disk when this returns."""
    with locked(path) as descriptor:
        previous = _last_line(descriptor)
        digest = hashlib.sha256(previous).hexdigest() if previous else None
        line = json.dumps({**fields, "previous": digest}, ensure_ascii=False, separators=(",", ":"), default=str)
        append_lines(descriptor, [line.encode("utf-8", "backslashreplace")])


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """The file, made if need be, under a lock of its own. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def append_lines(descriptor: int, lines: Sequence[bytes]) -> None:
    """Adds lines to a locked file, all on the disk when this returns, or none of them. Raises OSError."""
    if not lines:
        return
    end = os.fstat(descriptor).st_size
    is_cut = end and os.pread(descriptor, 1, end - 1) != b"\n"  # by a power failure
    text = b"\n" * bool(is_cut) + b"".join(line + b"\n" for line in lines)
    try:
        written = 0
        while written < len(text):
            written += os.write(descriptor, text[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def _last_line(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _LONGEST_LINE, max(size - _LONGEST_LINE, 0))
    return tail[tail[:-1].rfind(b"\n") + 1 :]
