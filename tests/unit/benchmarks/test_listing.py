from __future__ import annotations

from benchmarks.listing import PAGE, listed


def test_a_history_is_inserted_once_and_known_afterwards() -> None:
    found = listed(300)
    assert (found["first"]["new"], found["again"]["new"]) == (300, 0)
    assert found["again"]["pages"] >= 300 / PAGE


def test_known_rows_are_recognised_many_at_a_time() -> None:
    found = listed(1_000)
    assert found["again"]["table_calls"] <= 1_000 * 0.05
    assert found["again"]["sendings"] == 0
    assert found["first"]["table_calls"] + found["first"]["sendings"] <= 1_000 * 1.3
