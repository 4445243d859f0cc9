"""`recordings verify`."""

from __future__ import annotations

import secrets
from datetime import datetime

import click

from ops.shell.moments import Moment, refuse_backwards
from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.PROVE, example="recordings verify -a archive --source acme-uk --from 2026-01-01")
@click.argument("ids", nargs=-1)
@click.option("--source", metavar="SOURCE", help="Only recordings of this source.")
@click.option("--from", "since", type=Moment(), metavar="TIME", help="Only days from this one on.")
@click.option("--to", "until", type=Moment(), metavar="TIME", help="Only days up to this one.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Only this many of each source, at random.")
@click.option("--seed", type=int, metavar="N", help="Choose the same ones again.")
@click.option("--no-download", is_flag=True, help="Compare sizes alone; read no bytes.")
@click.option("--dry-run", is_flag=True, help="Note nothing in the ledger; on AWS, only say what reading costs.")
def command(
    shared: Shared,
    *,
    ids: tuple[str, ...],
    source: str | None,
    since: datetime | None,
    until: datetime | None,
    sample: int | None,
    seed: int | None,
    no_download: bool,
    dry_run: bool,
) -> ExitCode:
    """Read every recording again and compare it with its digest in the ledger. Nothing is moved or removed."""
    from ops.verify.selection import Selection
    from ops.verify.verify import verify

    refuse_backwards(since, until)
    if sample and seed is None:
        seed = secrets.randbelow(1_000_000)
        shared.output().note(f"--sample {sample} --seed {seed} chooses the same ones again")
    chosen = Selection(ids=ids, source=source, since=since, until=until, sample=sample, seed=seed)
    return verify(shared, chosen, read=not no_download, dry_run=dry_run)
