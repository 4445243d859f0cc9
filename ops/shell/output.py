"""A verb's output: tables and sentences for people, documents and lines of JSON for programs, and its exit code.

The answer goes to standard output; progress, warnings and questions to standard error. With `--json` standard output
holds JSON alone, and everything else goes to standard error.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal

from ops.shell.command_line import for_archive

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 80
"""Columns of a terminal that every table fits."""


_PROGRESS_SECONDS = 10


class ExitCode(IntEnum):
    """How a verb ended. Others may come: a code that is not known means that it failed."""

    DONE = 0
    """Done, and nothing to tell."""
    LOOK = 1
    """Done, and a person should look: incomplete, failed, blocked, behind."""
    MISUSE = 2
    """Wrong use or configuration; nothing was done."""
    NOT_FOUND = 3
    """No such recording, source or archive."""
    REFUSED = 4
    """Refused: on hold, locked, in use, not confirmed."""
    UNAVAILABLE = 5
    """AWS, the provider or the disk did not let us; try again."""
    ALTERED = 6
    """Bytes are not what they were."""
    BUG = 70
    """A bug; its trace is in the file that standard error names."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C."""
    CLOSED_PIPE = 141
    """The reader of standard output went away, as `head` does."""
    TERMINATED = 143
    """Stopped by SIGTERM."""


class Failure(Exception):
    """A verb's end in one sentence. `next` is the command to type next; `kind` names the error for programs."""

    def __init__(self, code: ExitCode, message: str, *, next_: str | None = None, kind: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next = next_
        self.kind = kind or code.name.lower()


def print_failure(failure: Failure, *, as_json: bool, archive: str | None = None) -> None:
    """One line of JSON, or the sentence and the next command, on standard error. `archive` is the given -a."""
    next_ = failure.next and for_archive(failure.next, archive)
    if as_json:
        error = {"code": failure.kind, "message": clean(failure.message), "next": next_}
        text = _json_text({"error": error})
    else:
        text = clean(failure.message) + (f"\nnext: {next_}" if next_ else "")
    print(text, file=sys.stderr)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table. The least important ones go first where 80 columns do not hold them all."""

    head: str
    importance: int = 0
    align: Literal["left", "right"] = "left"
    style: Callable[[str], str] = lambda text: ""
    """From a cell's text to a rich style, such as "red"; colour only ever repeats what the text says."""


class Output:
    """The output of one verb. `zone` is how people see times; JSON has UTC. `archive` is the -a that was given."""

    def __init__(self, verb: str, *, as_json: bool = False, zone: tzinfo = UTC, archive: str | None = None) -> None:
        self.as_json = as_json
        self._archive = archive
        self._schema = f"recordings.{verb}/1"
        self._zone = zone
        self._said = time.monotonic()

    def line(self, text: str) -> None:
        """A sentence of the answer, for people."""
        print(clean(text), file=sys.stderr if self.as_json else sys.stdout, flush=True)

    verdict = line
    """The last sentence: what came of it all."""

    def note(self, text: str) -> None:
        """Progress or a warning, never part of the answer."""
        print(clean(text), file=sys.stderr, flush=True)

    def progress(self, text: str) -> None:
        """A note that is left out where the last one, or the beginning, was less than ten seconds ago."""
        if time.monotonic() - self._said >= _PROGRESS_SECONDS:
            self._said = time.monotonic()
            self.note(text)

    def document(self, fields: Mapping[str, Any]) -> None:
        """The answer as one JSON document, with `--json` only."""
        if self.as_json:
            self.row(fields)

    def row(self, fields: Mapping[str, Any]) -> None:
        """One line of JSON on standard output; the answer of verbs that list rows."""
        print(_json_text({"schema": self._schema} | dict(fields)))

    def again(self, command: str) -> str:
        """A command to type next, for the archive of this one."""
        return for_archive(command, self._archive)

    def time(self, moment: datetime | None) -> str:
        """A moment as people see it: in their zone, with its offset."""
        return moment.astimezone(self._zone).isoformat(" ", "seconds") if moment else "–"

    def minute(self, moment: datetime) -> str:
        """As `time`, for a table that has no room for seconds."""
        return moment.astimezone(self._zone).isoformat(" ", "minutes")

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
        """A table for people; nothing with `--json`."""
        if self.as_json:
            return
        # Imported here: rich takes longer than all else together, and most verbs and --help need none of it.
        from rich.console import Console

        class QuietConsole(Console):
            def on_broken_pipe(self) -> None:
                raise  # rich calls this as it catches one, and would end the program with 1

        texts = [[clean(str(cell)) for cell in row] for row in rows]
        shown = _fitting(columns, texts)
        QuietConsole(width=WIDTH, highlight=False, soft_wrap=False).print(_table(columns, texts, shown))


def _fitting(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """Indexes of the columns that fit side by side."""
    from rich.cells import cell_len

    widths = [max([cell_len(column.head), *(cell_len(row[n]) for row in rows)]) for n, column in enumerate(columns)]
    shown = list(range(len(columns)))
    while len(shown) > 1 and sum(widths[n] + 2 for n in shown) - 2 > WIDTH:
        shown.remove(min(shown, key=lambda n: (columns[n].importance, -n)))
    return shown


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]], shown: Sequence[int]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for n in shown:
        table.add_column(Text(columns[n].head), justify=columns[n].align, overflow="ellipsis", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(row[n], style=columns[n].style(row[n])) for n in shown))
    return table


def clean(text: str) -> str:
    """`text` for a terminal: control characters, which could rewrite what stands on it, become visible escapes."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


def _json_text(value: object) -> str:
    """One line of JSON. What does not print is escaped, which means the same and is safe on a terminal."""
    text = json.dumps(value, ensure_ascii=False, default=_as_json)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def utc(moment: datetime) -> str:
    """A moment as JSON has it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return utc(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form here")
