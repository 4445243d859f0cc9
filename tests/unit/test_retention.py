"""When a provider deletes what is not archived: by age, or by number where it keeps only so many."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.archiver.clock import Clock
from functions.archiver.ledger.due import Due
from functions.archiver.retention import until_deletion
from tests.doubles.aws import Aws

DAY = timedelta(days=1)
KEPT = 90 * DAY


def test_by_age_it_is_what_is_left_of_the_term() -> None:
    assert until_deletion(KEPT, 2 * DAY, waiting=99_999) == 88 * DAY
    assert until_deletion(KEPT, 91 * DAY) == -DAY


@pytest.mark.parametrize(
    ("waiting", "left"),
    [(0, 90 * DAY), (50_000, 45 * DAY), (97_000, 2.7 * DAY), (100_000, 0 * DAY), (110_000, -9 * DAY)],
)
def test_by_number_it_is_the_share_that_does_not_wait(waiting: int, left: timedelta) -> None:
    found = until_deletion(KEPT, timedelta(), waiting=waiting, retention_count=100_000)
    assert abs(found - left) < timedelta(seconds=1)


def test_the_shorter_of_both_counts() -> None:
    assert until_deletion(KEPT, 80 * DAY, waiting=10_000, retention_count=100_000) == 10 * DAY


def test_everything_that_waits_is_counted_whatever_for(aws: Aws) -> None:
    for number, group in enumerate(("fresh", "retry", "queued", "failed")):
        aws.table.put_new({"pk": f"acme#recording#{number}", "due_group": f"acme#{group}", "due_at": number})
    assert Due(aws.table, source="acme", clock=Clock()).count() == 3
