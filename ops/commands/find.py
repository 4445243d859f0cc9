"""`recordings find`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from ops.moments import Length, Moment
from ops.output import ExitCode
from ops.verb import Shared, Topic, verb

if TYPE_CHECKING:
    from ops.finding import Asked

STATES = ("pending", "queued", "archived", "gone", "failed", "quarantined", "altered", "absent", "erased")


@verb(topic=Topic.LOOK, example="recordings find --number 07700900123 --from 2026-01-01 --to 2026-02-01")
@click.argument("words", nargs=-1, metavar="[WORDS]")
@click.option("--number", metavar="NUMBER", help="Caller's or called, as anybody writes it; from its last 4 digits on.")
@click.option("--agent", metavar="NAME", help="Agent, or a part of the name.")
@click.option("--call", metavar="ID", help="All recordings of this call.")
@click.option("--source", metavar="SOURCE", help="Of one source only.")
@click.option("--day", type=Moment(), metavar="DATE", help="Recorded on this day, in the archive's time zone.")
@click.option("--from", "since", type=Moment(), metavar="TIME", help="Recorded at or after this time.")
@click.option("--to", "until", type=Moment(), metavar="TIME", help="Recorded before this time; a date is its start.")
@click.option("--state", type=click.Choice(STATES), help="In this state.")
@click.option("--direction", type=click.Choice(("in", "out", "unknown")), help="Of the call.")
@click.option("--min-length", type=Length(), metavar="LENGTH", help="At least so long: 90, 5m, 1h or 4:07.")
@click.option("--max-length", type=Length(), metavar="LENGTH", help="At most so long.")
@click.option("--held", is_flag=True, help="On hold only.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="How many; 0 is all.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer as CSV, with all columns.")
def command(
    shared: Shared,
    *,
    words: tuple[str, ...],
    day: datetime | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_csv: bool,
    **filters: object,
) -> ExitCode:
    """Find recordings: by number, agent, call, id, time, state.

    WORDS are an id, a call's id, a number or an agent, or the beginning of an id.
    """
    from ops.finding import answer, asked

    question: Asked = asked(shared, " ".join(words), day=day, since=since, until=until, filters=filters)
    return answer(shared, question, limit=limit, as_csv=as_csv)
