"""`recordings get`."""

from __future__ import annotations

import click

from ops.shell.moments import Length
from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.LOOK, example='recordings get 262388c281f3 --out . --reason "ticket 4711"')
@click.argument("what")
@click.option("--out", metavar="FILE|DIR|-", default=".", show_default=True, help="Where to; - is standard output.")
@click.option("--reason", metavar="TEXT", default="", help="Why, for the record of accesses; name no person.")
@click.option("--url", "as_url", is_flag=True, help="Print a link instead of fetching it (AWS only).")
@click.option(
    "--for", "seconds", type=Length(), metavar="TIME", default="15m", show_default=True, help="How long it works."
)
@click.option("--restore", is_flag=True, help="Bring it back from a storage class that cannot be read (AWS only).")
def command(
    shared: Shared, *, what: str, out: str, reason: str, as_url: bool, seconds: float, restore: bool
) -> ExitCode:
    """Fetch the original bytes of a recording, and check their digest while they are read.

    The access is recorded before the first byte. WHAT is as for show, and has to mean one recording.
    """
    from ops.recording.get import GetOptions, get

    return get(shared, what, GetOptions(out=out, reason=reason, as_url=as_url, seconds=round(seconds), restore=restore))
