"""`recordings new-provider`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode, Failure
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.DEVELOP, example="recordings new-provider acme_phones")
@click.argument("name")
def command(shared: Shared, *, name: str) -> ExitCode:
    """Write a provider and its fixture to start from: a whole client of an imagined API."""
    from ops.docs import providers_page
    from ops.provider import template
    from ops.shell.version import ROOT

    output = shared.output()
    try:
        paths = [str(path.relative_to(ROOT)) for path in template.write(name, ROOT)]
    except (FileExistsError, ValueError) as error:
        raise Failure(ExitCode.MISUSE, str(error)) from None
    providers_page.write()
    output.document({"written": paths})
    output.line(f"{' and '.join(paths)} are written.")
    output.verdict("docs/adding-a-provider.md says what comes next.")
    return ExitCode.DONE
