"""`recordings page`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.LOOK, example="recordings page -a demo/archive")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="On this port. [default: a free one]")
@click.option("--no-open", is_flag=True, help="Open no browser; print the address alone.")
@click.option("--reason-required", is_flag=True, help="Ask why before anything is played or downloaded.")
@click.option("--read-only", is_flag=True, help="Offer neither hold nor retry; accesses are recorded all the same.")
def command(shared: Shared, *, port: int, no_open: bool, reason_required: bool, read_only: bool) -> ExitCode:
    """Search and listen in a browser on this machine; ends after half an hour without a request.

    Prints one address, which works once. Everything that is shown or played is recorded first.
    """
    from ops.page.running import PageOptions, page

    asked = PageOptions(port=port, opens=not no_open, reason_required=reason_required, read_only=read_only)
    return page(shared, asked)
