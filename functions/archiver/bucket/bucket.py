"""The port to a bucket, whichever engine holds it: S3, or the folder of a local run.

A key is written once: `put_new` and `complete` take effect only where nothing is there yet, and of several writers
exactly one wins. An engine that can counts the bytes itself and refuses what does not match the checksums it was told.
Only documents (`put`) may be overwritten, and the newest version counts.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime
from typing import Literal, Protocol

from functions.archiver.lazy_dataclass import dataclass

Bytes = bytes | bytearray
"""An engine reads them before it returns and keeps no reference."""

SMALLEST_PART_BYTES = 5 * 1024 * 1024
"""Every part but the last has at least this many."""


class Taken(Exception):
    """Something is at the key already; it was left alone."""


class Conflict(Exception):
    """Two writers met at one key and neither won (409); the upload has to start again."""


class NotThere(Exception):
    """There is no such object, or no such version of it."""


class NoObject(NotThere):
    """Something lies at the key that no engine puts there, such as a symbolic link; its text says what it is."""


class NoUpload(Exception):
    """The multipart upload is no longer known: completed by a call whose answer was lost, or aborted."""


class BadUpload(Exception):
    """The engine refuses the bytes: a checksum or a size does not match, or a part is too small."""


class Locked(Exception):
    """The version is on hold, or its retention is not over: it was left alone."""


class Unreadable(Exception):
    """The object is in a storage class that cannot be read without restoring it first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """Object Lock's retention: nobody may delete the version before `until`."""

    mode: Literal["GOVERNANCE", "COMPLIANCE"]
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Properties:
    """The properties of an object when it is made. A folder keeps none of them."""

    content_type: str
    storage_class: str = "STANDARD"
    metadata: Mapping[str, str] = field(default_factory=dict)
    lock: Lock | None = None
    held: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of a multipart upload. `crc32` is its own, of the bytes sent."""

    number: int
    crc32: int
    tag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """One object as the engine describes it. `sha256` and `crc32` are of the whole object; None where it has none.

    `version_id` is None where the engine keeps no versions.
    """

    key: str
    size_bytes: int
    version_id: str | None
    last_modified: datetime
    content_type: str
    storage_class: str = "STANDARD"
    metadata: Mapping[str, str] = field(default_factory=dict)
    sha256: bytes | None = None
    crc32: int | None = None
    lock: Lock | None = None
    held: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One version of one key, as a listing shows it. `deleted` is a delete marker, which has no bytes."""

    key: str
    version_id: str | None
    size_bytes: int
    last_modified: datetime
    latest: bool = True
    deleted: bool = False


class Bucket(Protocol):
    """One bucket. Keys are given and returned as they are, never encoded."""

    @property
    def keeps_metadata(self) -> bool:
        """Whether `head` gives the metadata back that an object was made with."""

    @property
    def parts_at_once(self) -> int:
        """How many parts of one upload may be sent at a time."""

    def put_new(self, key: str, body: Bytes, *, sha256: bytes, properties: Properties) -> str | None:
        """Writes an object where there is none; its version id. Raises Taken, Conflict, BadUpload."""

    def begin(self, key: str, properties: Properties) -> str:
        """Begins a multipart upload whose full-object CRC32 will be given at its end; its id. Nothing is visible."""

    def send_part(self, key: str, upload_id: str, number: int, body: Bytes, *, crc32: int) -> Part:
        """Sends one part, counted from 1: in order, or as far ahead of it as `parts_at_once` says.

        Raises BadUpload, NoUpload.
        """

    def complete(self, key: str, upload_id: str, parts: Sequence[Part], *, crc32: int, size_bytes: int) -> str | None:
        """Makes the parts visible as one object where there is none; its version id.

        Raises Taken, Conflict, BadUpload, NoUpload; the parts are then still there, to be aborted.
        """

    def abort(self, key: str, upload_id: str) -> None:
        """Removes the parts of an upload. One that is not known any more is no error."""

    def put(self, key: str, body: Bytes, *, content_type: str = "application/json", held: bool = False) -> str | None:
        """Writes a small document, over an earlier one if there is one; its version id."""

    def head(self, key: str, *, version_id: str | None = None) -> Head | None:
        """The description of the newest version, or of that one; None where there is none."""

    def read(
        self, key: str, *, version_id: str | None = None, start: int = 0, end: int | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes from `start` up to, not including, `end`, in pieces. Raises NotThere, NoObject, Unreadable."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix` and have a present object, in order."""

    def versions(self, prefix: str) -> Iterator[Version]:
        """Every version of the keys that begin with `prefix`, delete markers included, ordered by key."""

    def delete(self, key: str, *, version_id: str | None) -> None:
        """Removes one version for good. One that is not there is no error. Raises Locked."""

    @property
    def locks(self) -> bool:
        """Whether a version can be locked and held, so that nobody deletes it; a folder cannot."""

    def set_hold(self, key: str, *, version_id: str | None, held: bool) -> None:
        """Puts one version on hold, or takes it off. Raises NotThere. Where nothing `locks`, nothing happens."""


_MADE = "made-"


def made_version_id() -> str:
    """A version id for an object of an engine that gives none: 128 random bits, kept by the ledger and the sidecar.

    It salts the object's name in a seal. An engine that is asked for a made version reads the only one there is.
    """
    return f"{_MADE}{secrets.token_hex(16)}"


def is_made(version_id: str | None) -> bool:
    """Whether no engine knows of this version id."""
    return version_id is None or version_id.startswith(_MADE)
