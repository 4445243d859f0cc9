"""`recordings completion`."""

from __future__ import annotations

import click

from ops.shell.output import ExitCode, Failure
from ops.shell.verb import Shared, Topic, verb

SHELLS = ("bash", "zsh", "fish")


@verb(topic=Topic.START, example="recordings completion bash")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shared: Shared, *, shell: str) -> ExitCode:
    """Print a script with which a shell completes verbs and options.

    In ~/.bashrc or ~/.zshrc: eval "$(recordings completion bash)", or zsh. For fish write the output into
    ~/.config/fish/completions/recordings.fish.
    """
    from click.shell_completion import get_completion_class

    from ops.shell.program import COMPLETION_VARIABLE, NAME, program

    kind = get_completion_class(shell)
    assert kind is not None, f"click has no completion for {shell}"
    try:
        source = kind(program, {}, NAME, COMPLETION_VARIABLE).source()
    except RuntimeError as problem:  # bash older than 4.4
        raise Failure(ExitCode.UNAVAILABLE, str(problem)) from None
    click.echo(source)
    return ExitCode.DONE
