"""`recordings status`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.LOOK, example="recordings status acme-uk -a deployments/mine.toml")
@click.argument("source", required=False)
def command(shared: Shared, *, source: str | None) -> ExitCode:
    """Show how each source is doing: its state, what waits, what failed, and up to when it is complete.

    With SOURCE everything about that one. Exit code 0 where nobody has to look, 6 where bytes are not what they were,
    else 1.
    """
    from ops.archive.opening import open_archive
    from ops.status.status import exit_code, statuses, tell, tell_all

    archive = open_archive(shared)
    if source is not None:
        archive.ledger(source)  # refuses a source that is not there
    output = shared.output(archive.zone)
    found = list(statuses(archive, [source] if source else archive.sources, output))
    output.document({"sources": [each.document(output) for each in found]})
    if source is not None and not shared.as_json:
        tell_all(output, found[0])
    elif not shared.as_json:
        tell(output, found)
    return exit_code(found)
