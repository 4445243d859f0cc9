"""The storage class is the cheaper one over the whole life of an object."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.settings.storage_classes import (
    INSTANT,
    SMALLEST_BILLED_BYTES,
    STANDARD,
    StoragePolicy,
    cost_dollars,
)

MIB = 1024 * 1024


def auto(days: int | None, *, tiers: bool = False) -> StoragePolicy:
    return StoragePolicy(storage="auto", expire_after_days=days, tiers=tiers)


def test_a_recording_kept_for_years_goes_to_instant_retrieval_at_once() -> None:
    assert auto(2555).at_put(MIB) == INSTANT
    assert auto(None).at_put(MIB) == INSTANT


def test_a_recording_smaller_than_what_instant_retrieval_bills_stays_in_standard() -> None:
    assert auto(None).at_put(SMALLEST_BILLED_BYTES - 1) == STANDARD
    assert auto(None).at_put(SMALLEST_BILLED_BYTES) == INSTANT


def test_a_recording_that_expires_before_instant_retrievals_shortest_stay_pays_off_stays_in_standard() -> None:
    assert auto(7).at_put(MIB) == STANDARD
    assert auto(90).at_put(MIB) == INSTANT


def test_where_tiers_move_recordings_auto_does_not() -> None:
    assert auto(2555, tiers=True).at_put(MIB) == STANDARD


@pytest.mark.parametrize("size", [1, MIB])
def test_a_class_that_was_asked_for_is_taken_whatever_it_costs(size: int) -> None:
    assert StoragePolicy(storage="STANDARD_IA", expire_after_days=1).at_put(size) == "STANDARD_IA"


def test_the_sum_counts_the_put_the_smallest_billed_size_and_the_shortest_stay() -> None:
    gib = 1024 * MIB
    assert cost_dollars(STANDARD, size_bytes=gib, days=304) == pytest.approx(0.000005 + 0.23)
    assert cost_dollars(INSTANT, size_bytes=gib, days=304) == pytest.approx(0.00002 + 0.04)
    assert cost_dollars(INSTANT, size_bytes=1, days=1) == cost_dollars(
        INSTANT, size_bytes=SMALLEST_BILLED_BYTES, days=90
    )


@given(st.integers(0, 64 * MIB), st.integers(1, 4000))
def test_auto_is_never_dearer_than_standard(size: int, days: int) -> None:
    chosen = auto(days).at_put(size)
    assert cost_dollars(chosen, size_bytes=size, days=days) <= cost_dollars(STANDARD, size_bytes=size, days=days)
