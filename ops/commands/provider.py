"""`recordings provider`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from functions.archiver.errors import Closed, Gone, NotFound, OfTheSource, Outcome
from ops.shell.moments import Moment, span
from ops.shell.output import ExitCode, Failure
from ops.shell.questions import confirm
from ops.shell.verb import Shared, Topic, VerbGroup, verb_group

if TYPE_CHECKING:
    from functions.archiver.provider.provider import Provider

FILE = click.Path(path_type=Path)


@verb_group(
    VerbGroup,
    topic=Topic.PROVIDER,
    example="recordings provider acme-uk --deployment deployments/mine.toml list --from 2026-01-01 --to 2026-01-02",
    valued=("--deployment", "--secrets"),
)
@click.argument("source")
def command(*, source: str) -> None:
    """A provider's own operations by hand, with the credentials and the pace of SOURCE.

    They never read or write the archive.
    """


def _connecting(function: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Adds the options that say where a source and its secret are."""
    options = (
        click.option("--deployment", type=FILE, metavar="FILE", help="The deployment file, in place of -a."),
        click.option("--secrets", type=FILE, metavar="FILE", help="In place of Secrets Manager."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@contextmanager
def _connect(shared: Shared, source: str, deployment: Path | None, secrets: Path | None) -> Iterator[Provider]:
    """The source's client; what the provider refuses becomes a sentence with the source's name."""
    from ops.provider.connection import Connection

    connection = Connection(shared=shared, source=source, deployment=deployment, secrets=secrets)
    try:
        yield connection.provider()
    except Outcome as problem:
        if isinstance(problem, OfTheSource) and not isinstance(problem, Closed):
            connection.cool_down(problem)
        code = ExitCode.NOT_FOUND if isinstance(problem, (NotFound, Gone)) else ExitCode.UNAVAILABLE
        raise Failure(code, f"{source}: {problem}") from None


@command.verb("list", example="recordings provider acme-uk list --deployment FILE --from 2026-01-01 --to 2026-01-02")
@_connecting
@click.option("--from", "since", type=Moment(), metavar="TIME", help="Default: a day before --to.")
@click.option("--to", "until", type=Moment(), metavar="TIME", help="Default: now.")
def list_(shared: Shared, *, since: datetime | None, until: datetime | None, **where: Any) -> ExitCode:
    """What the provider lists, a JSON object on each line."""
    from ops.provider.operations import list_recordings

    output = shared.output()
    start, end = span(since, until, zone=shared.zone or UTC, default=timedelta(days=1), now=datetime.now(UTC))
    with _connect(shared, **where) as provider:
        count = 0
        for facts in list_recordings(provider, start, end):
            output.row(facts)
            count += 1
    output.note(f"{where['source']}: {count} listed from {output.time(start)} to {output.time(end)}")
    return ExitCode.DONE


@command.verb("get", example="recordings provider acme-uk get ID --deployment FILE --audio one.wav")
@_connecting
@click.argument("id_", metavar="ID")
@click.option("--audio", type=FILE, metavar="FILE", help="Fetch its audio into this new file.")
def get(shared: Shared, *, id_: str, audio: Path | None, **where: Any) -> ExitCode:
    """What the provider says about one recording, as JSON."""
    from ops.archive.targets import checked_target
    from ops.provider.operations import facts, fetch

    output = shared.output()
    if audio is not None and audio.exists():
        raise Failure(ExitCode.MISUSE, f"{audio} is there already: name a new file")
    if audio is not None:
        checked_target(audio, "--audio")
    with _connect(shared, **where) as provider:
        try:
            recording = provider.describe(id_)
        except (NotFound, Gone):
            raise Failure(ExitCode.NOT_FOUND, f"{where['source']} has no recording {id_!r}") from None
        if audio is not None:
            fetch(provider, recording, audio)
    output.row(facts(recording))
    output.note(f"{id_}: its audio is in {audio}" if audio else f"{id_}: found at the provider")
    return ExitCode.DONE


@command.verb("delete", example="recordings provider acme-uk delete ID --deployment FILE --confirm 1")
@_connecting
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option(
    "--confirm", "confirmed", type=int, metavar="N", help="Delete without a question if this is how many there are."
)
@click.option("--dry-run", is_flag=True, help="Show what would go, and delete nothing.")
def delete(
    shared: Shared, *, ids: tuple[str, ...], yes: bool, confirmed: int | None, dry_run: bool, **where: Any
) -> ExitCode:
    """Delete recordings at the provider for good, after a question."""
    from ops.provider.operations import delete, deletion_plan

    output, wanted = shared.output(), list(dict.fromkeys(ids))
    with _connect(shared, **where) as provider:
        plan = deletion_plan(provider, wanted)
        given = len(wanted) if yes else confirmed
        answers = wanted if len(wanted) == 1 else []
        if not confirm(
            output, plan, count=len(wanted), noun="recording", confirmed=given, dry_run=dry_run, answers=answers
        ):
            return ExitCode.DONE
        said = []
        for sentence in delete(provider, wanted):
            said.append(sentence)
            output.line(sentence)
    output.document({"ids": wanted, "said": said})
    return ExitCode.DONE


@command.verb("annotate", example="""recordings provider acme-uk annotate ID '{"tags": ["sales"]}' --deployment FILE""")
@_connecting
@click.argument("id_", metavar="ID")
@click.argument("notes", metavar="JSON")
def annotate(shared: Shared, *, id_: str, notes: str, **where: Any) -> ExitCode:
    """Write notes to a recording at the provider."""
    from ops.provider.operations import annotate

    output = shared.output()
    with _connect(shared, **where) as provider:
        said = annotate(provider, id_, notes)
    output.document({"said": [said]})
    output.verdict(said)
    return ExitCode.DONE


@command.verb("upload", example="recordings provider acme-uk upload --type findme --id 7 URL --deployment FILE")
@_connecting
@click.argument("path", metavar="URL")
@click.option("--type", "kind", required=True, metavar="TYPE", help="What it is for: a kind of object there.")
@click.option("--id", "target_id", required=True, metavar="ID", help="Which object of this kind.")
def upload(shared: Shared, *, path: str, kind: str, target_id: str, **where: Any) -> ExitCode:
    """Hand audio to the provider for a menu or a queue; it fetches the audio from URL."""
    from ops.provider.operations import upload

    output = shared.output()
    with _connect(shared, **where) as provider:
        said = upload(provider, kind=kind, target_id=target_id, path=path)
    output.document({"said": [said]})
    output.verdict(said)
    return ExitCode.DONE
