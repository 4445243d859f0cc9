"""`recordings hold`."""

from __future__ import annotations

import click

from ops.find.filters import find_filters
from ops.shell.output import ExitCode
from ops.shell.reason import Reason
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.PROVE, example='recordings hold --case "Doe v. Roe" --reason "order 7 C 12" --number 07700900123')
@click.argument("ids", nargs=-1)
@click.option("--case", required=True, metavar="NAME", help="Name of the case; an existing one is added to.")
@click.option("--reason", type=Reason(), required=True, metavar="TEXT", help="Why; kept for ever, so name no person.")
@find_filters
def command(shared: Shared, *, ids: tuple[str, ...], case: str, reason: str, **filters: object) -> ExitCode:
    """Keep recordings from being erased and from expiring, until the case is released.

    IDS are recordings or calls; instead of them the filters of `find` select. What they select is fixed now.
    On AWS S3 itself holds them, which needs object_lock.
    """
    from ops.find.selection import Selection
    from ops.holds.verbs import hold

    return hold(shared, case=case, reason=reason, selection=Selection(ids=ids, filters=filters))
