"""What a local run reads before it begins: the secrets, and whether the deployment file fits a folder."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Deployment
from functions.archiver.source_client import client_of
from ops.local.options import STANDARD_INPUT, Options
from ops.shell.command_line import quoted
from ops.shell.moments import typed
from ops.shell.output import Output

_ONLY_ON_AWS = ("bucket", "kms_key", "permissions_boundary", "object_lock", "tiers")


def secrets_of(path: Path, deployment: Deployment, output: Output) -> dict[str, str]:
    """The value of each secret by its name, out of the file, or standard input for `-`. Raises Misconfigured."""
    name = "standard input" if path == STANDARD_INPUT else str(path)
    try:
        document = json.loads(sys.stdin.read() if path == STANDARD_INPUT else path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"{name}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise Misconfigured(f"{name}: is not JSON") from None
    if not isinstance(document, dict):
        raise Misconfigured(f"{name}: must be a JSON object from secret names to objects")
    for source in deployment.sources:
        if not isinstance(document.get(source.secret), dict):
            raise Misconfigured(
                f"{name}: {source.secret} is missing or not an object, and sources.{source.name}.secret names it"
            )
    if path != STANDARD_INPUT and path.stat().st_mode & 0o077:
        output.note(f"{path} may be read by others: chmod 600 {quoted(path)}")
    return {name: json.dumps(value) for name, value in document.items()}


def check(options: Options, deployment: Deployment, secrets: Mapping[str, str]) -> None:
    """Asks nothing of a source, but says now what is wrong with its secret or an option. Raises Misconfigured."""
    for source in deployment.sources:
        try:
            client_of(source, json.loads(secrets[source.secret]), _NoSlots())
            if source.delete_secret is not None and source.delete_secret not in secrets:
                raise Misconfigured(f"the secrets lack {source.delete_secret}, which delete_secret names")
        except Misconfigured as mistake:
            raise Misconfigured(f"{options.deployment}: sources.{source.name}: {mistake}") from None


def name_what_a_folder_cannot_keep(deployment: Deployment, options: Options, output: Output) -> None:
    """Notes the keys of [archive] that count on AWS only."""
    archive = deployment.archive
    given = [name for name in _ONLY_ON_AWS if getattr(archive, name, None)]
    given += ["sign"] if archive.sign and options.sign_key is None else []
    given += ["storage"] if archive.storage != "auto" else []
    if given:
        output.note(f"of no effect in a folder, only on AWS: {', '.join(sorted(given))} of [archive]")


def name_what_begins_later(deployment: Deployment, now: datetime, output: Output) -> None:
    """Notes each source of which nothing is listed yet: a year that was mistyped looks like a source without calls."""
    for source in deployment.sources:
        if source.start > now:
            output.note(f"{source.name}: nothing is archived before its start, {typed(source.start, UTC)}")


def forget_aws_environment() -> None:
    """No profile, credentials or endpoint of the machine has any say in a local run."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"


class _NoSlots:
    """Slots for a client that asks nothing."""

    def book(self, kind: str) -> None:
        raise AssertionError("nothing is asked before the run begins")

    def hold(self, seconds: float) -> None:
        raise AssertionError("nothing is asked before the run begins")
