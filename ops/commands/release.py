"""`recordings release`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.questions import confirm_option
from ops.shell.reason import Reason
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.PROVE, example='recordings release --case "Doe v. Roe" --reason "settled" --confirm 12')
@click.option("--case", required=True, metavar="NAME", help="Name of the case.")
@click.option("--reason", type=Reason(), required=True, metavar="TEXT", help="Why; kept for ever, so name no person.")
@confirm_option("Release without a question if this is how many it holds now.")
@click.option("--dry-run", is_flag=True, help="List them and do nothing.")
def command(shared: Shared, *, case: str, reason: str, confirmed: int | None, dry_run: bool) -> ExitCode:
    """End the hold of a case. Its record stays, and other cases go on holding what they hold."""
    from ops.holds.verbs import release

    return release(shared, case=case, reason=reason, confirmed=confirmed, dry_run=dry_run)
