"""`recordings holds`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.PROVE, example="recordings holds --csv")
@click.option("--case", metavar="NAME", help="Only this one.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer as CSV.")
def command(shared: Shared, *, case: str | None, as_csv: bool) -> ExitCode:
    """List the cases: what they hold, since when, by whom and why; released ones too."""
    from ops.holds.verbs import holds

    return holds(shared, case=case, as_csv=as_csv)
