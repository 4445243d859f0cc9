"""`recordings accept`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.reason import Reason
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.REPAIR, example='recordings accept 0190a6c2 --reason "test call without sound"')
@click.argument("ids", nargs=-1, required=True)
@click.option(
    "--reason",
    type=Reason(),
    metavar="TEXT",
    required=True,
    help="Why it may stay so; the first 40 characters are kept.",
)
@click.option("--source", metavar="SOURCE", help="Only recordings of this source.")
@click.option("--dry-run", is_flag=True, help="List them and do nothing.")
def command(shared: Shared, *, ids: tuple[str, ...], reason: str, source: str | None, dry_run: bool) -> ExitCode:
    """Accept recordings that failed or are in quarantine: they no longer raise an alarm or change an exit code."""
    from ops.archive.opening import open_archive
    from ops.status.trouble import carry_out, choose_ids, count_text

    archive = open_archive(shared, writes=not dry_run)
    output = shared.output(archive.zone)
    recordings = choose_ids(archive, ids, source)
    done = carry_out(
        output, recordings, lambda each: each.ledger.revival.accept(each.entry.recording.id, reason), dry_run=dry_run
    )
    if dry_run:
        output.verdict(f"{count_text(done)} would be accepted; nothing was done")
    else:
        output.verdict(f"{count_text(done)} accepted; undo: {output.again('recordings retry ID')}")
    return ExitCode.DONE
