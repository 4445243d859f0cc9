"""Bytes that are not what they were are marked, and the mark is taken away again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from functions.archiver.entry import Entry, State
from functions.archiver.ledger.at_source import AtSource
from functions.archiver.ledger.holds import Holds
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.ledger import Ledger
from tests.doubles.aws import Aws
from tests.doubles.clock import FakeClock
from tests.harness.ledger import PK, STORED, ledger_of, queued


@pytest.fixture
def ledger(aws: Aws, clock: FakeClock) -> Ledger:
    return ledger_of(aws, clock)


@pytest.fixture
def integrity(aws: Aws, clock: FakeClock) -> Integrity:
    return Integrity(aws.table, source="acme", clock=clock)


def found(ledger: Ledger) -> Entry:
    entry = ledger.find("rec-1")
    assert entry is not None
    return entry


def test_what_verify_finds_is_noted_and_taken_back(ledger: Ledger, integrity: Integrity) -> None:
    ledger.mark_archived(queued(ledger), STORED, story=())
    assert integrity.mark_absent("rec-1", "no such version")
    assert not integrity.mark_absent("rec-1", "no such version")
    entry = found(ledger)
    assert (entry.state, entry.stored, entry.reason) == (State.ABSENT, STORED, "no such version")
    assert integrity.mark_altered("rec-1", "other bytes")
    assert not integrity.mark_absent("rec-1", "set aside")
    assert integrity.mark_sound("rec-1", "the noted bytes again")
    entry = found(ledger)
    assert (entry.state, entry.reason) == (State.ARCHIVED, None)
    assert [code for _, code, _ in entry.story] == ["archived", "absent", "altered", "archived"]


HAPPENS: dict[str, Callable[[Aws, FakeClock, Entry], object]] = {
    "verified": lambda aws, clock, entry: Integrity(aws.table, source="acme", clock=clock).note_verified("rec-1"),
    "altered": lambda aws, clock, entry: Integrity(aws.table, source="acme", clock=clock).mark_altered("rec-1", "no"),
    "held": lambda aws, clock, entry: Holds(aws.table, source="acme", clock=clock).hold("rec-1", "case"),
    "deleted at source": lambda aws, clock, entry: AtSource(aws.table, source="acme", clock=clock).deleted(entry),
}


@pytest.mark.parametrize("what", HAPPENS)
def test_the_story_of_an_item_of_an_earlier_version_begins_with_what_else_it_says(
    aws: Aws, clock: FakeClock, ledger: Ledger, what: str
) -> None:
    ledger.mark_archived(queued(ledger), STORED)
    aws.table.update(PK, put={}, remove=["story"])
    HAPPENS[what](aws, clock, found(ledger))
    assert [code for _, code, _ in found(ledger).story] == ["found", "archived", what]


def test_only_what_is_archived_has_bytes_to_speak_of(ledger: Ledger, integrity: Integrity) -> None:
    queued(ledger)
    assert not integrity.mark_absent("rec-1", "not there")
    assert not integrity.mark_altered("rec-1", "other bytes")
    assert not integrity.mark_sound("rec-1", "as noted")
