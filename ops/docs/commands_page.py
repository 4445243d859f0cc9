"""docs/commands.md: the help of every verb, as the program prints it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ops.shell.program import NAME, program, verbs
from ops.shell.verb import HELP, Verb, VerbGroup
from ops.shell.version import ROOT

PAGE = ROOT / "docs" / "commands.md"
_WIDTH = 100

_TOP = """# Commands

Made from the help of `recordings` by `make fix`; do not edit it here.
`make setup` and `make demo` leave the program in `.venv/bin`. It works from any folder.
"""


def page_as_it_should_be() -> str:
    """The page, made anew."""
    context = _context(program, NAME, None)
    parts = [_TOP, _help(context), *(part for name, command in verbs() for part in _parts(command, name, context))]
    return "\n".join(parts)


def write() -> Path:
    """Brings the page up to date; where it is, from the project's root."""
    PAGE.write_text(page_as_it_should_be(), encoding="utf-8")
    return PAGE.relative_to(ROOT)


def _parts(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = _context(command, name, parent)
    yield f"## {context.command_path}\n"
    yield _help(context)
    if isinstance(command, VerbGroup):
        for verb in command.list_commands(context):
            each = command.get_command(context, verb)
            assert isinstance(each, Verb)
            yield from _parts(each, verb, context)


def _help(context: click.Context) -> str:
    text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
    return f"```text\n{text}\n```\n"


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return click.Context(
        command,
        parent=parent,
        info_name=name,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        help_option_names=HELP,
    )
