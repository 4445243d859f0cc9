"""`recordings reconcile`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.shell.moments import Moment, span
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.verb import Shared, Topic, verb

if TYPE_CHECKING:
    from ops.archive.archive import Archive
    from ops.archive.folder import FolderArchive

_FILE = click.Path(path_type=Path)


@verb(topic=Topic.REPAIR, example="recordings reconcile acme-uk --from 2026-11-01 --to 2026-11-08")
@click.argument("source")
@click.option("--from", "since", type=Moment(), metavar="TIME", help="The first moment; default: the last days.")
@click.option("--to", "until", type=Moment(), metavar="TIME", help="The moment before which it ends; default: now.")
@click.option("--deployment", type=_FILE, metavar="FILE", help="Of a local archive: its deployment file.")
@click.option("--secrets", type=_FILE, metavar="FILE", help="Of a local archive: the secrets.")
@click.option("--sign-key", type=_FILE, metavar="FILE", help="Of a local archive: what signs its seals.")
def command(
    shared: Shared,
    *,
    source: str,
    since: datetime | None,
    until: datetime | None,
    deployment: Path | None,
    secrets: Path | None,
    sign_key: Path | None,
) -> ExitCode:
    """Compare provider, ledger and bucket now, insert what is missing, and write a report.

    On AWS the source's reconciler does it, and this command follows. If you end the command early, the reconciler goes
    on without it.
    """
    from ops.archive.folder import FolderArchive
    from ops.archive.opening import open_archive

    archive = open_archive(shared)
    archive.ledger(source)  # refuses a source that is not there
    output = shared.output(archive.zone)
    event: dict[str, object] = {"force": True}
    if since is not None or until is not None:
        zone = shared.zone or archive.zone
        start, end = span(since, until, zone=zone, default=timedelta(days=7), now=datetime.now(UTC))
        event |= {"from": start.isoformat(), "to": end.isoformat()}
    if isinstance(archive, FolderArchive):
        report = _in_folder(archive, source, event, output, deployment, secrets, sign_key)
    else:
        from ops.archive.deployed import DeployedArchive
        from ops.reconcile.deployed import reconcile_and_wait

        assert isinstance(archive, DeployedArchive)
        report = reconcile_and_wait(archive, source, event, output)
    return _tell(output, archive, source, report)


def _in_folder(
    archive: FolderArchive,
    source: str,
    event: Mapping[str, object],
    output: Output,
    deployment: Path | None,
    secrets: Path | None,
    sign_key: Path | None,
) -> str | None:
    from functions.archiver.settings.toml_file import read
    from ops.local.configuration import secrets_of
    from ops.local.hand import working_on
    from ops.provider.connection import source_of
    from ops.seals.openssl import signer_of_folder

    if deployment is None or secrets is None:
        raise Failure(ExitCode.MISUSE, "a local archive's provider is asked with --deployment FILE and --secrets FILE")
    configured = read(deployment)
    wanted = source_of(configured, source)
    values = secrets_of(secrets, configured, output)
    signer = signer_of_folder(archive.root, sign_key)
    with working_on(archive.root, "reconcile", configured, say=output.note, secrets=values, signer=signer) as hand:
        function = hand.function(wanted, "reconciler")
        while True:
            done = function.invoke(event)
            if done["report"] or done["stopped"] != "out of time":
                if done["stopped"]:
                    output.note(f"{source}: {done['stopped']}")
                return str(done["report"]) if done["report"] else None


def _tell(output: Output, archive: Archive, source: str, report: str | None) -> ExitCode:
    from ops.reconcile.reports import document_of

    if report is None:
        output.document({"source": source, "report": None, "complete": None, "days": []})
        output.verdict(f"{source}: the listing has not come to its end, and goes on at the next run")
        return ExitCode.LOOK
    document = document_of(archive.bucket, report) or {}
    days = list(document.get("days", ()))
    output.document({"source": source, "report": report, "complete": document.get("complete"), "days": days})
    listed, archived = (sum(int(day[name]) for day in days) for name in ("listed", "archived"))
    output.line(f"{source}: {listed} listed, {archived} archived, on {len(days)} days; {report}")
    if any(day["altered"] or day["absent"] for day in days):
        output.verdict(f"bytes are not what they were: {output.again(f'recordings report {source}')}")
        return ExitCode.ALTERED
    if document.get("complete"):
        output.verdict(f"{source} is complete")
        return ExitCode.DONE
    output.verdict(f"{source} is not complete: {output.again(f'recordings report {source}')}")
    return ExitCode.LOOK
