"""The chain of seals is read from its head back to the day that is asked for, and believed only where it holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.sealing.book import head_in
from functions.archiver.sealing.document import seal_key
from functions.archiver.sweeping.rules import Suspicious
from functions.archiver.sweeping.seals import StoredSeals
from tests.doubles.vault import Vault
from tests.harness.sealing import SOURCE
from tests.harness.sweeping import SweepBench

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(6)]
ASKED = DAYS[3]


class Counting:
    """A bucket that counts what is read."""

    def __init__(self, bucket: object) -> None:
        self._bucket = bucket
        self.reads: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def read(self, key: str, *, version_id: str | None = None) -> Any:
        self.reads.append(key)
        return self._bucket.read(key, version_id=version_id)  # type: ignore[attr-defined]


@pytest.fixture
def chain(bench: SweepBench) -> SweepBench:
    """Six days, one seal each; then the fourth one is sealed again, and after it the first one."""
    for number, day in enumerate(DAYS):
        bench.archived(day, f"r{number}")
        bench.sealed(day)
    for day, id_ in ((ASKED, "late"), (FIRST, "later")):
        bench.archived(day, id_, on=DAYS[-1] + timedelta(days=4))
        bench.sealed(day, on=DAYS[-1] + timedelta(days=4))
    assert [seal.standing.number for seal in bench.seals()] == [1] * 6 + [2] * 2
    return bench


def stored(bench: SweepBench, bucket: Any = None) -> StoredSeals:
    head = head_in(bench.table.get(f"{SOURCE}#reconciler") or {})
    return StoredSeals(bucket or bench.bucket, source=SOURCE, head=head)


def path(bench: SweepBench, day: date, number: int = 1) -> Path:
    assert isinstance(bench.bucket, Vault)
    return bench.bucket.root / seal_key(SOURCE, day, number)


def test_the_newest_seal_of_a_day_is_found_with_its_lines(chain: SweepBench) -> None:
    found = stored(chain).of(ASKED)
    assert found is not None
    assert (found.seal.standing.number, found.ref.sequence, len(found.lines)) == (2, 7, 2)
    assert stored(chain).of(DAYS[-1] + timedelta(days=1)) is None


def test_nothing_is_read_that_lies_further_back_than_what_is_asked_for(chain: SweepBench) -> None:
    bucket = Counting(chain.bucket)
    seals = stored(chain, bucket)
    assert seals.of(ASKED)
    assert sorted(set(bucket.reads)) == [seal_key(SOURCE, FIRST, 2), seal_key(SOURCE, ASKED, 2)]
    assert seals.of(DAYS[5])
    assert len(set(bucket.reads)) == 3
    assert seals.of(DAYS[1])
    assert set(bucket.reads) == {seal.key for seal in chain.seals()} - {seal_key(SOURCE, FIRST, 1)}


def test_the_times_of_files_decide_nothing(chain: SweepBench) -> None:
    for age, seal in enumerate(chain.seals()):
        os.utime(path(chain, seal.statement.day, seal.standing.number), (1_700_000_000 - age, 1_700_000_000 - age))
    found = stored(chain).of(DAYS[4])
    assert found is not None
    assert found.ref.sequence == 5


def test_a_seal_beyond_the_head_does_not_count_yet(chain: SweepBench) -> None:
    before = chain.table.get(f"{SOURCE}#reconciler") or {}
    chain.archived(ASKED, "latest", on=DAYS[-1] + timedelta(days=5))
    chain.sealed(ASKED, on=DAYS[-1] + timedelta(days=5))
    found = StoredSeals(chain.bucket, source=SOURCE, head=head_in(before)).of(ASKED)
    assert found is not None
    assert found.seal.standing.number == 2


def swap(bench: SweepBench) -> None:
    one, other = path(bench, DAYS[4]), path(bench, DAYS[5])
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def change(bench: SweepBench, day: date) -> None:
    file = path(bench, day)
    file.write_bytes(file.read_bytes().replace(b'"gone":0', b'"gone":1'))


def hide(bench: SweepBench) -> None:
    """The second seal of the day bears a number before the first."""
    path(bench, ASKED, 2).rename(path(bench, ASKED, 0))


def put_in(bench: SweepBench) -> None:
    """One more than the chain has, with one that is being written."""
    for number in (3, 4):
        path(bench, ASKED, number).write_bytes(path(bench, ASKED, 2).read_bytes())


def exchange(bench: SweepBench) -> None:
    """As many as before, and one of the first ones stands for the second one of the day."""
    path(bench, ASKED, 2).write_bytes(path(bench, ASKED).read_bytes())


def take_one_for_another(bench: SweepBench) -> None:
    """As many as before: the day's second seal is gone, and another folder has one more."""
    path(bench, ASKED, 2).rename(path(bench, DAYS[5], 2))


PLANTED: dict[str, Callable[[SweepBench], object]] = {
    "an early one is gone": lambda bench: path(bench, DAYS[1]).unlink(),
    "the day's own is gone": lambda bench: path(bench, ASKED, 2).unlink(),
    "a later one is gone": lambda bench: path(bench, FIRST, 2).unlink(),
    "more than one was put in": put_in,
    "the day's own is that of before": exchange,
    "the day's own lies elsewhere": take_one_for_another,
    "the day's newest bears an older number": hide,
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_done_to_the_chain_is_suspicious(chain: SweepBench, what: str) -> None:
    PLANTED[what](chain)
    with pytest.raises(Suspicious):
        stored(chain).of(ASKED)


@pytest.mark.parametrize("asked", [DAYS[2], DAYS[4]])
@pytest.mark.parametrize("done", [swap, lambda bench: change(bench, DAYS[4])], ids=["swapped", "changed"])
def test_what_lies_between_a_seal_and_the_head_has_to_be_as_it_was_written(
    chain: SweepBench, done: Callable[[SweepBench], None], asked: date
) -> None:
    done(chain)
    with pytest.raises(Suspicious):
        stored(chain).of(asked)
