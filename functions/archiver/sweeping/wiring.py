"""The sweeper of a source, out of a function's parts and with the secret that nobody else reads."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from functions.archiver.errors import Misconfigured
from functions.archiver.ledger.at_source import AtSource
from functions.archiver.sealing.book import Head
from functions.archiver.source_client import SourceClient
from functions.archiver.sweeping.seals import StoredSeals
from functions.archiver.sweeping.sweeper import Sweeper
from functions.archiver.sweeping.witnesses import Witnesses

if TYPE_CHECKING:
    from functions.archiver.runtime import Runtime


def sweeper_of(run: Runtime) -> Sweeper:
    """Raises Misconfigured for a source without `delete_at_source`."""
    source = run.settings.source
    if source.delete_after_days is None or source.delete_secret is None:
        raise Misconfigured(f"sources.{source.name} has no delete_at_source")
    name, after, bucket = source.delete_secret, timedelta(days=source.delete_after_days), run.engine.bucket
    client = SourceClient(
        replace(source, secret=name, delete_secret=None, delete_after_days=None),
        read_secret=lambda: run.engine.secret(name),
        slots=run.pace,
        tokens=None,  # a shared one is that of the other secret, and cannot delete
        seconds_left=run.seconds_left,
    )
    provider = functools.cache(client.provider)

    def witnesses(head: Head | None) -> Witnesses:
        return Witnesses(
            source=source.name,
            ledger=run.ledger,
            marks=AtSource(run.table, source=source.name, clock=run.clock),
            bucket=bucket,
            seals=StoredSeals(bucket, source=source.name, head=head),
            provider=provider,
            clock=run.clock,
            after=after,
            seconds_left=run.seconds_left,
        )

    return Sweeper(
        source=source.name,
        table=run.table,
        cursors=run.cursors("sweeper"),
        witnesses=witnesses,
        notes=run.notes,
        totals=run.totals,
        pace=run.pace,
        clock=run.clock,
        after=after,
        seconds_left=run.seconds_left,
    )
