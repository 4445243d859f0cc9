"""`recordings backfill`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.shell.command_line import command_line
from ops.shell.moments import Moment, span
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.verb import Shared, Topic, verb

if TYPE_CHECKING:
    from ops.archive.archive import Archive

REQUESTS_EACH = 2

_FILE = click.Path(path_type=Path)


@verb(topic=Topic.REPAIR, example="recordings backfill acme-uk --from 2025-01-01 --to 2025-07-01 --dry-run")
@click.argument("source")
@click.option("--from", "since", type=Moment(), metavar="TIME", help="The first moment.")
@click.option("--to", "until", type=Moment(), metavar="TIME", help="The moment before which it ends; default: now.")
@click.option("--dry-run", is_flag=True, help="List one day at the provider, and estimate how long the whole takes.")
@click.option("--cancel", is_flag=True, help="End the one in progress; what it found stays.")
@click.option(
    "--deployment", type=_FILE, metavar="FILE", help="With --dry-run on a local archive: its deployment file."
)
@click.option("--secrets", type=_FILE, metavar="FILE", help="With --dry-run, in place of Secrets Manager.")
def command(
    shared: Shared,
    *,
    source: str,
    since: datetime | None,
    until: datetime | None,
    dry_run: bool,
    cancel: bool,
    deployment: Path | None,
    secrets: Path | None,
) -> ExitCode:
    """List a past period again and archive what is missing of it, after each ordinary listing and at the source's pace.

    It goes on over as many runs as it takes; `status` shows how far it is. Undone by --cancel.
    """
    from ops.archive.opening import open_archive

    archive = open_archive(shared, writes=not dry_run)
    archive.ledger(source)  # refuses a source that is not there
    output = shared.output(archive.zone)
    if cancel:
        return _cancel(archive, source, output)
    if since is None:
        raise Failure(ExitCode.MISUSE, "give --from TIME, or --cancel")
    now = datetime.now(UTC)
    start, end = span(since, until, zone=shared.zone or archive.zone, default=timedelta(), now=now)
    _check_start(archive, source, start)
    if dry_run:
        return _estimate(shared, output, source, start, min(end, now), deployment, secrets)
    return _ask(archive, source, start, end, output)


def _check_start(archive: Archive, source: str, start: datetime) -> None:
    from ops.archive.folder import FolderArchive

    if isinstance(archive, FolderArchive):
        return  # the next run knows its deployment file, and begins no earlier than that says
    from ops.archive.deployed import DeployedArchive

    assert isinstance(archive, DeployedArchive)
    first = archive.settings(source).source.start
    if start < first:
        raise Failure(
            ExitCode.MISUSE,
            f"nothing recorded before {first:%Y-%m-%d} is fetched for {source}: "
            f"set sources.{source}.start to an earlier time, deploy, and repeat this",
        )


def _ask(archive: Archive, source: str, start: datetime, end: datetime, output: Output) -> ExitCode:
    from functions.archiver.listing.backfill import Backfill, Backfills

    cancel = command_line("backfill --cancel", source)
    wanted = Backfill(start=start, end=end, by=archive.person.name, asked_at=datetime.now(UTC))
    if not Backfills(archive.table, source=source).ask(wanted):
        raise Failure(ExitCode.REFUSED, f"{source} has a backfill that goes on: wait for it or end it", next_=cancel)
    output.document({"source": source, "from": start, "to": end, "state": "asked"})
    output.verdict(
        f"{source} is listed again from {output.minute(start)} to {output.minute(end)}; undo: {output.again(cancel)}"
    )
    return ExitCode.DONE


def _cancel(archive: Archive, source: str, output: Output) -> ExitCode:
    from functions.archiver.listing.backfill import Backfills

    backfills = Backfills(archive.table, source=source)
    known = backfills.open()
    ended = known is not None and backfills.end(known)
    output.document(
        {
            "source": source,
            "from": known.start if known else None,
            "to": known.end if known else None,
            "state": "cancelled" if ended else "none",
        }
    )
    output.verdict(f"{source}: the backfill is ended; what it found stays" if ended else f"{source} has no backfill")
    return ExitCode.DONE


def _estimate(
    shared: Shared,
    output: Output,
    source: str,
    start: datetime,
    end: datetime,
    deployment: Path | None,
    secrets: Path | None,
) -> ExitCode:
    """By what the provider lists of the day in the middle."""
    from ops.archive.where import LocalFolder, located
    from ops.provider.connection import Connection
    from ops.provider.operations import list_recordings

    if isinstance(located(shared.archive), LocalFolder) and not (deployment and secrets):
        raise Failure(ExitCode.MISUSE, "a local archive's provider is asked with --deployment FILE and --secrets FILE")
    connection = Connection(shared=shared, source=source, deployment=deployment, secrets=secrets)
    day = timedelta(days=1)
    middle = start + (end - start) / 2
    sample_start, sample_end = max(start, middle - day / 2), min(end, middle + day / 2)
    found = sum(1 for _ in list_recordings(connection.provider(), sample_start, sample_end))
    estimate = round(found * ((end - start) / (sample_end - sample_start)))
    rate = connection.settings().requests_per_minute
    days = estimate * REQUESTS_EACH / rate / 1440
    output.document(
        {
            "source": source,
            "from": start,
            "to": end,
            "state": "dry run",
            "sample": {"from": sample_start, "to": sample_end, "found": found},
            "estimate": estimate,
            "days_at_the_pace": round(days, 2),
        }
    )
    output.line(f"{source}: {found} recordings listed from {output.minute(sample_start)} on, within a day")
    pace = f"{days:,.1f} days at {rate:g} requests a minute, if nothing else is asked"
    output.verdict(f"about {estimate:,} recordings in all: {pace}; nothing was done")
    return ExitCode.DONE
