"""The lock of an archive's folder: one process at a time works on it, and the lock dies with the process."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from ops.local.engine.files import FILE_MODE, INSIDE, make_folder


class InUse(Exception):
    """Another process works on the folder. The text names it."""


class FolderLock:
    """Taken by every verb that changes an archive as a whole; reading verbs take none.

    As a context manager it is taken at once or not at all. Raises InUse, and OSError where the folder cannot be used.
    """

    def __init__(self, root: Path, verb: str) -> None:
        self._root = root
        self._verb = verb
        self._descriptor: int | None = None

    def __enter__(self) -> FolderLock:
        make_folder(self._root / INSIDE)
        descriptor = os.open(self._root / INSIDE / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            _take(descriptor)
        except BlockingIOError:
            holder = os.pread(descriptor, 1000, 0)
            os.close(descriptor)
            raise InUse(f"{self._root} is in use by {_words(holder)}") from None
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._say_who()
        return self

    def _say_who(self) -> None:
        assert self._descriptor is not None
        who = {"pid": os.getpid(), "verb": self._verb, "start": datetime.now(UTC).isoformat(timespec="seconds")}
        with suppress(OSError):  # a full disk: the lock holds all the same, and only its holder stays unnamed
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(who).encode() + b"\n", 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _take(descriptor: int) -> None:
    """Raises BlockingIOError when somebody holds it. Whoever only looks holds it for a moment, and is waited for."""
    for _ in range(4):
        with suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(0.05)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return None


def holder_of(root: Path) -> str | None:
    """The holder of the lock, in words; None when nobody holds it."""
    try:
        descriptor = os.open(root / INSIDE / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _words(os.pread(descriptor, 1000, 0))
    finally:
        os.close(descriptor)
    return None


def _words(holder: bytes) -> str:
    try:
        who = json.loads(holder)
        since = datetime.fromisoformat(who["start"]).astimezone()
        return f"process {int(who['pid'])} since {since:%H:%M} (recordings {who['verb']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
