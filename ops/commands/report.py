"""`recordings report`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.shell.moments import Moment, days
from ops.shell.output import Column, ExitCode, Output
from ops.shell.texts import are, counted
from ops.shell.verb import Shared, Topic, verb

if TYPE_CHECKING:
    from ops.reconcile.reports import Row

DAYS = timedelta(days=13)
"""Before today."""

_WIDTH = 80


@verb(topic=Topic.PROVE, example="recordings report acme-uk --from 2026-11-01 --html report.html")
@click.argument("source", required=False)
@click.option("--from", "since", type=Moment(), metavar="DATE", help="The first day, UTC; default: 14 days in all.")
@click.option("--to", "until", type=Moment(), metavar="DATE", help="The last day; default: today.")
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path), help="Also write it as a page.")
def command(
    shared: Shared, *, source: str | None, since: datetime | None, until: datetime | None, html: Path | None
) -> ExitCode:
    """Show day by day what the provider listed, what is archived, and what is missing.

    From the reports that the reconciler writes. Exit code 0 where every day is complete, 6 where bytes are not what
    they were, else 1.
    """
    from functions.archiver.clock import Clock
    from functions.archiver.reconciling.page import page
    from functions.archiver.vitals import VitalsReader
    from ops.archive.opening import open_archive
    from ops.archive.targets import checked_target
    from ops.reconcile.reports import exit_code, row_of, with_clock

    archive, now = open_archive(shared), datetime.now(UTC)
    if html is not None:
        checked_target(html, "--html", archive)
    if source is not None:
        archive.ledger(source)  # refuses a source that is not there
    first, last = days(since, until, default=DAYS, today=now.date())
    rows = []
    for name in [source] if source else archive.sources:
        found = row_of(archive.bucket, name, first, min(last, now.date()), today=now.date())
        rate = VitalsReader(archive.table, source=name, clock=Clock()).rate()
        rows.append(with_clock(found, rate, now))
    output = shared.output(archive.zone)
    output.document({"sources": [row.document() for row in rows]})
    if html is not None:
        html.write_text(page({row.source: row.days for row in rows}, made_at=f"{now:%Y-%m-%d %H:%M} UTC"), "utf-8")
    _tell(output, rows, _unreported(rows) if since is None else 0)
    return exit_code(rows)


def _tell(output: Output, rows: list[Row], hidden: int) -> None:
    from functions.archiver.reconciling.cells import LEGEND

    if not output.as_json and rows:
        _table(output, rows, hidden)
        output.line(LEGEND)
        if hidden:
            first, last = (_day(rows[0].days[at]) for at in (0, hidden - 1))
            output.line(f"no report of {first} to {last}" if hidden > 1 else f"no report of {first}")
    for row in rows:
        for day in row.days:
            if day.get("archived_by"):
                output.line(_clock(output, row.source, day))
        if failed := row.count("failed"):
            find = output.again(f"recordings find --source {row.source} --state failed")
            output.line(f"{row.source}: {counted(failed)} failed; next: {find}")
    output.verdict(_verdict(output, rows))


def _table(output: Output, rows: list[Row], hidden: int) -> None:
    """Sources down, days across without the first `hidden`, in as many tables as the width takes."""
    from functions.archiver.reconciling.cells import archived_by_day, cell_of

    heads = [*(_day(day) for day in rows[0].days[hidden:]), "archived"]
    cells = [[*(cell_of(day).text for day in row.days[hidden:]), str(row.archived)] for row in rows]
    names = [row.source for row in rows]
    if len(rows) > 1:
        names.append("all")
        archived = archived_by_day(row.days for row in rows)
        cells.append([*(str(archived[str(day["date"])]) for day in rows[0].days[hidden:]), str(archived.total())])
    width = max(len(text) for row in [heads, *cells] for text in row) + 2
    fits = max((_WIDTH - max(6, *map(len, names))) // width, 1)
    for begin in range(0, len(heads), fits):
        part = slice(begin, begin + fits)
        columns = [Column(head="source", importance=9), *(Column(head=head, importance=8) for head in heads[part])]
        output.table(columns, [[name, *texts[part]] for name, texts in zip(names, cells, strict=True)])


def _unreported(rows: list[Row]) -> int:
    """How many days at the beginning no report of any source speaks of, today apart: before the archive was there."""
    by_day = list(zip(*(row.days for row in rows), strict=True))[:-1]
    return sum(1 for _ in takewhile(lambda days: all(day["state"] == "not looked" for day in days), by_day))


def _day(day: Mapping[str, Any]) -> str:
    return f"{datetime.fromisoformat(str(day['date'])):%d %b}"


def _clock(output: Output, source: str, day: Mapping[str, Any]) -> str:
    from ops.reconcile.reports import to_fetch

    sentence = (
        f"{source} {day['date']}: {to_fetch(day)} to fetch, done by {output.minute(day['archived_by'])} at this pace"
    )
    if day.get("deletes_on"):
        sentence += f"; deleted from {day['deletes_on']}"
    return f"{sentence}: {day['lost']} will be lost" if day.get("lost") else sentence


def _verdict(output: Output, rows: list[Row]) -> str:
    if not rows:
        return "there is no source"
    if changed := sum(row.changed for row in rows):
        ways = (state for state in ("altered", "absent") if any(row.count(state) for row in rows))
        commands = " and ".join(output.again(f"recordings find --state {state}") for state in ways)
        return f"{counted(changed)} {are(changed)} not as archived: {commands}"
    ill = [f"{row.source} ({len(row.to_look_at)})" for row in rows if row.to_look_at]
    if ill:
        output.note(f"each difference by name: {output.again('recordings report --html report.html')}")
        return f"days that are not complete: {', '.join(ill)}"
    return "every day that was looked at is complete"
