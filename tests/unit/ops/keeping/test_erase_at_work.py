"""Erasures beside downloads, transcripts, retries and events of the same recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from functions.archiver.bucket.bucket import Bucket, Version
from functions.archiver.bucket.everything import versions_of
from functions.archiver.clock import Clock
from functions.archiver.entry import Ticket, Waiting
from functions.archiver.ledger.conditions import KeyRange
from functions.archiver.ledger.dynamodb import DynamoTable
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.object_keys import Place
from functions.archiver.recording import Recording
from ops.archive.archive import Archive
from tests.doubles.aws import TABLE, dynamodb
from tests.harness.erasing import ERASE, ON_AWS, Captured, answered, versions
from tests.harness.reading import NOON, Run, archived, downloaded, found


@ON_AWS
def test_what_is_being_downloaded_is_deferred(archive: Archive, run: Run, capsys: Captured) -> None:
    found(archive, "one")
    assert run(*ERASE, "one", "--confirm", "1", "--json") == 4
    (told,) = answered(capsys)
    assert "downloaded" in told["deferred"][0]["why"]
    assert archive.table.get("acme#recording#one") is not None


def _pending(archive: Archive) -> None:
    archive.ledger("acme").insert(Recording(id="one", recorded_at=NOON), "schedule")


def _failed(archive: Archive) -> None:
    archive.ledger("acme").mark_failed(found(archive, "one"), "no sound")


def _retried(archive: Archive) -> None:
    _failed(archive)
    archive.ledger("acme").revival.retry("one")


def _to_the_lane(archive: Archive, group: str) -> Ticket:
    """What waits in this group, as a tick of the next hour puts it into a lane."""
    due = Ledger(DynamoTable(dynamodb(), TABLE), source="acme", clock=Clock()).due  # a function reads whole items
    (key,) = archive.table.query("due", KeyRange(due.group(group)))
    ticket = due.mark_queued(Waiting(pk=key["pk"], due_ms=int(key["due_at"])))
    assert ticket is not None
    return ticket


@ON_AWS
@pytest.mark.parametrize(("found_as", "group"), [(_pending, "fresh"), (_retried, "retry"), (_failed, "retry")])
def test_what_is_downloaded_while_it_is_erased_is_not_called_erased_before_it_is(
    archive: Archive,
    run: Run,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    found_as: Callable[[Archive], None],
    group: str,
) -> None:
    found_as(archive)
    left = [True]

    def versions_before_a_download(bucket: Bucket, place: Place) -> Iterator[Version]:
        seen = list(versions_of(bucket, place))
        if left and archive.ledger("acme").tombstones.of(["one"]):
            left.clear()
            archive.ledger("acme").revival.retry("one")
            downloaded(archive, _to_the_lane(archive, group))
        return iter(seen)

    monkeypatch.setattr("ops.erasing.erasing.versions_of", versions_before_a_download)
    assert run(*ERASE, "one", "--confirm", "1", "--json") == 4
    (told,) = answered(capsys)
    assert (told["erased"], "changed" in told["deferred"][0]["why"]) == (0, True)
    assert run("erase", "--deferred", "--confirm", "1") == 0
    assert versions(archive, "one") == 0
    assert archive.table.get("acme#recording#one") is None


@ON_AWS
@pytest.mark.parametrize("given_up", [False, True])
def test_what_is_erased_gets_no_transcript_from_a_worker_that_was_at_it(
    archive: Archive, run: Run, capsys: Captured, given_up: bool
) -> None:
    archived(archive, "one")
    ledger = archive.ledger("acme")
    entry = ledger.find("one")
    assert entry is not None
    ledger.insert_transcript(entry, due_in=timedelta())
    ticket = _to_the_lane(archive, "retry")
    assert run(*ERASE, "one", "--confirm", "1", "--json") == 4
    (told,) = answered(capsys)
    assert "downloaded" in told["deferred"][0]["why"]
    if not given_up:
        archive.bucket.put(entry.place.transcript, b"{}\n")
        archive.bucket.put(entry.place.metadata, b"{}\n")
    ledger.finish_follow_up(ticket)
    assert run("erase", "--deferred", "--confirm", "1") == 0
    assert versions(archive, "one") == 0
    assert archive.table.get("acme#recording#one") is None


@ON_AWS
def test_a_transcript_that_waits_is_not_fetched_once_its_recording_is_being_erased(archive: Archive) -> None:
    archived(archive, "one")
    ledger = archive.ledger("acme")
    entry = ledger.find("one")
    assert entry is not None
    ledger.insert_transcript(entry, due_in=timedelta())
    assert ledger.rests("one") == 1
    assert archive.table.get("acme#transcript#one") is None


@ON_AWS
def test_an_event_does_not_bring_an_erased_recording_back(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    assert run(*ERASE, "one", "--confirm", "1") == 0
    ledger = archive.ledger("acme")
    assert ledger.tombstones.of(["one", "two"]) == {"one"}
    assert not ledger.tombstones.of([Recording(id="three").id])
