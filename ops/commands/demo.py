"""`recordings demo`."""

from __future__ import annotations

from ops.shell.output import ExitCode
from ops.shell.signals import stopping
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.START, example="recordings demo")
def command(shared: Shared) -> ExitCode:
    """Archive from simulated providers into ./demo, on this machine alone."""
    from ops.local.demo import demo

    return ExitCode(demo(stopping(), shared.output()))
