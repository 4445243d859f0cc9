"""`recordings doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ops.shell.output import Column, ExitCode, Output
from ops.shell.verb import Shared, Topic, verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.archive.archive import Archive
    from ops.doctor.check import Check

_COLUMNS = [
    Column(head="check", importance=9),
    Column(head="source", importance=8),
    Column(head="result", importance=9),
]


@verb(topic=Topic.REPAIR, example="recordings doctor acme-uk -a deployments/mine.toml")
@click.argument("source", required=False)
@click.option("--write-test", is_flag=True, help="Put one small object into the bucket; it is removed after a day.")
@click.option("--anyway", is_flag=True, help="Ask the provider although the source is blocked or paused.")
def command(shared: Shared, *, source: str | None, write_test: bool, anyway: bool) -> ExitCode:
    """Look for what is wrong: secret, provider, schedules, queue, mail, webhook, bucket, key and clock.

    The source's own function tries its secret and its provider, under its own role and pace, with three requests at
    most. Nothing is changed. Exit code 1 where something failed or could not be looked at.
    """
    from ops.archive.opening import open_archive
    from ops.doctor.check import exit_code

    archive = open_archive(shared)
    if source is not None:
        archive.ledger(source)  # refuses a source that is not there
    output = shared.output(archive.zone)
    sources = [source] if source else archive.sources
    found = _checks(archive, sources, output, write_test=write_test, anyway=anyway)
    output.document({"checks": [_document(output, each) for each in found]})
    _tell(output, found)
    return exit_code(found)


def _checks(archive: Archive, sources: Sequence[str], output: Output, *, write_test: bool, anyway: bool) -> list[Check]:
    from ops.archive.folder import FolderArchive

    if isinstance(archive, FolderArchive):
        from ops.doctor.folder import checks

        return list(checks(archive, sources))
    from ops.archive.deployed import DeployedArchive
    from ops.doctor.deployed import DeployedDoctor

    assert isinstance(archive, DeployedArchive)
    output.progress(f"{len(sources)} functions are asked to try their secret and their provider")
    return list(DeployedDoctor(archive, anyway=anyway).checks(sources, write_test=write_test))


def _document(output: Output, check: Check) -> dict[str, Any]:
    return {**check.document(), "next": output.again(check.next) if check.next else None}


def _tell(output: Output, found: Sequence[Check]) -> None:
    output.table(_COLUMNS, [[each.id, each.source or "", each.status] for each in found])
    for each in found:
        if each.status != "ok":
            name = f"{each.source}: {each.id}" if each.source else each.id
            output.line(f"{name}: {each.detail}" + (f"; next: {output.again(each.next)}" if each.next else ""))
    steps = _steps_left(output, found)
    for number, step in enumerate(steps, 1):
        output.line(f"step {number} of {len(steps)}: {step}")
    ill = sum(each.status != "ok" for each in found)
    output.verdict(f"{ill} of {len(found)} checks to look at, named above" if ill else "nothing is wrong")


_STEPS = (
    (("alerts.confirmed",), "confirm the mail that AWS has sent to each address of alerts"),
    (("secret.readable", "secret.fields", "provider.lists"), "put working credentials into the secret"),
    (("first.archived",), "wait for the first recording: {status}"),
)


def _steps_left(output: Output, found: Sequence[Check]) -> list[str]:
    """After a first deploy, what is still to be done, in order; nothing once a recording of each source is there."""
    ill = {each.id for each in found if each.status != "ok"}
    if "first.archived" not in ill:
        return []
    status = output.again("recordings status")
    return [step.format(status=status) for ids, step in _STEPS if ill.intersection(ids)]
