"""Reads zip and tar.gz archives member by member, in bounded memory, believing nothing that they say of themselves.

Nothing is ever written under a member's name. A member that is no plain file below the archive's root is handed out
with the reason why it is refused; an archive that is damaged, or unpacks into too much, is refused as a whole.
"""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO

from functions.archiver.provider.json_values import is_one_line

_PIECE_BYTES = 64 * 1024
_ENCRYPTED = 0x1
_LONGEST_NAME = 1000
_PACKED_IN_PIECES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits of one archive, in bytes unless said otherwise.

    `ratio` is how many times its own size it may unpack to, above `free_bytes`. `at_once` is the most that may be read
    into memory in one piece: a zip's directory, or a long name in a tar.
    """

    members: int = 100_000
    unpacked: int = 500 * 1024**3
    member: int = 20 * 1024**3
    ratio: int = 100
    free_bytes: int = 64 * 1024**2
    at_once: int = 16 * 1024**2


class Refused(Exception):
    """The archive, or the rest of it, cannot be used. The text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One entry. `modified` is its own time, as UTC. `refused` says why it must not be read, None where it may be.

    `chunks` can be read while the member is the current one. It raises Refused when the archive is damaged.
    """

    name: str
    size_bytes: int
    modified: datetime | None
    refused: str | None = None
    chunks: Callable[[], Iterator[bytes]] = field(repr=False)


def members(path: Path, limits: Limits) -> Iterator[Member]:
    """The entries of an archive, folders left out. Raises Refused."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(b"PK"):
        yield from _numbered(_of_zip(path, limits), limits)
    elif magic.startswith(b"\x1f\x8b"):
        _test_gzip(path, limits)
        yield from _numbered(_of_tar(path, limits), limits)
    else:
        raise Refused("it is neither a zip nor a tar.gz archive")


def _numbered(entries: Iterator[Member], limits: Limits) -> Iterator[Member]:
    for number, member in enumerate(entries, start=1):
        if number > limits.members:
            raise Refused(f"it has more than {limits.members} members")
        yield member


class _Budget:
    """Counts what an archive unpacks to."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self._most = min(limits.unpacked, packed * limits.ratio + limits.free_bytes)
        self._spent = 0

    def spend(self, size: int) -> None:
        """Raises Refused when it is too much."""
        self._spent += size
        if self._spent > self._most:
            raise Refused(f"it unpacks to more than {self._most} bytes, far more than its own size explains")


def _unsafe(name: str, size: int, limits: Limits) -> str | None:
    parts = name.replace("\\", "/").split("/")
    if not name or len(name) > _LONGEST_NAME or not is_one_line(name):
        return "its name is empty, too long, or holds control characters"
    if parts[0] == "" or parts[0].endswith(":"):
        return "its name is an absolute path"
    if ".." in parts:
        return "its name climbs out of the archive"
    return f"it is larger than {limits.member} bytes" if size > limits.member else None


# zip


class _ShortReads(io.FileIO):
    """Refuses to be read in large pieces: a zip's directory is otherwise read whole, whatever its size."""

    most = 0

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > self.most:
            raise Refused(f"its directory is larger than {self.most} bytes")
        return super().read(self.most if size is None or size < 0 else size) or b""


def _of_zip(path: Path, limits: Limits) -> Iterator[Member]:
    with _ShortReads(path) as file:
        file.most = limits.at_once
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            raise Refused("it is damaged: its directory cannot be read") from None
        budget = _Budget(path.stat().st_size, limits)
        with archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield _zip_member(archive, info, budget, limits)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget, limits: Limits) -> Member:
    refused = _unsafe(info.filename, info.file_size, limits)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        refused = "it is a link" if kind == stat.S_IFLNK else "it is a device or another special file"
    elif info.flag_bits & _ENCRYPTED:
        refused = "it is encrypted"
    elif info.compress_type not in _PACKED_IN_PIECES:
        refused = "it is packed in a way that cannot be unpacked in bounded memory: pack it by deflate"

    def chunks() -> Iterator[bytes]:
        try:
            with archive.open(info) as file:
                yield from _read(file, info.file_size, budget)  # its end is where zipfile checks the CRC
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError):
            raise Refused(f"its member {info.filename!r} is damaged or packed in an unknown way") from None

    return Member(
        name=info.filename, size_bytes=info.file_size, modified=_dos_time(info), refused=refused, chunks=chunks
    )


def _dos_time(info: zipfile.ZipInfo) -> datetime | None:
    """A zip's times have no zone and are taken for UTC; the first moment they can hold stands for none."""
    try:
        return datetime(*info.date_time, tzinfo=UTC) if info.date_time > (1980, 1, 1, 0, 0, 0) else None
    except ValueError:
        return None


# tar.gz


class _Forward(io.RawIOBase):
    """The unpacked bytes of gzip, read once from start to end; `tarfile` seeks, but only ever forwards."""

    def __init__(self, file: gzip.GzipFile, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._at = 0

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._limits.at_once:
            raise Refused(f"it holds a header of more than {self._limits.at_once} bytes")
        data = self._file.read(size)
        self._at += len(data)
        return data

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or position < self._at:
            raise Refused("its headers overlap")
        while self._at < position and self.read(min(position - self._at, _PIECE_BYTES)):
            pass
        return self._at


def _test_gzip(path: Path, limits: Limits) -> None:
    """Unpacks everything once for its checksum, which comes last, and for its size: nothing is used before."""
    budget = _Budget(path.stat().st_size, limits)
    try:
        with gzip.open(path) as file:
            while data := file.read(_PIECE_BYTES):
                budget.spend(len(data))
    except (OSError, EOFError, zlib.error):
        raise Refused("it is damaged: it does not unpack to its own checksum") from None


_TAR_ERRORS = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError, RecursionError)


def _of_tar(path: Path, limits: Limits) -> Iterator[Member]:
    budget = _Budget(path.stat().st_size, limits)
    with gzip.open(path) as packed, closing(_Forward(packed, limits)) as file:
        try:
            archive = tarfile.TarFile(fileobj=_as_file(file), mode="r", errors="surrogateescape")
            for info in _forgetting(archive):
                if not info.isdir():
                    yield _tar_member(archive, info, budget, limits)
        except _TAR_ERRORS:
            raise Refused("it is damaged: a header cannot be read") from None


def _as_file(file: io.RawIOBase) -> BinaryIO:
    as_file: BinaryIO = file  # type: ignore[assignment]  # tarfile takes whatever reads, seeks and tells
    return as_file


def _forgetting(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The headers, one after the other; tarfile would keep them all."""
    while info := archive.next():
        yield info
        archive.members.clear()  # type: ignore[attr-defined]  # not in the type stubs


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, budget: _Budget, limits: Limits) -> Member:
    refused = _unsafe(info.name, info.size, limits)
    if info.issym() or info.islnk():
        refused = "it is a link"
    elif not info.isreg() or info.issparse():
        refused = "it is a device or another special file"

    def chunks() -> Iterator[bytes]:
        try:
            with archive.extractfile(info) as file:  # type: ignore[union-attr]  # it is a plain file
                yield from _read(file, info.size, budget)
        except _TAR_ERRORS:
            raise Refused(f"its member {info.name!r} is cut short") from None

    return Member(name=info.name, size_bytes=info.size, modified=_unix_time(info), refused=refused, chunks=chunks)


def _unix_time(info: tarfile.TarInfo) -> datetime | None:
    try:
        return datetime.fromtimestamp(info.mtime, UTC) if info.mtime else None
    except (ValueError, OverflowError, OSError):
        return None


def _read(file: IO[bytes], size: int, budget: _Budget) -> Iterator[bytes]:
    left = size
    while data := file.read(_PIECE_BYTES):
        budget.spend(len(data))
        left -= len(data)
        yield data
    if left:
        raise Refused("a member is shorter or longer than it says")
