"""`recordings import`."""

from __future__ import annotations

from pathlib import Path

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(
    topic=Topic.START,
    example="recordings import --deployment deployments/mine.toml --source acme-uk --out archive day.zip",
)
@click.argument("archives", nargs=-1, required=True, metavar="FILE|URL...")
@click.option("--deployment", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Deployment file.")
@click.option("--source", required=True, metavar="NAME", help="Whose recordings they are.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="A local archive, in place of the deployed one.",
)
@click.option("--dry-run", is_flag=True, help="Read and judge everything, and write nothing.")
@click.option(
    "--ids-are-the-provider's",
    "providers_ids",
    is_flag=True,
    help="The names are the provider's ids: no import- in front of them.",
)
def command(
    shared: Shared,
    *,
    archives: tuple[str, ...],
    deployment: Path,
    source: str,
    out: Path | None,
    dry_run: bool,
    providers_ids: bool,
) -> ExitCode:
    """Take recordings out of zip and tar.gz archives that a provider hands over besides its API."""
    from ops.importing.importing import Order, run

    order = Order(
        deployment=deployment,
        source=source,
        archives=archives,
        out=out,
        dry_run=dry_run,
        providers_ids=providers_ids,
    )
    return run(order, shared)
