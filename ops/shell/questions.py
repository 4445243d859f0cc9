"""Questions before what cannot be undone: a plan first, then the count, typed or given."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from typing import Any

import click

from ops.shell.output import ExitCode, Failure, Output
from ops.shell.texts import counted


def confirm_option(words: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option with which a script gives the count; `words` are its help."""
    return click.option("--confirm", "confirmed", type=click.IntRange(min=0), metavar="N", help=words)


def confirm(
    output: Output,
    plan: Iterable[str],
    *,
    count: int,
    noun: str,
    confirmed: int | None,
    dry_run: bool = False,
    answers: Collection[str] = (),
) -> bool:
    """Whether to go on: True when the count was confirmed, False after a dry run. Prints the plan unless confirmed.

    `answers` are accepted besides the count. Raises Failure (REFUSED) for another count or answer, and where nobody
    can be asked.
    """
    if confirmed is not None and not dry_run:
        if confirmed != count:
            sentence = f"--confirm {confirmed}, but it is {counted(count, noun)} now: nothing was done"
            raise Failure(ExitCode.REFUSED, sentence, kind="count")
        return True
    for line in plan:
        output.line(line)
    if dry_run:
        output.verdict(f"dry run: {counted(count, noun)}; nothing was done")
        return False
    if not sys.stdin.isatty():
        raise Failure(ExitCode.REFUSED, f"nobody to ask: repeat with --confirm {count}", kind="not_confirmed")
    print(f"This cannot be undone. Type {' or '.join([str(count), *answers])} to go on: ", end="", file=sys.stderr)
    sys.stderr.flush()
    try:
        typed = input().strip()
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)  # what comes next begins a line of its own
        raise
    if typed not in (str(count), *answers):
        raise Failure(ExitCode.REFUSED, "that was another answer: nothing was done", kind="not_confirmed")
    return True
