"""What a local run may look ahead to, and what it leaves to the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from functions.archiver.clock import to_ms
from ops.local.engine.sqlite_table import SqliteTable
from ops.local.waiting import EARLY_LOOKS, EARLY_TROUBLES, waits_of
from tests.doubles.clock import NOON

IN_AN_HOUR = to_ms(NOON + timedelta(hours=1))


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    with SqliteTable(tmp_path / "ledger.sqlite") as made:
        yield made


def waiting(table: SqliteTable, **facts: int) -> None:
    item = {"pk": "acme#recording#1", "kind": "recording", "due_group": "acme#retry", "due_at": IN_AN_HOUR, **facts}
    assert table.put_new(item)


@pytest.mark.parametrize(
    "facts",
    [{}, {"unfinished_since": 1}, {"troubles": EARLY_TROUBLES - 1}, {"not_before": to_ms(NOON)}],
    ids=["a retry", "not ready", "trouble elsewhere", "what a host asked for has passed"],
)
def test_what_proves_nothing_may_come_early(table: SqliteTable, facts: dict[str, int]) -> None:
    waiting(table, **facts)
    found = waits_of(table, "acme", NOON, skip_waits=False)
    assert (found.number, found.left, to_ms(found.next_skip or NOON)) == (1, 0, IN_AN_HOUR)


@pytest.mark.parametrize(
    "facts",
    [
        {"missing_since": 1},
        {"unfinished_since": 1, "looks": EARLY_LOOKS},
        {"troubles": EARLY_TROUBLES},
        {"not_before": to_ms(NOON) + 1},
    ],
    ids=["a first 404", "looked at often enough", "trouble elsewhere again and again", "a host asked for it"],
)
def test_what_needs_real_time_is_left_unless_waits_are_skipped(table: SqliteTable, facts: dict[str, int]) -> None:
    waiting(table, **facts)
    found = waits_of(table, "acme", NOON, skip_waits=False)
    assert (found.next_skip, found.left, to_ms(found.left_until or NOON)) == (None, 1, IN_AN_HOUR)
    assert waits_of(table, "acme", NOON, skip_waits=True).left == 0
