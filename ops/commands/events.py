"""`recordings events`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from ops.shell.moments import Moment, days
from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, VerbGroup, verb_group


@verb_group(
    VerbGroup,
    topic=Topic.REPAIR,
    example="recordings events replay --from 2026-11-20",
    valued=("--from", "--to"),
)
def command() -> None:
    """Send events again that other programs have missed."""


@command.verb("replay", example="recordings events replay --from 2026-11-20 --to 2026-11-22")
@click.option("--from", "since", type=Moment(), metavar="DATE", required=True, help="The first day of recording, UTC.")
@click.option("--to", "until", type=Moment(), metavar="DATE", help="The last day. [default: today]")
def replay_(shared: Shared, *, since: datetime, until: datetime | None) -> ExitCode:
    """Send the events of recordings of these days again, as the ledger has them now.

    Each keeps its `detail.id`, by which a receiver recognises an event that it has had. In a folder only what
    `events.jsonl` lacks is written. Released holds, sealed days and changes of a source's state are not repeated.
    """
    from ops.archive.opening import open_archive
    from ops.events.replaying import replay

    first, last = days(since, until, default=timedelta(), today=datetime.now(UTC).date())
    archive = open_archive(shared, writes=True)
    return replay(archive, shared.output(archive.zone), first, last)
