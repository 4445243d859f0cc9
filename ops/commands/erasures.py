"""`recordings erasures`."""

from __future__ import annotations

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.PROVE, example="recordings erasures --json")
def command(shared: Shared) -> ExitCode:
    """List what was erased, when, by whom and on what ground, and what is still to go."""
    from ops.erasing.verbs import erasures

    return erasures(shared)
