"""The seals of a source as they are stored, believed only as far as they lead to the head that the ledger notes.

The chain is read from its head back to the seal that is asked for, and no further: each seal holds the digest of the
one before it, so what lies further back vouches for nothing of that day. That the rest is there, once and not written
again, is seen by the bucket's listing. Only digests and places are kept in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date

from functions.archiver.bucket.bucket import Bucket, NotThere, Version
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.sealing.book import Head
from functions.archiver.sealing.document import (
    Line,
    NoSeal,
    Seal,
    day_folder,
    number_in,
    read_seal,
    seal_folder,
    seal_key,
)
from functions.archiver.sweeping.rules import SealRef, Suspicious


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedDay:
    """The newest seal of a day, with its lines by name."""

    ref: SealRef
    seal: Seal
    lines: Mapping[str, Line]

    @property
    def known(self) -> int:
        """How many recordings of the day it speaks of."""
        said = self.seal.statement
        return max(said.listed or 0, said.archived + said.gone + said.erased + said.accepted)


class StoredSeals:
    """The chain of one source that ends in `head`."""

    def __init__(self, bucket: Bucket, *, source: str, head: Head | None) -> None:
        self._bucket = bucket
        self._source = source
        self._head = head
        self._chain: _Chain | None = None

    def of(self, day: date) -> SealedDay | None:
        """The newest seal of a day that the ledger's head vouches for; None where there is none. Raises Suspicious."""
        if self._head is None:
            return None
        if self._chain is None:
            self._chain = _Chain(_Files(self._bucket, self._source), self._head)
        seal = self._chain.newest(day_folder(self._source, day))
        if seal is None:
            return None
        ref = SealRef(key=seal.key, sequence=seal.standing.sequence, sha256=seal.sha256)
        return SealedDay(ref=ref, seal=seal, lines={line.name: line for line in seal.statement.lines})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Link:
    key: str
    sha256: str
    previous: str | None


class _Files:
    """The files of a source's seals, each in the only version that it may have. Raises Suspicious."""

    def __init__(self, bucket: Bucket, source: str) -> None:
        self._bucket = bucket
        versions = [each for each in bucket.versions(seal_folder(source)) if number_in(each.key) is not None]
        for version in versions:
            if version.deleted or not version.latest:
                raise Suspicious(f"{version.key} was deleted or written again")
        self.versions: list[Version] = versions

    def read(self, version: Version) -> bytes:
        try:
            with self._bucket.read(version.key, version_id=version.version_id) as chunks:
                return b"".join(chunks)
        except NotThere:
            raise Suspicious(f"{version.key} is not there any more") from None


class _Chain:
    """The links from the head back to the oldest one that was asked for."""

    def __init__(self, files: _Files, head: Head) -> None:
        self._files = files
        self._head = head
        self._links: dict[int, _Link] = {}
        self._back_to = head.sequence + 1
        # Seals are written in the order of the chain. Where files have other times, some more of them are read.
        self._unread = sorted(files.versions, key=lambda version: (version.last_modified, version.key))
        # One beyond the head is being written: it counts once the ledger says so.
        if len(files.versions) not in (head.sequence, head.sequence + 1):
            there = len(files.versions)
            raise Suspicious(f"the chain of seals has {head.sequence} by the ledger, and the bucket has {there}")

    def newest(self, folder: str) -> Seal | None:
        """The newest seal in the folder of a day."""
        versions = [version for version in self._files.versions if version.key.startswith(folder)]
        for version in sorted(versions, key=lambda version: number_in(version.key) or 0, reverse=True):
            seal = self._seal(version)
            if seal.standing.sequence <= self._head.sequence:
                self._vouch_for(seal)
                return seal
        return None

    def _seal(self, version: Version) -> Seal:
        try:
            seal = read_seal(self._files.read(version))
        except NoSeal as reason:
            raise Suspicious(f"{version.key} is not a seal: {reason}") from None
        if seal.key != version.key:
            raise Suspicious(f"{version.key} is the seal that belongs at {seal.key}")
        return seal

    def _vouch_for(self, seal: Seal) -> None:
        while self._back_to > seal.standing.sequence:
            self._go_back()
        if self._links[seal.standing.sequence].sha256 != seal.sha256:
            raise Suspicious(f"{seal.key} is not the seal of its number in the chain of seals")

    def _go_back(self) -> None:
        """By one link."""
        wanted = self._back_to - 1
        link = self._link(wanted)
        if wanted == self._head.sequence:
            if link is None or link.sha256 != self._head.sha256:
                raise Suspicious("the newest seal in the bucket is not the one that the ledger notes")
        elif link is None or link.sha256 != self._links[self._back_to].previous:
            raise Suspicious(
                f"{self._links[self._back_to].key} does not follow upon the seal before it in the chain of seals"
            )
        self._back_to = wanted

    def _link(self, sequence: int) -> _Link | None:
        """The link of that number; None where no file is it."""
        while sequence not in self._links and self._unread:
            self._read(self._unread.pop())
        return self._links.get(sequence)

    def _read(self, version: Version) -> None:
        body = self._files.read(version)
        try:
            first = json.loads(body.partition(b"\n")[0])
            sequence, previous = int(first["sequence"]), first["previous"]
            place = seal_key(first["source"], date.fromisoformat(first["day"]), int(first["number"]))
        except (KeyError, TypeError, ValueError, RecursionError):
            raise Suspicious(f"{version.key} is not a seal") from None
        if place != version.key:
            raise Suspicious(f"{version.key} is the seal that belongs at {place}")
        if sequence in self._links:
            other = self._links[sequence].key
            raise Suspicious(f"{version.key} and {other} have the same number in the chain of seals")
        self._links[sequence] = _Link(key=version.key, sha256=hashlib.sha256(body).hexdigest(), previous=previous)
