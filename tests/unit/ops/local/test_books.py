"""The ledger as the end of a run reads it: in order, whole, and a few hundred recordings in memory at a time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.archiver.ledger.table import Item
from ops.local.books import ScannedBooks, SqliteBooks
from ops.local.engine import sqlite_table
from ops.local.engine.sqlite_table import SqliteTable
from ops.local.ledger_file import lines_of

MOMENTS = ("2026-03-02T23:59:59+00:00", "2026-03-03T08:00:00+00:00", "2026-03-03T08:00:00.5+00:00", "")
FACTS = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["acme", "acme2"]),
        "recording_id": st.sampled_from(["1", "10", "2", "a/ü", "Ω", "\U0001f600"]),
        "day": st.sampled_from(["2026-03-02", "2026-03-03"]),
        "state": st.sampled_from(["archived", "failed", "pending"]),
        "found_at": st.sampled_from(MOMENTS[:3]),
    },
    optional={"recorded_at": st.sampled_from(MOMENTS), "accepted": st.just(True)},
)


def filled(folder: Path, facts: Sequence[Item]) -> SqliteTable:
    table = SqliteTable(folder / "ledger.sqlite")
    for fact in facts:
        source, id_ = fact["source"], fact["recording_id"]
        table.put_new({**fact, "kind": "recording", "pk": f"{source}#{id_}", "day": f"{source}#{fact['day']}"})
    table.put_new({"kind": "tombstone", "pk": "acme#t", "source": "acme", "day": "acme#erased#2026-03-03"})
    return table


@settings(max_examples=25)
@given(st.lists(FACTS, max_size=12), st.integers(1, 4))
def test_sqlite_tells_of_the_same_recordings_in_the_same_order_as_a_reading_of_everything(
    facts: list[Item], at_once: int
) -> None:
    with TemporaryDirectory() as folder, filled(Path(folder), facts) as table:
        by_sqlite, scanned = SqliteBooks(table), ScannedBooks(table)
        with patch.object(sqlite_table, "AT_ONCE", at_once):
            for source in ("acme", "acme2"):
                assert list(by_sqlite.rows(source)) == list(scanned.rows(source))
                for state in ("archived", "failed"):
                    found = [item["pk"] for item in by_sqlite.of_state(source, state)]
                    assert sorted(found) == sorted(item["pk"] for item in scanned.of_state(source, state))


def test_those_of_a_state_come_to_their_end_although_each_of_them_leaves_it_meanwhile(tmp_path: Path) -> None:
    facts = [
        {"source": "acme", "recording_id": f"{number}", "day": "2026-03-03", "state": "altered"} for number in range(25)
    ]
    with filled(tmp_path, facts) as table, patch.object(sqlite_table, "AT_ONCE", 10):
        healed = []
        for item in SqliteBooks(table).of_state("acme", "altered"):
            table.update(item["pk"], put={"state": "archived"})
            healed.append(item["recording_id"])
        assert sorted(healed) == sorted(fact["recording_id"] for fact in facts)


def test_the_lines_of_a_crowded_day_are_written_with_a_part_of_it_in_memory(tmp_path: Path) -> None:
    words = "x" * 2_000
    facts = [
        {"source": "acme", "recording_id": f"{number}", "day": "2026-03-03", "state": "failed", "reason": words}
        for number in range(3_000)
    ]
    with filled(tmp_path, facts) as table:
        tracemalloc.start()
        try:
            written = sum(map(len, lines_of(SqliteBooks(table))))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert written > 6_000_000
    assert peak < written
