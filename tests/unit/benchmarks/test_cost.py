from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.cost import BEGIN, END, REGION, calls_of, run, straightforward, write_into
from benchmarks.metered_aws import item_size, write_units
from benchmarks.tables import Table
from ops.plan.prices import prices


def item(size: int = 20, **more: str) -> dict[str, Mapping[str, str]]:
    attributes: dict[str, Mapping[str, str]] = {"pk": {"S": "x" * (size - 2)}}
    for name, value in more.items():
        attributes[name] = {"N" if name == "due_at" else "S": value}
    return attributes


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        ({}, item(1024), 1),
        ({}, item(1025), 2),
        (item(1025), item(), 2),
        (item(), item(), 1),
        ({}, {}, 1),
        ({}, item(due_group="g", due_at="1", day="d"), 3),
        (item(due_group="g", due_at="1", day="d"), item(day="d"), 2),
        (item(due_group="g", due_at="1"), item(due_group="g", due_at="2"), 3),
        (item(due_group="g"), item(), 1),
    ],
)
def test_a_write_is_billed_by_its_larger_item_and_the_index_entries_that_change(
    before: dict[str, Mapping[str, str]], after: dict[str, Mapping[str, str]], units: int
) -> None:
    assert write_units(before, after) == units


def test_an_items_size_counts_names_and_values() -> None:
    nested = {"a": {"L": [{"S": "ü"}, {"M": {"bc": {"BOOL": True}}}]}}
    assert item_size(nested) == 1 + 3 + (1 + 2) + 1 + (3 + 1 + 2 + 1)


def test_the_straightforward_design_costs_what_its_sum_on_paper_says() -> None:
    assert straightforward(350 * 1024, calls_of(REGION), prices(REGION)) == pytest.approx(75.2, abs=0.5)
    assert straightforward(2**20, calls_of(REGION), prices(REGION)) == pytest.approx(96.5, abs=0.5)


def test_a_recording_takes_two_puts_six_write_units_and_two_read_units() -> None:
    found = run(4_000, 10)
    assert found.of("s3.PutObject") == 2
    assert found.of("units.write") == pytest.approx(6, abs=0.5)
    assert found.of("units.read") == pytest.approx(2, abs=0.5)
    assert found.messages == 1


def test_the_page_of_costs_keeps_what_stands_around_the_tables(tmp_path: Path) -> None:
    page = tmp_path / "costs.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    table = Table(title="Sums", says="Of one.", columns=("what", "dollars"), rows=[["PUT", 5]])
    for _ in range(2):
        write_into(page, [table])
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "| PUT | 5 |" in text
    assert "old" not in text
    assert text.count(BEGIN) == 1
