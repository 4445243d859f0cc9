"""How finding recordings grows with a provider's history: calls of the table, requests to the provider, memory, time.

    python -m benchmarks.listing [--rows 10000 100000 1000000]

lists a generated history that is new to the ledger, and then lists all of it again, as the reconciler's days do. The
provider makes its rows as they are asked for, and the table is a file, so that memory is that of the work alone. Each
size has a process of its own. Calls are those that DynamoDB and SQS would get: reads of many go by a hundred keys,
messages by ten. A new row takes some 0.3 ms of CPU, so a million takes five minutes on a quiet machine: it is measured
when asked for.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from benchmarks.tables import Cell, Table, printed
from functions.archiver.clock import Clock
from functions.archiver.entry import Ticket
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.listing.cursors import CursorStore
from functions.archiver.listing.listing import RECENT, Findings, Listing
from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.provider import Opened, Provider
from functions.archiver.recording import Json, Page, Recording, Window
from functions.archiver.throttling.intake import Intake
from functions.archiver.throttling.pace import Pace
from ops.local.engine.sqlite_table import SqliteTable
from ops.local.heap import peak_bytes

SIZES = (10_000, 100_000)
DAILY = 1_000
PAGE = 100
_KEYS_A_READ, _MESSAGES_A_SENDING = 100, 10


class History(Provider):
    """So many rows, evenly spread; nothing of them is kept."""

    declaration = Declaration(
        title="generated",
        secret_fields=(("key",),),
        rate_default=60,
        parallel_default=1,
        page_size=PAGE,
        overlap_minimum=timedelta(hours=1),
    )

    def __init__(self, rows: int, start: datetime, end: datetime) -> None:
        self._rows, self._start, self._step = rows, start, (end - start) / rows
        self.asked = 0

    def page(self, window: Window, cursor: str | None) -> Page:
        """Oldest first; the cursor is the number of the next row."""
        self.asked += 1
        first = max(self._number_at(window.start), int(cursor or 0))
        last = min(self._number_at(window.end), self._rows)
        numbers = range(first, min(first + PAGE, last))
        more = numbers.stop < last and len(numbers) > 0
        return Page(
            recordings=[self._row(number) for number in numbers],
            rows=len(numbers),
            next_cursor=str(numbers.stop) if more else None,
            total=max(last - self._number_at(window.start), 0),
        )

    def _number_at(self, moment: datetime) -> int:
        return max(math.ceil((moment - self._start) / self._step), 0)

    def _row(self, number: int) -> Recording:
        id_, moment = f"{number:032x}", self._start + number * self._step
        raw: dict[str, Json] = {
            "id": id_,
            "call": {"id": f"call-{number}"},
            "dateCreated": moment.isoformat(),
            "state": "stored",
        }
        return Recording(id=id_, call_id=f"call-{number}", recorded_at=moment, duration_seconds=60.0, raw=raw)

    def open(self, recording: Recording) -> AbstractContextManager[Opened]:
        """Nothing is downloaded here."""
        raise NotImplementedError

    def describe(self, recording_id: str) -> Recording:
        """Nothing is looked up here."""
        raise NotImplementedError


class CountedTable:
    """A table that counts what DynamoDB would be asked."""

    def __init__(self, table: SqliteTable) -> None:
        self._table = table
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._table, name)

        def counted(*given: Any, **named: Any) -> Any:
            self.calls[name] += math.ceil(len(given[0]) / _KEYS_A_READ) if name == "get_many" else 1
            return method(*given, **named)

        return counted


class CountedLanes:
    """Lanes that take everything and keep nothing."""

    def __init__(self) -> None:
        self.sendings = 0

    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """All are taken."""
        self.sendings += math.ceil(len(tickets) / _MESSAGES_A_SENDING)
        return []


def listed(rows: int) -> Mapping[str, Any]:
    """Lists a new history, and lists it again; what each took, and the most memory."""
    end = datetime.now(UTC) - RECENT - timedelta(minutes=5)
    start = end - timedelta(days=max(rows // DAILY, 1))
    history = History(rows, start, end)
    with tempfile.TemporaryDirectory() as folder, SqliteTable(Path(folder) / "ledger.sqlite") as file:
        table, lanes, clock = CountedTable(file), CountedLanes(), Clock()
        ledger = Ledger(cast("Any", table), source="bench", clock=clock)
        pace = Pace(cast("Any", table), source="bench", requests_per_minute=6000, lanes=1, clock=clock)
        intake = Intake(ledger=ledger, lanes=lanes, pace=pace)
        cursors = CursorStore(cast("Any", table), source="bench", owner="lister", clock=clock)

        def run(again: bool) -> Findings:
            assert cursors.acquire()
            listing = Listing(
                provider=history,
                intake=intake,
                pace=pace,
                cursors=cursors,
                clock=clock,
                start=start,
                overlap=timedelta(hours=1),
                discovered_by="schedule",
                seconds_left=lambda: 900.0,
            )
            found = listing.run_walk("again", start, end) if again else listing.run()
            cursors.release()
            assert found.stopped is None, found.stopped
            return found

        return {
            name: _measured(run, again, table, lanes, history) for name, again in (("first", False), ("again", True))
        }


def _measured(run: Any, again: bool, table: CountedTable, lanes: CountedLanes, history: History) -> dict[str, Any]:
    calls, sendings, asked = table.calls.total(), lanes.sendings, history.asked
    began, cpu = time.perf_counter(), time.process_time()
    found = run(again)
    return {
        "new": found.new,
        "table_calls": table.calls.total() - calls,
        "sendings": lanes.sendings - sendings,
        "pages": history.asked - asked,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": peak_bytes() / 2**20,
    }


def measured(sizes: Sequence[int] = SIZES) -> Table:
    """Two lines for each size."""
    rows: list[Sequence[Cell]] = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.listing", "--one", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        for what, found in json.loads(done.stdout).items():
            aws = found["table_calls"] + found["sendings"]
            rows.append(
                [
                    f"{size:,}, {'known' if what == 'again' else 'new'}",
                    found["new"],
                    found["pages"],
                    round(aws / size, 3),
                    round(found["cpu_seconds"] * 1000 / size, 3),
                    round(found["seconds"], 1),
                    round(found["peak_mib"]),
                ]
            )
    return Table(
        title="Listing a history",
        says=f"Rows that are new to the ledger, and the same rows listed again; {DAILY:,} a day, pages of {PAGE}. The "
        "provider makes them in the same process, which counts in its CPU and memory; the table is a file.",
        columns=("rows", "inserted", "provider requests", "AWS calls a row", "CPU ms a row", "seconds", "peak MiB"),
        rows=rows,
        plot="AWS calls a row",
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(f"{json.dumps(listed(options.one))}\n")
    else:
        sys.stdout.write(printed(measured(options.rows)))


if __name__ == "__main__":
    main()
