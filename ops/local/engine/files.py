"""Files of an archive's folder: private to their owner, whole or not there at all, on the disk before they count."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, cast

INSIDE = ".archive"
"""The engine's own folder: ledger, lock, marker and temporary files. Everything beside it belongs to the archive."""

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(OSError):
    """There is no room for `needed` bytes."""

    needed: int = 0


def is_full(error: BaseException) -> bool:
    """Whether a disk, or somebody's share of it, is full."""
    return isinstance(error, OSError) and error.errno in _FULL


def with_needed(error: OSError, needed: int) -> DiskFull:
    """The error, with how many bytes there was no room for."""
    full = DiskFull(error.errno, error.strerror)
    full.needed = needed
    return full


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, for its owner alone; one that is there already keeps its mode."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir(FOLDER_MODE)
            sync_folder(each.parent)


def open_plain(path: Path) -> IO[bytes]:
    """A file, open for reading without a buffer. Nothing else is opened: no link is followed, no pipe is waited for.

    Raises FileNotFoundError, NotPlain, OSError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if isinstance(error, FileNotFoundError) or (kind := kind_of(os.lstat(path).st_mode)) is None:
            raise
        raise NotPlain(kind) from None
    kind = kind_of(os.fstat(descriptor).st_mode)
    if kind is None:
        return cast("IO[bytes]", os.fdopen(descriptor, "rb", buffering=0))
    os.close(descriptor)
    raise NotPlain(kind)


class NotPlain(Exception):
    """It is no file; its text says what it is."""


def kind_of(mode: int) -> str | None:
    """What lies there in place of a file, in words; None for a file."""
    if stat.S_ISREG(mode):
        return None
    return next((words for test, words in _KINDS if test(mode)), "something that is no file")


_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def create(path: Path) -> IO[bytes]:
    """A new file, open for writing without a buffer."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE)
    return cast("IO[bytes]", os.fdopen(descriptor, "wb", buffering=0))


def write_all(file: IO[bytes], piece: bytes | bytearray) -> None:
    """Writes every byte: a file without a buffer may take fewer than it is given."""
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


def sync(file: IO[bytes]) -> None:
    """Returns when the file's bytes are on the disk."""
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Returns when the names in the folder are on the disk. Some file systems cannot, and need not, be told to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


class Workshop:
    """Where files are made before they get their name. Only these files are ever swept."""

    def __init__(self, root: Path) -> None:
        self._path = root / INSIDE / "tmp"

    def sweep(self) -> None:
        """Removes what a run that was killed left. Only whoever holds the archive's lock may do this."""
        make_folder(self._path)
        for leftover in self._path.iterdir():
            leftover.unlink()

    def new(self) -> Path:
        """A name for a new temporary file."""
        make_folder(self._path)
        return self._path / token_hex(16)

    @contextmanager
    def written(self, pieces: Iterable[bytes | bytearray]) -> Iterator[Path]:
        """A temporary file with these bytes, on the disk; whatever still has that name at the end is removed."""
        path, needed = self.new(), 0
        try:
            try:
                with create(path) as file:
                    for piece in pieces:
                        needed += len(piece)
                        write_all(file, piece)
                    sync(file)
            except OSError as error:
                raise (with_needed(error, needed) if is_full(error) else error) from None
            yield path
        finally:
            with suppress(FileNotFoundError):
                path.unlink()

    def replace(self, target: Path, pieces: Iterable[bytes | bytearray]) -> None:
        """Writes a file under its name, over an earlier one, which stays as it is until the new one is whole."""
        make_folder(target.parent)
        with self.written(pieces) as path:
            path.replace(target)
        sync_folder(target.parent)
