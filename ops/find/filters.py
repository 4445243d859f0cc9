"""The filters of `find`, for every verb that acts on the recordings that `find` would show."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from ops.shell.moments import Length, Moment

STATES = ("pending", "queued", "archived", "gone", "failed", "quarantined", "altered", "absent", "erased")

_Function = TypeVar("_Function", bound=Callable[..., object])

_OPTIONS = (
    click.option(
        "--number", metavar="NUMBER", help="Either party's number, in any spelling; its last 4 digits suffice."
    ),
    click.option("--agent", metavar="NAME", help="Agent, or a part of the name."),
    click.option("--call", metavar="ID", help="All recordings of this call."),
    click.option("--source", metavar="SOURCE", help="Of one source only."),
    click.option("--day", type=Moment(), metavar="DATE", help="Recorded on this day, in the archive's time zone."),
    click.option("--from", "since", type=Moment(), metavar="TIME", help="Recorded at or after this time."),
    click.option("--to", "until", type=Moment(), metavar="TIME", help="Recorded before it; a date is its start."),
    click.option("--state", type=click.Choice(STATES), help="In this state."),
    click.option("--direction", type=click.Choice(("in", "out", "unknown")), help="Of the call."),
    click.option("--min-length", type=Length(), metavar="LENGTH", help="At least this long: 90, 5m, 1h or 4:07."),
    click.option("--max-length", type=Length(), metavar="LENGTH", help="At most this long."),
    click.option("--held", is_flag=True, help="On hold only."),
)


def find_filters(function: _Function) -> _Function:
    """Gives a verb the options; it gets them by their names, `--from` and `--to` as `since` and `until`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
