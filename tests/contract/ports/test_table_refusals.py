"""What DynamoDB refuses, every table refuses, and nothing is changed by the attempt."""

from __future__ import annotations

import pytest

from functions.archiver.ledger.table import Table
from tests.contract.ports.refusals import REFUSALS, THERE


@pytest.mark.parametrize("what", REFUSALS)
def test_it_is_refused_and_nothing_changes(table: Table, engine: str, what: str) -> None:
    refusal = REFUSALS[what]
    if engine in refusal.but_not_by:
        pytest.skip("moto lets it pass")
    table.put_new(THERE)
    with pytest.raises(ValueError):  # noqa: PT011 - Unacceptable is one, and so is what a condition says of itself
        refusal.attempt(table)
    assert list(table.scan()) == [THERE]
