"""What a held and an erased recording are, in any table."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from functions.archiver.entry import Entry, State
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.holds import Holds, cases_of
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Item, Table
from functions.archiver.object_keys import digest_of
from tests.doubles.clock import FakeClock
from tests.harness.ledger import PK, STORED, present, queued, recording

DAY = date(2026, 3, 3)


@pytest.fixture
def ledger(table: Table) -> Ledger:
    return Ledger(table, source="acme", clock=FakeClock())


@pytest.fixture
def holds(table: Table) -> Holds:
    return Holds(table, source="acme", clock=FakeClock())


def archived(ledger: Ledger, table: Table) -> Item:
    ledger.mark_archived(queued(ledger), STORED, story=())
    return present(table.get(PK))


def found(ledger: Ledger) -> Entry:
    entry = ledger.find("rec-1")
    assert entry is not None
    return entry


def test_a_held_recording_has_no_term(table: Table, ledger: Ledger, holds: Holds) -> None:
    archived(ledger, table)
    table.update(PK, put={"expires_at": 2_000_000_000})
    assert cases_of(present(holds.hold("rec-1", "Doe v. Roe"))) == ("Doe v. Roe",)
    assert "expires_at" not in present(table.get(PK))
    assert found(ledger).held


def test_each_of_two_cases_holds_by_itself(table: Table, ledger: Ledger, holds: Holds) -> None:
    archived(ledger, table)
    for case in ("b", "a", "b"):
        holds.hold("rec-1", case)
    assert cases_of(present(table.get(PK))) == ("a", "b")
    assert cases_of(present(holds.release("rec-1", "b"))) == ("a",)
    assert cases_of(present(holds.release("rec-1", "a"))) == ()
    assert "held" not in present(table.get(PK))


def test_holding_and_releasing_are_told_once_in_the_story(table: Table, ledger: Ledger, holds: Holds) -> None:
    archived(ledger, table)
    holds.hold("rec-1", "a")
    holds.hold("rec-1", "a")
    holds.release("rec-1", "a")
    holds.release("rec-1", "a")
    story = [(what, detail) for _, what, detail in found(ledger).story]
    assert story[-2:] == [("held", "a"), ("released", "a")]
    assert len(story) == 3


def test_a_case_with_no_recording_there_changes_nothing(table: Table, holds: Holds) -> None:
    assert holds.hold("nobody", "a") is None
    assert table.get("acme#recording#nobody") is None


def test_a_recording_in_a_lane_is_archived_as_held_and_keeps_its_downloader_s_story(
    table: Table, ledger: Ledger, holds: Holds
) -> None:
    ticket = queued(ledger)
    entry = ledger.entry(ticket)
    holds.hold("rec-1", "a")
    assert ledger.mark_archived(ticket, STORED, story=entry.story) is True
    assert "expires_at" not in present(table.get(PK))
    assert [what for _, what, _ in found(ledger).story] == ["found", "archived"]


def test_what_is_not_held_is_archived_as_not_held(ledger: Ledger) -> None:
    assert ledger.mark_archived(queued(ledger), STORED) is False


# tombstones


def test_what_has_a_tombstone_is_known_as_erased_and_nothing_else_is(ledger: Ledger) -> None:
    ids = [f"rec-{number}" for number in range(250)]
    assert ledger.tombstones.bury("rec-7", DAY, "erased")
    assert not ledger.tombstones.bury("rec-7", DAY, "erased")
    ledger.insert(recording("rec-8"), "schedule")
    known = ledger.known(ids)
    assert {id_: found.state for id_, found in known.items()} == {"rec-7": State.ERASED, "rec-8": State.PENDING}


def test_a_tombstone_is_its_own_source_s(table: Table, ledger: Ledger) -> None:
    ledger.tombstones.bury("rec-7", DAY, "erased")
    other = Ledger(table, source="acme-2", clock=FakeClock())
    other.tombstones.bury("rec-8", DAY, "expired")
    assert other.known(["rec-7"]) == {}


def test_a_tombstone_names_nobody(table: Table, ledger: Ledger) -> None:
    ledger.tombstones.bury("rec-with-a-name", DAY, "erased")
    (stone,) = [item for item in table.scan() if item.get("kind") == "tombstone"]
    assert "rec-with-a-name" not in str(stone)
    assert digest_of("acme", "rec-with-a-name") in stone["pk"]
    assert "expires_at" not in stone


def test_erased_and_expired_are_counted_by_day(ledger: Ledger) -> None:
    ledger.tombstones.bury("a", DAY, "erased")
    ledger.tombstones.bury("b", DAY, "erased")
    ledger.tombstones.bury("c", DAY, "expired")
    ledger.tombstones.bury("d", DAY + timedelta(days=1), "erased")
    assert (ledger.tombstones.count(DAY), ledger.tombstones.count(DAY, "expired")) == (2, 1)


def test_what_was_to_expire_and_is_erased_first_counts_as_erased(ledger: Ledger) -> None:
    assert ledger.tombstones.bury("a", DAY, "expired")
    ledger.tombstones.bury("a", DAY, "erased")
    ledger.tombstones.bury("a", DAY, "expired")
    assert (ledger.tombstones.count(DAY), ledger.tombstones.count(DAY, "expired")) == (1, 0)
    assert ledger.tombstones.of_day(DAY, "erased") == {digest_of("acme", "a")}


def test_a_tombstone_is_no_recording(table: Table, ledger: Ledger) -> None:
    ledger.tombstones.bury("a", DAY, "erased")
    assert ledger.day(DAY) == []
    assert list(ledger.everything()) == []


def test_an_item_that_is_there_counts_more_than_its_tombstone(ledger: Ledger) -> None:
    ledger.insert(recording(), "schedule")
    ledger.tombstones.bury("rec-1", DAY, "expired")
    assert ledger.known(["rec-1"])["rec-1"].state is State.PENDING


def test_what_was_erased_is_not_restored_from_an_export(table: Table, ledger: Ledger) -> None:
    archived(ledger, table)
    entry = found(ledger)
    table.delete(PK, when=Exists("pk"))
    ledger.tombstones.bury("rec-1", DAY, "erased")
    assert not ledger.restore(entry)
    assert table.get(PK) is None
