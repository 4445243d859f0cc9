"""Commands to type next, written as a shell takes them: ids and names are a provider's or a person's, and any text."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
"""A word of a command line as `quoted` leaves it."""


def command_line(verb: str, *operands: str, **options: str) -> str:
    """`recordings VERB --option value … operand …`, which may be pasted into a shell as it is."""
    given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    guard = ["--"] if any(each.startswith("-") for each in operands) else []
    return " ".join(quoted(word) for word in ("recordings", *verb.split(), *given, *guard, *operands))


def for_archive(command: str, archive: str | None) -> str:
    """The command as it has to be typed for the archive that -a names, so that it means no other one, or none."""
    words = _WORD.findall(command)
    about_one = words[:1] == ["recordings"] and words[-1] not in ("--help", "…") and "-a" not in words
    if not archive or not about_one:
        return command
    end = words.index("--") if "--" in words else len(words)
    return " ".join([*words[:end], "-a", quoted(archive), *words[end:]])


def quoted(word: str | Path) -> str:
    """One word for a shell. Characters that do not print, which could rewrite the terminal, stand in it as escapes."""
    text = str(word)
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(each if each.isprintable() and each not in "\\'" else f"\\U{ord(each):08x}" for each in text)
    return f"$'{escaped}'"
