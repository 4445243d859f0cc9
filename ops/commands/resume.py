"""`recordings resume`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.REPAIR, example="recordings resume acme-uk")
@click.argument("source")
def command(shared: Shared, *, source: str) -> ExitCode:
    """End the pause of a source. A break that the provider itself asked for goes on to its end."""
    from functions.archiver.clock import Clock
    from functions.archiver.throttling.pause import pause_of, resume
    from ops.archive.opening import open_archive

    archive = open_archive(shared, writes=True)
    archive.ledger(source)  # refuses a source that is not there
    output = shared.output(archive.zone)
    before = pause_of(archive.table.get(f"{source}#pace"), Clock().now())
    resumed = resume(archive.table, source)
    output.document({"source": source, "resumed": resumed})
    if before is None:
        output.verdict(f"{source} was not paused")
    else:
        output.verdict(f"{source} goes on; it had been {before.sentence}, since {output.minute(before.since)}")
    return ExitCode.DONE
