"""The seals of a source as they are stored, believed only as far as they lead to the head that the ledger notes.

The chain is read whole: from any seal on each next one holds its digest, and the last one's is in the ledger. Only
digests and places are kept in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from functions.archiver.bucket.bucket import Bucket, NotThere, Version
from functions.archiver.object_keys import date_in
from functions.archiver.sealing.book import Head
from functions.archiver.sealing.document import Line, NoSeal, Seal, number_in, read_seal, seal_folder
from functions.archiver.sweeping.rules import SealRef, Suspicious


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stored:
    key: str
    version_id: str | None
    sha256: str
    sequence: int
    previous: str | None


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
        self._newest: dict[str, _Stored] | None = None

    def of(self, day: date) -> SealedDay | None:
        """The newest seal of a day that the ledger's head vouches for; None where there is none. Raises Suspicious."""
        if self._head is None:
            return None
        if self._newest is None:
            self._newest = self._read_chain(self._head)
        stored = self._newest.get(day.isoformat())
        if stored is None:
            return None
        body = self._body(stored.key, stored.version_id)
        if hashlib.sha256(body).hexdigest() != stored.sha256:
            raise Suspicious(f"{stored.key} changes while it is read")
        try:
            seal = read_seal(body)
        except NoSeal as reason:
            raise Suspicious(f"{stored.key} is no seal: {reason}") from None
        if seal.key != stored.key:
            raise Suspicious(f"{stored.key} is the seal that belongs at {seal.key}")
        ref = SealRef(key=stored.key, sequence=stored.sequence, sha256=stored.sha256)
        return SealedDay(ref=ref, seal=seal, lines={line.name: line for line in seal.statement.lines})

    def _read_chain(self, head: Head) -> dict[str, _Stored]:
        seals = [self._stored(version) for version in self._bucket.versions(seal_folder(self._source)) if _is(version)]
        # One beyond the head is being written: it counts once the ledger says so.
        chain = sorted((each for each in seals if each.sequence <= head.sequence), key=lambda each: each.sequence)
        if not chain or (chain[-1].sequence, chain[-1].sha256) != (head.sequence, head.sha256):
            raise Suspicious("the newest seal in the bucket is not the one that the ledger notes")
        for before, after in pairwise(chain):
            if (after.sequence, after.previous) != (before.sequence + 1, before.sha256):
                raise Suspicious(f"{after.key} does not follow upon {before.key} in the chain of seals")
        newest: dict[str, _Stored] = {}
        for each in chain:
            newest[date_in(each.key)] = each
        return newest

    def _stored(self, version: Version) -> _Stored:
        if version.deleted or not version.latest:
            raise Suspicious(f"{version.key} was deleted or written again")
        body = self._body(version.key, version.version_id)
        try:
            first = json.loads(body.partition(b"\n")[0])
            sequence, previous = int(first["sequence"]), first["previous"]
        except (KeyError, TypeError, ValueError, RecursionError):
            raise Suspicious(f"{version.key} is no seal") from None
        return _Stored(
            key=version.key,
            version_id=version.version_id,
            sha256=hashlib.sha256(body).hexdigest(),
            sequence=sequence,
            previous=previous,
        )

    def _body(self, key: str, version_id: str | None) -> bytes:
        try:
            with self._bucket.read(key, version_id=version_id) as chunks:
                return b"".join(chunks)
        except NotThere:
            raise Suspicious(f"{key} is not there any more") from None


def _is(version: Version) -> bool:
    return number_in(version.key) is not None
