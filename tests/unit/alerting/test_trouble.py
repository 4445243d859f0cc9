"""Which troubles there are, and which one of several counts."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.alerting.notes import Notes
from functions.archiver.alerting.trouble import (
    BEHIND,
    BLOCKED,
    BROKEN_CHAIN,
    CHANGED,
    FAILING,
    INCOMPLETE,
    KINDS,
    LOSING,
    QUIET,
    REFUSING,
    UNSEALED,
    UNSURE,
    Kind,
    kind_of,
    worst,
)
from functions.archiver.health import Health, SourceState

WELL = Health(state=SourceState.HEALTHY)
STATES = {
    SourceState.UNSURE: UNSURE,
    SourceState.FAILING: FAILING,
    SourceState.BEHIND: BEHIND,
    SourceState.LOSING: LOSING,
    SourceState.BLOCKED: BLOCKED,
}
SIGNS: dict[str, tuple[Any, Kind]] = {
    "quiet": (True, QUIET),
    "refusing": (True, REFUSING),
    "incomplete": (("2026-03-01",), INCOMPLETE),
    "unsealed": (date(2026, 3, 1), UNSEALED),
    "changed": (2, CHANGED),
    "broken_chain": (True, BROKEN_CHAIN),
}


def test_a_source_without_a_sign_is_in_no_trouble() -> None:
    assert worst(WELL, Notes()) is None


@pytest.mark.parametrize("state", STATES)
def test_each_state_that_is_not_well_is_a_trouble_with_its_reason(state: SourceState) -> None:
    trouble = worst(Health(state=state, reason="so it is"), Notes())
    assert trouble is not None
    assert (trouble.kind, trouble.reason) == (STATES[state], "so it is")


@pytest.mark.parametrize("sign", SIGNS)
def test_each_note_is_a_trouble_with_a_reason_of_its_own(sign: str) -> None:
    value, kind = SIGNS[sign]
    trouble = worst(WELL, Notes(**{sign: value}))
    assert trouble is not None
    assert trouble.kind is kind
    assert trouble.reason


@given(st.sampled_from([SourceState.HEALTHY, *STATES]), st.sets(st.sampled_from(list(SIGNS))))
def test_of_several_troubles_the_worst_counts(state: SourceState, signs: set[str]) -> None:
    there = [SIGNS[sign][1] for sign in signs] + [kind for each, kind in STATES.items() if each is state]
    trouble = worst(Health(state=state, reason="x"), Notes(**{sign: SIGNS[sign][0] for sign in signs}))
    assert (trouble.kind.level if trouble else 0) == max((kind.level for kind in there), default=0)


def test_a_paused_source_troubles_nobody_but_where_its_bytes_changed() -> None:
    paused = Health(state=SourceState.PAUSED, reason="paused by jo")
    assert worst(paused, Notes(quiet=True, refusing=True, incomplete=("2026-03-01",))) is None
    changed = worst(paused, Notes(changed=1))
    assert changed is not None
    assert changed.kind is CHANGED


def test_levels_and_names_are_each_kinds_own_and_rise() -> None:
    levels = [kind.level for kind in KINDS]
    assert levels == sorted(set(levels))
    assert min(levels) > 0
    assert all(kind_of(kind.name) is kind for kind in KINDS)
    assert kind_of("as an earlier version called it") is None


def test_the_runbook_s_table_lists_every_trouble_with_its_level_and_heading() -> None:
    text = Path("docs/operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| [^|]+ \| \[[^\]]+\]\(#([\w-]+)\) \|$", text, re.MULTILINE)
    assert [(int(level), name, heading) for level, name, heading in rows] == [
        (kind.level, kind.name, kind.heading) for kind in reversed(KINDS)
    ]
