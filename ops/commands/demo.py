"""`recordings demo`."""

from __future__ import annotations

from ops.output import ExitCode
from ops.signals import stopping
from ops.verb import Shared, Topic, verb


@verb(topic=Topic.START, example="recordings demo")
def command(shared: Shared) -> ExitCode:
    """Archive from simulated providers into ./demo, on this machine alone."""
    from ops.demo import demo

    return ExitCode(demo(stopping()))
