"""`recordings erase`."""

from __future__ import annotations

import click

from ops.find.filters import find_filters
from ops.shell.output import ExitCode
from ops.shell.questions import confirm_option
from ops.shell.verb import Shared, Topic, verb

BASES = ("gdpr-17", "pci-sad", "contract", "mistake")


@verb(topic=Topic.PROVE, example="recordings erase --number 07700900123 --basis gdpr-17 --ticket ABC-12 --confirm 3")
@click.argument("ids", nargs=-1)
@click.option("--basis", type=click.Choice(BASES), help="On what ground.")
@click.option("--ticket", metavar="ID", help="Where the request is on file; kept for ever, so name no person.")
@find_filters
@click.option("--deferred", is_flag=True, help="What earlier orders had to leave and nothing keeps any more.")
@confirm_option("Erase without a question if this is how many it is now.")
@click.option("--dry-run", is_flag=True, help="Show what would go and do nothing.")
@click.option("--break-glass", is_flag=True, help="As break_glass_role, which a governance lock does not stop.")
def command(
    shared: Shared,
    *,
    ids: tuple[str, ...],
    basis: str | None,
    ticket: str | None,
    deferred: bool,
    confirmed: int | None,
    dry_run: bool,
    break_glass: bool,
    **filters: object,
) -> ExitCode:
    """Erase recordings for good: every version in the bucket, and all that is known of them.

    IDS are recordings or calls; instead of them the filters of `find` select. Without --confirm the plan is shown.
    What is on hold or locked stays, is noted, and goes later with --deferred.
    """
    from ops.erasing.verbs import EraseOptions, erase
    from ops.find.selection import Selection

    return erase(
        shared,
        EraseOptions(
            selection=Selection(ids=ids, filters=filters),
            basis=basis,
            ticket=ticket,
            deferred=deferred,
            confirmed=confirmed,
            dry_run=dry_run,
            break_glass=break_glass,
        ),
    )
