"""`recordings local`."""

from __future__ import annotations

from pathlib import Path

import click

from ops.shell.output import ExitCode, Failure
from ops.shell.signals import stopping
from ops.shell.verb import Shared, Topic, verb

FILE = click.Path(path_type=Path, dir_okay=False)
FILE_OR_DASH = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
FOLDER = click.Path(path_type=Path, file_okay=False)


@verb(
    topic=Topic.START,
    example="recordings local --deployment deployments/mine.toml --secrets secrets.json --out archive",
)
@click.option("--deployment", type=FILE, required=True, metavar="FILE", help="The deployment file.")
@click.option(
    "--secrets",
    type=FILE_OR_DASH,
    required=True,
    metavar="FILE|-",
    help='A JSON object from secret names to secrets, such as {"recordings/acme-uk": {"client_id": "…", '
    '"client_secret": "…"}}; - reads standard input.',
)
@click.option("--out", type=FOLDER, required=True, metavar="DIR", help="The folder that is the archive.")
@click.option("--serve-webhooks", "webhook_port", type=click.IntRange(0, 65535), metavar="PORT", help="Take webhooks.")
@click.option("--keep-running", is_flag=True, help="Fire the schedules until it is stopped, without webhooks.")
@click.option("--real-time", is_flag=True, help="Wait for what is due later, instead of moving the clock.")
@click.option("--skip-waits", is_flag=True, help="Move the clock even where a verdict needs real time (tests, demo).")
@click.option("--reconcile", is_flag=True, help="Compare with the provider at the end, even if that was done lately.")
@click.option("--on-trouble", metavar="COMMAND", help="Run this with the verdict as its input when something is wrong.")
@click.option("--ledger", type=FILE, metavar="FILE", help="Keep the ledger in this file on a local disk.")
@click.option("--dry-run", is_flag=True, help="Archive as ever, but delete nothing past its term: list it.")
@click.option("--sign-key", type=FILE, metavar="FILE", help="Sign the seals with this ECDSA key (P-256, PEM).")
@click.option("--engine", type=click.Choice(["moto"]), help="Run on an emulator instead (tests).")
def command(
    shared: Shared, *, webhook_port: int | None, keep_running: bool, real_time: bool, skip_waits: bool, **given: object
) -> ExitCode:
    """Run the whole archive on this machine, without AWS: a folder is the archive."""
    _exclude({"--serve-webhooks": webhook_port is not None, "--keep-running": keep_running})
    _exclude({"--real-time": real_time, "--skip-waits": skip_waits})
    # Imported here: no other verb needs the engine of a local run.
    from ops.local.options import Options
    from ops.local.run import run

    options = Options(
        webhook_port=webhook_port,
        keep_running=keep_running,
        real_time=real_time,
        skip_waits=skip_waits,
        zone=shared.zone,
        **given,  # type: ignore[arg-type]  # click has checked the types
    )
    return ExitCode(run(options, stopping(), shared.output()))


def _exclude(given: dict[str, bool]) -> None:
    if all(given.values()):
        raise Failure(ExitCode.MISUSE, f"{' and '.join(given)} exclude each other")
