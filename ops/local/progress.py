"""What a person sees of a local run: live figures on a terminal, plain lines elsewhere, a table at the end.

Everything shown comes from the functions' own log lines, which go to the folder's log as they are.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table

_PLAIN_EVERY_SECONDS = 5.0
_WIDTH_OF_A_FILE = 120


class LogFile:
    """The functions' log as a stream: every line goes to the file, and its outcome to the figures."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.bytes: Counter[str] = Counter()

    def of(self, source: str) -> Counter[str]:
        """How many recordings of a source were found so far, and what became of them."""
        outcomes = Counter(self.outcomes[source])
        ended = outcomes["archived"] + outcomes["gone"] + outcomes["failed"]
        outcomes["found"] = max(outcomes["listed"], ended)  # a listing reports when it is over
        return outcomes

    def write(self, text: str) -> int:
        """One or more whole log lines."""
        with self._lock:
            self._file.write(text)
            for line in text.splitlines():
                self._count(line)
        return len(text)

    def flush(self) -> None:
        """Pushes what was written to the file."""
        with self._lock:
            self._file.flush()

    def close(self) -> None:
        """Nothing is written after this."""
        with self._lock:
            self._file.close()

    def _count(self, line: str) -> None:
        if not line.strip():
            return
        fields = json.loads(line)
        source = fields.get("source", "")
        if fields.get("kind") == "recording":
            self.outcomes[source][fields["message"]] += 1
            self.bytes[source] += fields.get("bytes") or 0
        elif fields.get("message") == "listed":
            self.outcomes[source]["listed"] += fields["new"]


class Progress:
    """Shows the figures while the run goes on."""

    def __init__(self, log: LogFile, sources: list[str], out: TextIO = sys.stdout) -> None:
        self._log = log
        self._sources = sources
        self._console = Console(file=out)
        self._live: Live | None = None
        self._shown = 0.0

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live = Live(self._table(), console=self._console, refresh_per_second=4, transient=True)
            self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)

    def update(self) -> None:
        """Brings the display up to date; on a pipe a line every few seconds."""
        if self._live:
            self._live.update(self._table())
        elif time.monotonic() - self._shown > _PLAIN_EVERY_SECONDS:
            self._shown = time.monotonic()
            for source in self._sources:
                self._console.print(self._line(source), highlight=False, soft_wrap=True)

    def _line(self, source: str) -> str:
        outcomes = self._log.of(source)
        return (
            f"{source}: {outcomes['found']} found, {outcomes['archived']} archived, {outcomes['gone']} gone, "
            f"{outcomes['failed']} failed, {megabytes(self._log.bytes[source])}"
        )

    def _table(self) -> Table:
        table = _figures_table("found", "archived", "gone", "failed", "bytes")
        for source in self._sources:
            outcomes = self._log.of(source)
            shown = [str(outcomes[name]) for name in ("found", "archived", "gone", "failed")]
            table.add_row(source, *shown, megabytes(self._log.bytes[source]))
        return table


def _figures_table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("source", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def megabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:.1f} MB"


def summary(figures: Mapping[str, Any], sizes: Mapping[str, int], out: TextIO = sys.stdout) -> None:
    """The table at the end."""
    table = _figures_table("archived", "gone", "failed", "waiting", "bytes", "requests/min", "allowed")
    for name, source in figures["sources"].items():
        states = [str(source[state]) for state in ("archived", "gone", "failed", "pending")]
        rates = [f"{source['requests_per_minute']:.1f}", f"{source['allowed_per_minute']:g}"]
        table.add_row(name, *states, megabytes(sizes[name]), *rates)
    Console(file=out, width=None if out.isatty() else _WIDTH_OF_A_FILE).print(table)
