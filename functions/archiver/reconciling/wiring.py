"""Puts the reconciler and the sealer together."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from functions.archiver.bucket.locking import seal_lock_of
from functions.archiver.ledger.terms import end_of_term
from functions.archiver.reconciling.days import Days
from functions.archiver.reconciling.expiring import Expiring
from functions.archiver.reconciling.walk import Reconciler
from functions.archiver.sealing.book import SealBook
from functions.archiver.sealing.chain import Chain
from functions.archiver.sealing.document import Seal
from functions.archiver.sealing.sealer import Sealer
from functions.archiver.vitals import walked_until

if TYPE_CHECKING:
    from functions.archiver.engine import Log
    from functions.archiver.listing.cursors import CursorStore
    from functions.archiver.runtime import Runtime


def reconciler_of(run: Runtime) -> Reconciler:
    """The daily comparison."""
    source = run.settings.source
    return Reconciler(
        source=source.name,
        days=_days_of(run),
        listing=lambda cursors: run.listing(cursors, "reconcile"),
        retention=lambda: run.provider().retention(),
        cursors=run.cursors("reconciler"),
        ledger=run.ledger,
        totals=run.totals,
        store=run.store,
        sealer=lambda cursors: sealer_of(run, cursors),
        expiring=expiring_of(run),
        clock=run.clock,
        span=source.reconcile,
        start=source.start,
        # A span that is never read cleanly must not keep all later days from being counted and from their terms.
        listed_until=lambda: walked_until(run.cursors("lister").progress()),
        seconds_left=run.seconds_left,
    )


def expiring_of(run: Runtime) -> Expiring:
    """Gives the source's recordings their terms."""
    source = run.settings.source
    return Expiring(
        run.table,
        source=source.name,
        clock=run.clock,
        days=run.settings.expire_after_days,
        retention=run.ledger.retention,
        totals=run.totals,
        settled=max(source.overlap, source.reconcile),
    )


def _days_of(run: Runtime) -> Days:
    """Reads what ledger and bucket hold of each day."""
    term = run.settings.expire_after_days
    return Days(
        source=run.settings.source.name,
        ledger=run.ledger,
        bucket=run.engine.bucket,
        sleep=run.clock.sleep,
        is_over=lambda made: term is not None and end_of_term(made, term) <= run.clock.now(),
    )


def sealer_of(run: Runtime, cursors: CursorStore) -> Sealer:
    """The sealer of the source's days, under the lease of `cursors`."""
    source, days, book = run.settings.source.name, run.settings.expire_after_days, SealBook(cursors)
    chain = Chain(
        source=source,
        book=book,
        bucket=run.engine.bucket,
        clock=run.clock,
        signer=run.engine.signer,
        lock=lambda: seal_lock_of(run.settings, run.clock.now()),
    )
    return Sealer(
        source=source,
        book=book,
        chain=chain,
        days=_days_of(run),
        clock=run.clock,
        term=timedelta(days=days) if days else None,
        seconds_left=run.seconds_left,
        on_sealed=lambda seal: _log_sealed(run.logger, seal),
    )


def _log_sealed(log: Log, seal: Seal) -> None:
    """Logs the head of the chain: whoever keeps the log can show that nothing was cut off in the bucket."""
    log.info(
        "day sealed",
        day=seal.statement.day.isoformat(),
        number=seal.standing.number,
        sequence=seal.standing.sequence,
        complete=seal.statement.complete,
        key=seal.key,
        sha256=seal.sha256,
    )
