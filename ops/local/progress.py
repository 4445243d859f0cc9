"""The display of a local run: live figures on a terminal, plain lines elsewhere, a table at the end.

Everything shown comes from what the functions log, which goes to the folder's log as it is.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ops.local.engine.files import FILE_MODE
from ops.local.engine.local_engine import as_line
from ops.shell.output import clean

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_PLAIN_EVERY_SECONDS = 10.0
_AGAIN = ("rejected", "released", "missing", "not ready")


class LogFile:
    """The functions' log: every message goes to the file, and its outcome to the figures.

    `on_error` gets what the disk says. A message that cannot be written is lost, and nothing else is.
    """

    def __init__(self, path: Path, on_error: Callable[[OSError], None]) -> None:
        path.touch(FILE_MODE)
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
        self._lock = threading.Lock()
        self._on_error = on_error
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.bytes: Counter[str] = Counter()

    def of(self, source: str) -> Counter[str]:
        """How many recordings of a source were found so far, and what became of them."""
        outcomes = Counter(self.outcomes[source])
        ended = outcomes["archived"] + outcomes["gone"] + outcomes["failed"]
        outcomes["found"] = max(outcomes["listed"], ended)  # a listing reports when it is over
        outcomes["again"] = sum(outcomes[name] for name in _AGAIN)
        return outcomes

    def note(self, fields: Mapping[str, Any]) -> None:
        """One message."""
        with self._lock:
            self._count(fields)
            self._write(as_line(fields))

    def write(self, text: str) -> int:
        """One or more whole log lines, of a logger that writes JSON itself."""
        with self._lock:
            for line in text.splitlines():
                if line.strip():
                    self._count(json.loads(line))
            self._write(text)
        return len(text)

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
        except OSError as error:
            self._on_error(error)

    def flush(self) -> None:
        """Pushes what was written to the file."""
        with self._lock:
            try:
                self._file.flush()
            except OSError as error:
                self._on_error(error)

    def close(self) -> None:
        """Nothing is written after this."""
        self.flush()
        with self._lock:
            try:
                self._file.close()
            except OSError as error:
                self._on_error(error)

    def _count(self, fields: Mapping[str, Any]) -> None:
        source = fields.get("source", "")
        if fields.get("kind") == "recording":
            self.outcomes[source][fields["message"]] += 1
            self.bytes[source] += fields.get("bytes") or 0
        elif fields.get("message") == "listed":
            self.outcomes[source]["listed"] += fields["new"]


class Progress:
    """Shows the figures while the run goes on, from its first moment. `held` is what lay there before, by source."""

    def __init__(self, log: LogFile, held: Mapping[str, int], out: TextIO | None = None) -> None:
        self._log = log
        self._held = held
        self._out = out or sys.stderr
        self._live: Live | None = None
        self._shown = 0.0
        self._lines: dict[str, str] = {}

    def __enter__(self) -> Progress:
        if self._out.isatty():
            # Imported here: on a pipe a run needs no rich.
            from rich.console import Console
            from rich.live import Live

            self._live = Live(self._table(), console=Console(file=self._out), refresh_per_second=4, transient=True)
            self._live.__enter__()
        self.update()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)

    def update(self) -> None:
        """Brings the display up to date; on a pipe a line for each source in which something changed, now and then."""
        if self._live:
            self._live.update(self._table())
        elif not self._shown or time.monotonic() - self._shown > _PLAIN_EVERY_SECONDS:
            self._shown = time.monotonic()
            for source in self._held:
                line = self._line(source)
                if self._lines.get(source) != line:
                    self._lines[source] = line
                    self.say(line)

    def say(self, sentence: str) -> None:
        """A sentence beside the figures."""
        sentence = clean(sentence)
        if self._live:
            self._live.console.print(sentence, highlight=False, markup=False, soft_wrap=True)
        else:
            print(sentence, file=self._out, flush=True)

    def _line(self, source: str) -> str:
        outcomes = self._log.of(source)
        parts = [f"{self._held[source]} held", f"{outcomes['found']} new", f"{outcomes['archived']} archived"]
        parts += [f"{outcomes[name]} {name}" for name in ("gone", "failed") if outcomes[name]]
        if outcomes["again"]:
            parts.append(f"{outcomes['again']} being tried again")
        return f"{source}: {', '.join(parts)}, {megabytes(self._log.bytes[source])}"

    def _table(self) -> Table:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("source", no_wrap=True)
        for heading in ("held", "new", "archived", "gone", "failed", "again", "bytes"):
            table.add_column(heading, justify="right", no_wrap=True)
        for source, before in self._held.items():
            outcomes = self._log.of(source)
            shown = [str(outcomes[name]) for name in ("found", "archived", "gone", "failed", "again")]
            table.add_row(source, str(before), *shown, megabytes(self._log.bytes[source]))
        return table


def megabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:.1f} MB"


SUMMARY: Sequence[str] = ("archived", "waiting", "gone", "failed", "quarantined", "altered", "absent")
"""Counts of the table at the end; those that no source has are left out, save the first four."""


def summary_columns(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which of them to show."""
    return [
        name for number, name in enumerate(SUMMARY) if number < 4 or any(source[name] for source in figures.values())
    ]
