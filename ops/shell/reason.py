"""A reason on the command line: some words, because it is all that tells later why something was done."""

from __future__ import annotations

import click


class Reason(click.ParamType[str, str]):
    """A text that says something."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Fails with a sentence for one of blanks alone."""
        return value.strip() or self.fail("it is empty: say why in a few words", param, ctx)
