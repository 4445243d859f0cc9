"""The ledger can be rebuilt from the bucket alone, and Athena can read it."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from functions.archiver.bucket.sidecar import day_of, entry_of, sidecar, transcript_document, without_document
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.recording import NO_TRANSCRIPT, Recording, Transcript, TranscriptState
from tests.doubles.aws import Aws
from tests.doubles.clock import FakeClock

RECORDED = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
ARCHIVED = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
STORED = Stored(
    key="audio/source=acme/date=2026-03-04/rec.wav",
    version_id="v1",
    size_bytes=1234,
    sha256="ab" * 32,
    content_type="audio/wav",
    crc32="AAAAAA==",
)
ENTRY = Entry(
    kind="recording",
    recording=Recording(
        id="rec",
        call_id="call",
        recorded_at=RECORDED,
        recorded_at_raw="2026-03-05T00:30:00+01:00",
        duration_seconds=61.5,
        direction="inbound",
        from_number="+4930123",
        to_number="+4930456",
        agent="Zoë",
        raw={"nested": {"tags": ["a", None, True]}},
    ),
    state=State.ARCHIVED,
    source="acme",
    day=date(2026, 3, 4),
    found_at=ARCHIVED - timedelta(minutes=5),
    discovered_by="webhook",
    attempts=2,
    stored=STORED,
    archived_at=ARCHIVED,
)
DOCUMENT = sidecar(ENTRY, STORED, NO_TRANSCRIPT, ARCHIVED)


def test_an_entry_comes_back_from_its_sidecar() -> None:
    assert entry_of(json.loads(json.dumps(DOCUMENT))) == ENTRY


def test_a_sidecar_without_optional_facts_comes_back_too() -> None:
    bare = Entry(
        kind="recording",
        recording=Recording(id="rec"),
        state=State.ARCHIVED,
        source="acme",
        day=date(2026, 3, 4),
        found_at=ARCHIVED,
        discovered_by="schedule",
        stored=STORED,
        archived_at=ARCHIVED,
    )
    assert entry_of(json.loads(json.dumps(sidecar(bare, STORED, NO_TRANSCRIPT, ARCHIVED)))) == bare


def test_the_ledger_is_rebuilt_from_a_sidecar(aws: Aws, clock: FakeClock) -> None:
    ledger = Ledger(aws.table, source="acme", clock=clock, expire_after=None)
    assert ledger.restore(entry_of(DOCUMENT))
    found = ledger.find("rec")
    assert found is not None
    assert (found.state, found.stored, found.day) == (State.ARCHIVED, STORED, ENTRY.day)
    assert found.recording.call_id == "call"


def test_every_column_is_flat_and_has_one_name_always() -> None:
    assert all(value is None or isinstance(value, (str, int, float)) for value in DOCUMENT.values())
    transcript = Transcript(state=TranscriptState.COMPLETED, text="Hello?")
    assert sidecar(ENTRY, STORED, transcript, ARCHIVED).keys() == DOCUMENT.keys()


def test_a_sidecar_holds_every_fact_of_a_recording() -> None:
    left_out = {"id", "readiness", "note", "size_bytes", "content_type", "link", "raw"}
    assert {each.name for each in fields(Recording)} - left_out <= DOCUMENT.keys()


def test_a_link_stays_out_of_it() -> None:
    linked = Entry(
        kind="recording",
        recording=Recording(id="rec", link="https://acme.example/public/rec.wav"),
        state=State.QUEUED,
        source="acme",
        day=ENTRY.day,
        found_at=ARCHIVED,
        discovered_by="schedule",
    )
    assert "acme.example" not in json.dumps(sidecar(linked, STORED, NO_TRANSCRIPT, ARCHIVED))


def test_times_are_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    document = sidecar(ENTRY, STORED, NO_TRANSCRIPT, ARCHIVED.astimezone(berlin))
    assert document["archived_at"] == "2026-03-05T01:00:00+00:00"
    assert document["recorded_at"] == "2026-03-04T23:30:00+00:00"


def test_the_providers_document_is_one_json_text() -> None:
    text = DOCUMENT["provider_document"]
    assert isinstance(text, str)
    assert json.loads(text) == ENTRY.recording.raw


def test_a_transcript_names_recording_and_call() -> None:
    done = Transcript(state=TranscriptState.COMPLETED, text="Hello?", language="en")
    document = transcript_document(ENTRY, done)
    assert document == {
        "source": "acme",
        "recording_id": "rec",
        "call_id": "call",
        "recorded_at": "2026-03-04T23:30:00+00:00",
        "language": "en",
        "text": "Hello?",
    }


@pytest.mark.parametrize("missing", ["recording_id", "sha256", "provider_document", "found_at"])
def test_a_document_that_is_no_sidecar_is_refused(missing: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        entry_of({name: value for name, value in DOCUMENT.items() if name != missing})


def test_the_day_is_that_of_the_key() -> None:
    assert day_of(STORED.key) == ENTRY.day
    with pytest.raises(ValueError, match="isoformat"):
        day_of("audio/rec.wav")


def test_a_finished_entry_can_do_without_the_document() -> None:
    assert without_document(ENTRY).recording.raw == {}
    assert without_document(ENTRY).recording.call_id == "call"
