"""`recordings pause`."""

from __future__ import annotations

from datetime import datetime

import click

from ops.shell.moments import Moment, in_zone, typed
from ops.shell.output import ExitCode, Failure
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.REPAIR, example='recordings pause acme-uk --reason "their maintenance" --until 2026-12-01T06:00')
@click.argument("source")
@click.option("--reason", metavar="TEXT", help="Why, for whoever looks at the status.")
@click.option("--until", type=Moment(), metavar="TIME", help="When it goes on by itself; default: never.")
def command(shared: Shared, *, source: str, reason: str | None, until: datetime | None) -> ExitCode:
    """Leave a source alone: its provider gets no request, not even one made by hand. Undone by `resume`.

    Events that arrive meanwhile are noted. Nothing is lost but time: mind how long the provider keeps recordings.
    """
    from functions.archiver.clock import Clock
    from functions.archiver.throttling.pause import Pause, pause
    from ops.archive.opening import open_archive

    archive = open_archive(shared, writes=True)
    archive.ledger(source)  # refuses a source that is not there
    output, now = shared.output(archive.zone), Clock().now()
    zone = shared.zone or archive.zone
    end = in_zone(until, zone) if until else None
    if end is not None and end <= now:
        raise Failure(ExitCode.MISUSE, f"--until {typed(end, zone)} has passed: nothing was paused")
    given = Pause(by=archive.person.name, reason=reason, since=now, until=end)
    pause(archive.table, source, given)
    output.document(
        {"source": source, "by": given.by, "reason": given.reason, "since": given.since, "until": given.until}
    )
    when = f"until {output.minute(end)}" if end else "until somebody resumes it"
    output.verdict(f"{source} is paused {when}; undo: {output.again(f'recordings resume {source}')}")
    return ExitCode.DONE
