"""A folder as the bucket of an archive: every object is a file under its key.

A key is written once because a link is made to a finished file, and the file system lets only one link win. A folder
keeps no versions, no checksums and no properties: the ledger and the sidecars hold what it cannot.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from functions.archiver.audio.kinds import CONTENT_TYPES
from functions.archiver.bucket.bucket import (
    SMALLEST_PART_BYTES,
    BadUpload,
    Bytes,
    Head,
    NoObject,
    NotThere,
    NoUpload,
    Part,
    Properties,
    Taken,
    Version,
)
from ops.local.engine.files import (
    INSIDE,
    NotPlain,
    Workshop,
    create,
    make_folder,
    open_plain,
    sync,
    sync_folder,
    write_all,
)
from ops.local.engine.names import Names

IGNORES_CASE = "ignores-case"
"""The file below `.archive` that says so."""

_READ_BYTES = 1024 * 1024
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK)
_NOTHING_THERE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
_CONTENT_TYPES = {"json": "application/json", **CONTENT_TYPES}


@dataclass(kw_only=True, slots=True)
class _Growing:
    """A multipart upload: one temporary file that grows."""

    key: str
    path: Path
    file: IO[bytes]
    crc32: int = 0
    sizes: list[int] = field(default_factory=list)


class FolderBucket:
    """The folder `root`. `links` is False where the file system has no hard links; it is found out otherwise."""

    keeps_metadata = False
    parts_at_once = 1  # an upload is one file that grows
    locks = False

    def __init__(self, root: Path, *, links: bool = True, ignores_case: bool = False) -> None:
        self.root = root
        self.names = Names(root, ignores_case=ignores_case)
        self.workshop = Workshop(root)
        self._links = links
        self._renaming = threading.Lock()
        self._uploads: dict[str, _Growing] = {}

    def put_new(self, key: str, body: Bytes, *, sha256: bytes, properties: Properties) -> None:
        """One file, linked to its name when it is whole and on the disk."""
        if hashlib.sha256(body).digest() != sha256:
            raise BadUpload(f"{key}: the bytes do not have the SHA-256 that they came with")
        path = self.names.path(key)
        if os.path.lexists(path):
            raise Taken(key)
        with self.workshop.written([body]) as made:
            self._name(made, path, key)

    def begin(self, key: str, properties: Properties) -> str:
        """A temporary file, empty yet."""
        self.names.path(key)  # an impossible key is found now rather than after the last byte
        made = self.workshop.new()
        self._uploads[made.name] = _Growing(key=key, path=made, file=create(made))
        return made.name

    def send_part(self, key: str, upload_id: str, number: int, body: Bytes, *, crc32: int) -> Part:
        """More bytes at the end of the file."""
        upload = self._upload(key, upload_id)
        if number != len(upload.sizes) + 1 or zlib.crc32(body) != crc32:
            raise BadUpload(f"{key}: part {number} is out of order, or its bytes do not have their CRC32")
        write_all(upload.file, body)
        upload.sizes.append(len(body))
        upload.crc32 = zlib.crc32(body, upload.crc32)
        return Part(number=number, crc32=crc32, tag=upload_id)

    def complete(self, key: str, upload_id: str, parts: Sequence[Part], *, crc32: int, size_bytes: int) -> None:
        """The file gets its name."""
        upload = self._upload(key, upload_id)
        if len(parts) != len(upload.sizes) or min(upload.sizes[:-1], default=SMALLEST_PART_BYTES) < SMALLEST_PART_BYTES:
            raise BadUpload(f"{key}: a part is missing or too small")
        if upload.crc32 != crc32 or sum(upload.sizes) != size_bytes:
            raise BadUpload(f"{key}: the bytes do not have the CRC32 or the size that they came with")
        sync(upload.file)
        self._name(upload.path, self.names.path(key), key)
        self._forget(upload_id)

    def abort(self, key: str, upload_id: str) -> None:
        """The file is removed."""
        if upload_id in self._uploads:
            self._forget(upload_id)

    def _upload(self, key: str, upload_id: str) -> _Growing:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise NoUpload(key)
        return upload

    def _forget(self, upload_id: str) -> None:
        upload = self._uploads.pop(upload_id)
        upload.file.close()
        with suppress(FileNotFoundError):
            upload.path.unlink()

    def _name(self, made: Path, path: Path, key: str) -> None:
        make_folder(path.parent)
        try:
            self._link(made, path)
        except FileExistsError:
            raise Taken(key) from None
        sync_folder(path.parent)

    def _link(self, made: Path, path: Path) -> None:
        if self._links:
            try:
                path.hardlink_to(made)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                self._links = False
            else:
                made.unlink()
        if not self._links and made.exists():
            self._rename(made, path)

    def _rename(self, made: Path, path: Path) -> None:
        """Without links: nobody else names a file between the look and the rename."""
        with self._renaming, (self.root / INSIDE / "names.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.lexists(path):
                raise FileExistsError(path)
            made.rename(path)

    def put(self, key: str, body: Bytes, *, content_type: str = "application/json", held: bool = False) -> None:
        """The file, over an earlier one."""
        self.workshop.replace(self.names.path(key), [body])

    def head(self, key: str, *, version_id: str | None = None) -> Head | None:
        """The head, as far as the file system knows it."""
        try:
            found = self.names.path(key).lstat()
        except _NOTHING_THERE:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return Head(
            key=key,
            size_bytes=found.st_size,
            version_id=None,
            last_modified=_moment(found),
            content_type=content_type_of(key),
        )

    @contextmanager
    def read(
        self, key: str, *, version_id: str | None = None, start: int = 0, end: int | None = None
    ) -> Iterator[Iterator[bytes]]:
        """The file's bytes."""
        try:
            file = open_plain(self.names.path(key))
        except _NOTHING_THERE:
            raise NotThere(key) from None
        except NotPlain as other:
            raise NoObject(f"{other} lies in its place") from None
        with file:
            file.seek(start)
            yield _pieces(file, None if end is None else max(end - start, 0))

    def keys(self, prefix: str) -> Iterator[str]:
        """The files whose keys begin so."""
        for path in self._files(prefix):
            yield self.names.key(path)

    def versions(self, prefix: str) -> Iterator[Version]:
        """The files again: each is the only version of its key."""
        for path in self._files(prefix):
            with suppress(FileNotFoundError):  # gone since the folder was read
                found = path.lstat()
                yield Version(
                    key=self.names.key(path),
                    version_id=None,
                    size_bytes=found.st_size,
                    last_modified=_moment(found),
                )

    def _files(self, prefix: str) -> Iterator[Path]:
        folder, _, beginning = prefix.rpartition("/")
        top = self.root / folder if folder else self.root
        yield from self._walk(top, beginning)

    def _walk(self, folder: Path, beginning: str = "") -> Iterator[Path]:
        """The files below a folder in the order of their keys; the engine's own are left out."""
        try:
            with os.scandir(folder) as entries:
                found = [
                    (f"{entry.name}/" if _is_folder(entry) else self.names.plain(entry.name), Path(entry.path))
                    for entry in entries
                    if entry.name.startswith(beginning) and entry.name != INSIDE and _is_plain(entry)
                ]
        except _NOTHING_THERE:
            return
        for name, path in sorted(found):
            if name.endswith("/"):
                yield from self._walk(path)
            elif name.startswith(beginning):
                yield path

    def delete(self, key: str, *, version_id: str | None) -> None:
        """The file is removed, for good."""
        path = self.names.path(key)
        with suppress(*_NOTHING_THERE):
            path.unlink()
            sync_folder(path.parent)

    def set_hold(self, key: str, *, version_id: str | None, held: bool) -> None:
        """Nothing: no file can be locked against the owner of its folder. The ledger's mark is all there is."""


def content_type_of(key: str) -> str:
    """By the ending, which the archive took from the bytes."""
    return _CONTENT_TYPES.get(key.rpartition(".")[2], "application/octet-stream")


def _pieces(file: IO[bytes], limit: int | None) -> Iterator[bytes]:
    left = limit
    while left is None or left > 0:
        piece = file.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
        if not piece:
            return
        left = None if left is None else left - len(piece)
        yield piece


def _is_plain(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file that lies here itself, or a folder."""
    return entry.is_file(follow_symlinks=False) or _is_folder(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, also one on another disk by a link; a link that leads nowhere, or to itself, is none."""
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and Path(entry.path).is_dir())


def _moment(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)
