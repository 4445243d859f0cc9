"""`recordings retry`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.REPAIR, example='recordings retry --failed --source acme-uk --reason "HTML page"')
@click.argument("ids", nargs=-1)
@click.option("--failed", is_flag=True, help="All that failed, except accepted ones.")
@click.option("--source", metavar="SOURCE", help="Only recordings of this source.")
@click.option("--reason", metavar="TEXT", help="With --failed: only those whose reason contains this text.")
@click.option("--dry-run", is_flag=True, help="List them and do nothing.")
def command(
    shared: Shared, *, ids: tuple[str, ...], failed: bool, source: str | None, reason: str | None, dry_run: bool
) -> ExitCode:
    """Try recordings again that failed or are in quarantine, accepted ones too, with fresh attempts."""
    from ops.archive.folder import FolderArchive
    from ops.archive.opening import open_archive
    from ops.status.trouble import Selection, carry_out, choose, count_text

    archive = open_archive(shared, writes=not dry_run)
    output = shared.output(archive.zone)
    recordings = choose(archive, Selection(ids=ids, failed=failed, source=source, reason=reason))
    done = carry_out(
        output, recordings, lambda each: each.ledger.revival.retry(each.entry.recording.id), dry_run=dry_run
    )
    if not done:
        output.verdict("nothing to try again")
    elif dry_run:
        output.verdict(f"{count_text(done)} would be tried again; nothing was done")
    else:
        leave = output.again("recordings accept ID --reason TEXT")
        when = "by the next run" if isinstance(archive, FolderArchive) else "at the next tick"
        output.verdict(f"{count_text(done)} will be tried again {when}; leave one as it is: {leave}")
    return ExitCode.DONE
