"""`recordings docs`."""

from __future__ import annotations

from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb


@verb(topic=Topic.DEVELOP, example="recordings docs")
def command(shared: Shared) -> ExitCode:
    """Write the table of providers into docs/providers.md, and the help of every verb into docs/commands.md."""
    from ops.docs import commands_page, providers_page

    output = shared.output()
    written = [providers_page.write(), commands_page.write()]
    output.document({"written": [str(path) for path in written]})
    output.verdict(f"{' and '.join(str(path) for path in written)} are up to date")
    return ExitCode.DONE
