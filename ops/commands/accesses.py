"""`recordings accesses`."""

from __future__ import annotations

from datetime import datetime

import click

from ops.shell.moments import Moment
from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.LOOK, example="recordings accesses --who anna --from 2026-11-01")
@click.option("--who", metavar="NAME", help="Whose name contains this.")
@click.option("--recording", metavar="ID", help="Of this recording: its id, or its digest if it was erased.")
@click.option("--from", "since", type=Moment(), metavar="TIME", help="At or after this time. [default: 30 days ago]")
@click.option("--to", "until", type=Moment(), metavar="TIME", help="Before this time. [default: now]")
@click.option("--csv", "as_csv", is_flag=True, help="Answer as CSV.")
def command(
    shared: Shared,
    *,
    who: str | None,
    recording: str | None,
    since: datetime | None,
    until: datetime | None,
    as_csv: bool,
) -> ExitCode:
    """List who has seen, heard or taken which recording, and why.

    Of a local archive the whole log is checked: each line names the digest of the one before it.
    """
    from ops.accesses.listing import AccessFilter, accesses

    return accesses(shared, AccessFilter(who=who, recording=recording, since=since, until=until), as_csv=as_csv)
