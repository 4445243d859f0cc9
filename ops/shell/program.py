"""The program `recordings`: finds its verbs by their files, runs one and turns whatever happens into an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ops.shell.failures import broken_pipe, failure_of
from ops.shell.output import ExitCode, print_failure
from ops.shell.streams import prepare_streams
from ops.shell.verb import SETTINGS, Topic, Verb, VerbGroup, archive_in, leading_options, name_of
from ops.shell.version import version

NAME = "recordings"
COMPLETION_VARIABLE = "_RECORDINGS_COMPLETE"
_COMMANDS = Path(__file__).parents[1] / "commands"

_INTRODUCTION = """An archive of call recordings: run it, look into it, repair it, prove it.

Every verb takes -a WHERE, --profile, --region, --tz and --json, before it or after; VERB --help says more."""
_EXIT_CODES = (
    "0 done · 1 done, a person should look · 2 wrong use or configuration · 3 no such recording, source or archive · "
    "4 refused · 5 AWS, provider or disk did not let us · 6 bytes are not what they were · 70 a bug · "
    "130/143 stopped · 141 the reader of the output went away"
)


_SHOWN = {
    Topic.START: "local",
    Topic.LOOK: "find",
    Topic.REPAIR: "doctor",
    Topic.PROVE: "verify",
    Topic.PROVIDER: "provider",
    Topic.DEVELOP: "new-provider",
}
"""The verb of each topic whose example stands below it."""


class Program(click.Group):
    """The verbs, each imported when it is the one that runs, or when all are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, by name."""
        return sorted(self._modules())

    def get_command(self, ctx: click.Context, cmd_name: str) -> Verb | VerbGroup | None:
        """The verb; raises the usage error with the names that it may have meant."""
        module = self._modules().get(cmd_name)
        if module is None:
            raise click.exceptions.NoSuchCommand(cmd_name, possibilities=self._modules(), ctx=ctx)
        command = importlib.import_module(module).command
        assert isinstance(command, (Verb, VerbGroup)), f"{module}.command is not made by ops.shell.verb"
        return command

    @staticmethod
    def _modules() -> dict[str, str]:
        names = (path.stem for path in _COMMANDS.glob("*.py") if path.stem != "__init__")
        return {name_of(name): f"ops.commands.{name}" for name in names}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Moves the options that stand before the verb behind it."""
        options, rest = leading_options(args)
        if rest and not rest[0].startswith("-"):
            args = [rest[0], *options, *rest[1:]]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs by topic, with an example of each topic."""
        commands = [command for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))]
        for topic in Topic:
            listed = [command for command in commands if command.topic is topic and not command.hidden]
            if not listed:
                continue
            with formatter.section(topic.value):
                formatter.write_dl([(str(command.name), command.get_short_help_str(120)) for command in listed])
                (example,) = (command.example for command in listed if command.name == _SHOWN[topic])
                formatter.write(f"  e.g. {example}\n")
        with formatter.section("Exit codes"):
            formatter.write_text(_EXIT_CODES)


@click.group(cls=Program, name=NAME, help=_INTRODUCTION, invoke_without_command=True, context_settings=SETTINGS)
@click.option("--version", "wants_version", is_flag=True, help="Show the version, with its commit.")
@click.pass_context
def program(context: click.Context, *, wants_version: bool) -> ExitCode:
    """Runs when no verb is given."""
    if wants_version:
        click.echo(f"{NAME} {version()}")
        context.exit(ExitCode.DONE)
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return ExitCode.DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; the exit code. Nothing but that comes out of it: every exception is a sentence by then."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    try:
        if instruction := os.environ.get(COMPLETION_VARIABLE):
            return _complete(instruction)
        return _in_words(words)
    except BrokenPipeError:
        return broken_pipe()


def _in_words(words: list[str]) -> int:
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        failure = failure_of(error)
        print_failure(failure, as_json="--json" in words, archive=archive_in(words))
        return failure.code


def _run(words: list[str]) -> int:
    try:
        with program.make_context(NAME, words) as context:
            return int(program.invoke(context) or ExitCode.DONE)
    except click.exceptions.Exit as end:
        return end.exit_code


def _complete(instruction: str) -> int:
    from click.shell_completion import shell_complete

    return shell_complete(program, {}, NAME, COMPLETION_VARIABLE, instruction)


def verbs() -> Iterator[tuple[str, Verb | VerbGroup]]:
    """Every verb with its name, for the documentation and the tests."""
    context = click.Context(program, info_name=NAME)
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert isinstance(command, (Verb, VerbGroup))
        yield name, command
