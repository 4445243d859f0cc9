"""`recordings index`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.LOOK, example="recordings index --rebuild")
@click.option("--rebuild", is_flag=True, help="Throw it away and build it anew.")
@click.option("--drop", is_flag=True, help="Remove it from this machine.")
@click.option("--where", is_flag=True, help="Only print its file's name.")
def command(shared: Shared, *, rebuild: bool, drop: bool, where: bool) -> ExitCode:
    """Bring this machine's search index up to date, and say how much is in it.

    It serves find and the page alone, and can be thrown away at any time.
    """
    from ops.index.verbs import Do, index

    chosen = [do for do, asked in ((Do.REBUILD, rebuild), (Do.DROP, drop), (Do.WHERE, where)) if asked]
    return index(shared, chosen)
