"""Writes the chain of a source's seals, one by one, so that a death between any two steps is made good by the next run.

1. the seal's bytes are kept under `reports/`, where they may be overwritten
2. what is about to be written is noted in the ledger, on condition of the old head and of the lease
3. the seal is written where nothing is yet; the very same bytes there already are as good
4. its signature, where there is a signer
5. the ledger's head becomes this seal
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date

from functions.archiver.bucket.bucket import Bucket, Conflict, Lock, NotThere, Properties, Taken
from functions.archiver.clock import Clock, iso
from functions.archiver.errors import ArchiveTrouble, Service
from functions.archiver.object_keys import day_of
from functions.archiver.sealing.book import Head, SealBook, Sealing
from functions.archiver.sealing.document import (
    SIGNATURE,
    NoSeal,
    Seal,
    Standing,
    Statement,
    day_folder,
    listing_key,
    number_in,
    read_seal,
    seal_bytes,
    seal_folder,
    seal_key,
)
from functions.archiver.sealing.signing import Signer, pem_of, public_key_name
from functions.archiver.version import VERSION

_ATTEMPTS = 3
"""Of a write that meets another one (409)."""


class ChainBroken(Exception):
    """The bucket contradicts what the ledger notes of a source's seals. Nothing was written."""


class Chain:
    """The seals of one source."""

    def __init__(
        self,
        *,
        source: str,
        book: SealBook,
        bucket: Bucket,
        clock: Clock,
        signer: Signer | None = None,
        lock: Callable[[], Lock | None] = lambda: None,
    ) -> None:
        self._source = source
        self._book = book
        self._bucket = bucket
        self._clock = clock
        self._signer = signer
        self._lock = lock
        self._key_is_there = False

    def resume(self) -> Seal | None:
        """Brings the seal to its end that an earlier run died over; None where there was none.

        Raises ChainBroken.
        """
        sealing = self._book.sealing
        if sealing is None:
            return None
        body = self._stored_listing(sealing) or self._stored_seal(sealing)
        if body is None:
            self._book.drop()  # nothing was written, and its listing is gone: the day is due still
            return None
        return self._write(sealing, body)

    def append(self, statement: Statement, last: Seal | None) -> Seal:
        """Seals a day, `last` being its newest seal. Raises ChainBroken."""
        head = self._book.head or self._adopt_head()
        standing = Standing(
            number=last.standing.number + 1 if last else 1,
            sequence=head.sequence + 1 if head else 1,
            previous=head.sha256 if head else None,
            as_of=iso(self._clock.now()),
            version=VERSION,
        )
        body = seal_bytes(statement, standing)
        sealing = Sealing(
            sequence=standing.sequence,
            previous=standing.previous,
            key=seal_key(self._source, statement.day, standing.number),
            sha256=hashlib.sha256(body).hexdigest(),
            as_of=standing.as_of,
        )
        self._bucket.put(listing_key(self._source, statement.day), body, content_type="application/jsonl")
        self._book.begin(sealing)
        return self._write(sealing, body)

    def newest(self, day: date) -> Seal | None:
        """The newest seal of a day. Raises ChainBroken where it cannot be read."""
        versions = self._bucket.versions(day_folder(self._source, day))
        numbers = [number for each in versions if (number := number_in(each.key))]
        if not numbers:
            return None
        key = seal_key(self._source, day, max(numbers))
        seal = self._seal_at(key)
        if seal.key != key:
            raise ChainBroken(f"{key} is the seal that belongs at {seal.key}")
        return seal

    def _seal_at(self, key: str) -> Seal:
        body = self._read(key)
        try:
            return read_seal(body or b"")
        except NoSeal as reason:
            raise ChainBroken(f"{key} is not a seal: {reason if body else 'it is not there any more'}") from None

    def _adopt_head(self) -> Head | None:
        """The newest seal of the bucket: a ledger that was lost, or is new, goes on with its chain."""
        keys = {each.key for each in self._bucket.versions(seal_folder(self._source)) if number_in(each.key)}
        seals = [self._seal_at(key) for key in sorted(keys)]
        if not seals:
            return None
        newest = max(seals, key=lambda seal: seal.standing.sequence)
        head = Head(sequence=newest.standing.sequence, key=newest.key, sha256=newest.sha256)
        self._book.adopt(head)
        return head

    def _stored_listing(self, sealing: Sealing) -> bytes | None:
        """The listing that was kept for this seal; None where it is gone, or of another one."""
        day = day_of(sealing.key)
        body = self._read(listing_key(self._source, day))
        return body if body and hashlib.sha256(body).hexdigest() == sealing.sha256 else None

    def _stored_seal(self, sealing: Sealing) -> bytes | None:
        """The object at the seal's key, which is the seal or breaks the chain."""
        return self._read(sealing.key)

    def _write(self, sealing: Sealing, body: bytes) -> Seal:
        if hashlib.sha256(body).hexdigest() != sealing.sha256 or not self._put_once(sealing.key, body):
            raise ChainBroken(f"{sealing.key} holds another seal than the one with the SHA-256 {sealing.sha256}")
        if self._signer is not None:
            self._publish(self._signer)
            # Each signature of the same bytes is another: one that is there already is as good.
            self._put_once(sealing.key + SIGNATURE, self._signer.sign(body))
        self._book.finish()
        return read_seal(body)

    def _publish(self, signer: Signer) -> None:
        if not self._key_is_there:
            public = signer.public_key()
            name = public_key_name(public)
            if not self._put_once(name, pem_of(public)):
                raise ChainBroken(f"{name} holds another key than the one that signs")
            self._key_is_there = True

    def _put_once(self, key: str, body: bytes) -> bool:
        """Whether these very bytes are at the key now. Raises ArchiveTrouble when writers keep meeting there."""
        properties = Properties(content_type=_content_type(key), lock=self._lock())
        for _ in range(_ATTEMPTS):
            try:
                self._bucket.put_new(key, body, sha256=hashlib.sha256(body).digest(), properties=properties)
            except Taken:
                return self._read(key) == body
            except Conflict:
                continue
            return True
        raise ArchiveTrouble(Service.S3, "ConditionalRequestConflict")

    def _read(self, key: str) -> bytes | None:
        try:
            with self._bucket.read(key) as chunks:
                return b"".join(chunks)
        except NotThere:
            return None
        except ArchiveTrouble as trouble:
            if trouble.code == "AccessDenied":  # so S3 answers for a missing key to whoever may not list
                return None
            raise


def _content_type(key: str) -> str:
    if key.endswith(SIGNATURE):
        return "application/octet-stream"
    return "application/jsonl" if key.endswith(".jsonl") else "application/x-pem-file"
