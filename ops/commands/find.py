"""`recordings find`."""

from __future__ import annotations

from datetime import datetime

import click

from ops.find.filters import find_filters
from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.LOOK, example="recordings find --number 07700900123 --from 2026-01-01 --to 2026-02-01")
@click.argument("words", nargs=-1, metavar="[WORDS]")
@find_filters
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
    from ops.archive.opening import open_archive
    from ops.find.find import answer, question_to

    question = question_to(
        open_archive(shared), shared, " ".join(words), day=day, since=since, until=until, filters=filters
    )
    return answer(shared, question, limit=limit, as_csv=as_csv)
