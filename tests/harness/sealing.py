"""Seals of one source, on any engine."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from functions.archiver.bucket.bucket import Bucket, Properties
from functions.archiver.bucket.sidecar import sidecar
from functions.archiver.bucket.store import Store
from functions.archiver.clock import Clock
from functions.archiver.entry import Stored
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.listing.cursors import CursorStore
from functions.archiver.reconciling.days import Days
from functions.archiver.recording import NO_TRANSCRIPT, Recording
from functions.archiver.sealing.book import SealBook
from functions.archiver.sealing.chain import Chain
from functions.archiver.sealing.document import Seal, day_folder, read_seal, seal_folder
from functions.archiver.sealing.sealer import Sealer
from functions.archiver.sealing.signing import Signer
from functions.archiver.sealing.statement import Listed
from functions.archiver.settings.storage_classes import StoragePolicy

SOURCE = "acme"


def a_sealer(
    cursors: CursorStore,
    bucket: Bucket,
    ledger: Ledger,
    clock: Clock,
    *,
    signer: Signer | None = None,
    **more: Any,
) -> Sealer:
    """A sealer of the source under the lease that `cursors` hold."""
    book = SealBook(cursors)
    return Sealer(
        source=SOURCE,
        book=book,
        chain=Chain(source=SOURCE, book=book, bucket=bucket, clock=clock, signer=signer),
        days=Days(source=SOURCE, ledger=ledger, bucket=bucket),
        clock=clock,
        **more,
    )


class SealBench:
    """A source whose days are sealed without a provider: what it lists is said here."""

    def __init__(self, table: Table, bucket: Bucket, clock: Clock) -> None:
        self.table = table
        self.bucket = bucket
        self.clock = clock
        self.ledger = Ledger(table, source=SOURCE, clock=clock)
        self.signer: Signer | None = None
        self.more: dict[str, Any] = {}

    def keep(self, id_: str, day: date, body: bytes = b"sound") -> Stored:
        """An archived recording of the day, with its object."""
        key, digest = f"audio/source={SOURCE}/date={day}/{id_}.wav", hashlib.sha256(body)
        version = self.bucket.put_new(
            key, body, sha256=digest.digest(), properties=Properties(content_type="audio/wav")
        )
        stored = Stored(
            key=key,
            version_id=version or f"made-{id_}",
            size_bytes=len(body),
            sha256=digest.hexdigest(),
            content_type="audio/wav",
        )
        recorded = datetime.fromisoformat(f"{day}T08:00:00+00:00")
        ticket = self.ledger.insert_queued(Recording(id=id_, recorded_at=recorded), "schedule")
        assert ticket is not None
        archived_at = self.clock.now()
        entry = replace(self.ledger.entry(ticket), archived_at=archived_at)
        store = Store(self.bucket, policy=StoragePolicy(storage="STANDARD", expire_after_days=None))
        noted = store.write_sidecar(entry.place, sidecar(entry, stored, NO_TRANSCRIPT, archived_at))
        self.ledger.mark_archived(ticket, stored, written=replace(entry, metadata_sha256=noted))
        return stored

    def seal(self, listed: dict[date, Listed], *, leaving: date | None = None) -> tuple[Seal, ...]:
        """One round: these days were listed, and those up to `leaving` (all of them) leave the window."""
        cursors = CursorStore(self.table, source=SOURCE, owner="reconciler", clock=self.clock)
        assert cursors.acquire()
        try:
            sealer = a_sealer(cursors, self.bucket, self.ledger, self.clock, signer=self.signer, **self.more)
            sealer.take(listed, leaving=leaving or max(listed))
            return sealer.run()
        finally:
            cursors.release()

    def seals(self, day: date | None = None) -> list[Seal]:
        """Every seal of the bucket, in the order of the chain."""
        prefix = day_folder(SOURCE, day) if day else seal_folder(SOURCE)
        keys = [key for key in self.bucket.keys(prefix) if key.endswith(".jsonl")]
        return sorted((read_seal(self.body(key)) for key in keys), key=lambda seal: seal.standing.sequence)

    def body(self, key: str) -> bytes:
        with self.bucket.read(key) as chunks:
            return b"".join(chunks)
