"""A ledger after the power went: the log ends anywhere, and everything that was on the disk by then is there, whole."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from functions.archiver.ledger.table import Item
from ops.local.engine.sqlite_table import SqliteTable

ROOT = Path(__file__).parents[4]
PAGE = 4096
FRAME = PAGE + 24
HEADER = 32


@dataclass(frozen=True, slots=True)
class Moment:
    """How long the log was after a write, and what the ledger held."""

    log_bytes: int
    items: dict[str, Item]


def history(folder: Path) -> list[Moment]:
    """Writes of every kind; the files are left in `folder` as a power cut would leave them."""
    path = folder / "ledger.sqlite"
    with SqliteTable(path):
        pass
    table = SqliteTable(path)
    moments = [Moment(0, {})]

    def written() -> None:
        log = path.with_name("ledger.sqlite-wal")
        moments.append(Moment(log.stat().st_size, {item["pk"]: item for item in table.scan()}))

    for number in range(4):
        pk = f"acme#recording#{number}"
        table.put_new({"pk": pk, "state": "queued", "due_group": "g", "due_at": number, "raw": "x" * 700 * number})
        written()
        table.update("acme#pace", put={}, add={"tat": 2017})
        written()
        table.update(pk, put={"sha256": "ab" * 32, "day": "d"}, remove=["due_at", "due_group", "raw"])
        written()
    for end in ("", "-wal"):
        shutil.copy(path.with_name(path.name + end), folder / f"cut{end}")
    table.close()
    return moments


def cuts(length: int) -> list[int]:
    """Around every frame's end and header, and anywhere."""
    edges = range(HEADER, length + 1, FRAME)
    near = {edge + by for edge in edges for by in (-1, 0, 1, 24) if 0 <= edge + by <= length}
    return sorted(near | {0, 1, 31} | set(Random(7).sample(range(length), 60)))


TAILS: dict[str, Callable[[int], bytes]] = {"missing": lambda size: b"", "zeros": bytes, "noise": Random(7).randbytes}


@pytest.mark.parametrize("tail", TAILS)
def test_a_log_cut_anywhere_gives_every_write_that_it_holds_whole_and_no_part_of_another(
    tmp_path: Path, tail: str
) -> None:
    moments = history(tmp_path)
    whole = (tmp_path / "cut-wal").read_bytes()
    for cut in cuts(len(whole))[list(TAILS).index(tail) :: len(TAILS)]:
        log = whole[:cut] + TAILS[tail](len(whole) - cut)
        path = tmp_path / "again" / "ledger.sqlite"
        path.parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "cut", path)
        path.with_name("ledger.sqlite-wal").write_bytes(log)
        last = [moment for moment in moments if log[: moment.log_bytes] == whole[: moment.log_bytes]][-1]
        with SqliteTable(path) as table:
            assert {item["pk"]: item for item in table.scan()} == last.items, f"cut at {cut} of {len(whole)}"
            assert table.put_new({"pk": "after"})
        shutil.rmtree(path.parent)


def test_what_says_which_bytes_were_stored_waits_for_the_disk_and_pace_does_not(tmp_path: Path) -> None:
    with SqliteTable(tmp_path / "ledger.sqlite") as table:
        table.update("acme#pace", put={"tat": 4})
        said: list[str] = []
        with table._file.reading() as connection:
            connection.set_trace_callback(said.append)
        table.update("acme#pace", put={"tat": 5})
        table.put_new({"pk": "a", "state": "queued"})
        table.update("a", put={"state": "archived", "sha256": "ab" * 32})
        table.update("b", put={"noted_sha256": "ab" * 32})
        table.update("acme#pace", put={"tat": 6})
        waits = [line.rpartition(" ")[2] for line in said if line.startswith("PRAGMA synchronous")]
        assert waits == ["FULL", "NORMAL"], "once before the two that have to last, and once after them"


_WRITER = """
import sys
from pathlib import Path
from ops.local.engine.sqlite_table import SqliteTable
table = SqliteTable(Path(sys.argv[1]))
for number in range(1_000_000):
    table.put_new({"pk": str(number), "day": "d", "raw": "x" * (number % 3000)})
    table.update(str(number), put={"state": "archived"}, add={"n": 1})
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 40, 300])
def test_a_process_that_is_killed_has_written_all_that_it_said(tmp_path: Path, after: int) -> None:
    path = tmp_path / "ledger.sqlite"
    command = [sys.executable, "-c", _WRITER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [int(next(writer.stdout)) for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout if line.endswith("\n")]
    with SqliteTable(path) as table:
        items = {item["pk"]: item for item in table.scan()}
    for number in said:
        assert (items[str(number)]["state"], items[str(number)]["n"]) == ("archived", 1)
    assert len(items) <= len(said) + 1
