"""`recordings schema`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.DEVELOP, example="recordings schema provider list")
@click.argument("words", nargs=-1, required=True, metavar="VERB")
def command(shared: Shared, *, words: tuple[str, ...]) -> ExitCode:
    """Print the JSON schema of what a verb answers with --json."""
    from ops.docs.schemas import path_of

    click.echo(path_of("-".join(words)).read_text(encoding="utf-8"), nl=False)
    return ExitCode.DONE
