"""`recordings show`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.LOOK, example="recordings show 262388c281f3")
@click.argument("what")
def command(shared: Shared, *, what: str) -> ExitCode:
    """Show everything about a recording: what it is, where it is kept, its proof and story, and what comes next.

    WHAT is an id, a call's id (all its recordings), a key, or the beginning of an id from six characters on.
    """
    from ops.recording.show import show

    return show(shared, what)
