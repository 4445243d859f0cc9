"""What a second process does to a table in a file. Each function runs in a process of its own."""

from __future__ import annotations

import traceback
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from functions.archiver.ledger.conditions import AtMost, Equals, KeyRange, Missing
from functions.archiver.ledger.table import Refused
from ops.local.engine.sqlite_table import SqliteTable


def together(work: Any, path: Path, *, processes: int) -> list[Any]:
    """The same work in several processes at once; what each of them came to. Raises for one that failed."""
    with get_context("spawn").Pool(processes) as pool:
        answers = pool.map(partial(_told, work, path), range(processes), chunksize=1)
    failures = "".join(failed for failed, _ in answers)
    assert not failures, failures
    return [answer for _, answer in answers]


def _told(work: Any, path: Path, worker: int) -> tuple[str, Any]:
    """Its answer, or its trace as text: an exception that cannot be rebuilt over there would hang the pool."""
    try:
        return "", work(path, worker)
    except Exception:
        return traceback.format_exc(), None


def count_up_to(limit: int, path: Path, worker: int) -> int:
    """Adds one as often as the limit lets it; how often that was."""
    granted = 0
    with SqliteTable(path) as table:
        while True:
            try:
                table.update("counter", put={"by": worker}, add={"n": 1}, when=Missing("n") | AtMost("n", limit - 1))
            except Refused:
                return granted
            granted += 1


def claim(path: Path, worker: int) -> list[str]:
    """Takes what is due, as a dispatcher does; what it got."""
    got = []
    with SqliteTable(path) as table:
        while found := table.query("due", KeyRange("g", at_most=1000), limit=5):
            for item in found:
                due = int(item["due_at"])
                try:
                    table.update(item["pk"], put={"due_at": due + 5000, "by": worker}, when=Equals("due_at", due))
                except Refused:
                    continue
                got.append(item["pk"])
    return got


def put_the_same(path: Path, worker: int) -> int:
    """Puts a hundred items that others put as well; how many were new."""
    with SqliteTable(path) as table:
        return sum(table.put_new({"pk": str(number), "by": worker}) for number in range(100))
