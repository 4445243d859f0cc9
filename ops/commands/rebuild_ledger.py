"""`recordings rebuild-ledger`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.REPAIR, example="recordings rebuild-ledger -a archive --dry-run")
@click.option("--dry-run", is_flag=True, help="Count what would come back, and write nothing.")
def command(shared: Shared, *, dry_run: bool) -> ExitCode:
    """Fill a ledger that was lost, or a new one, from the archive's objects alone.

    What is archived, in quarantine, erased and on hold comes back from the objects, what is gone or failed from the
    newest report of each day. What is in the ledger stays as it is; a file that cannot be used is renamed, not deleted.
    """
    from ops.archive.rebuild import rebuild

    return rebuild(shared, dry_run=dry_run)
