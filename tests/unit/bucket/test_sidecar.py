"""The ledger can be rebuilt from the bucket alone, and Athena can read it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from functions.archiver.bucket.sidecar import entry_of, sidecar, transcript_document, without_document
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.object_keys import day_of
from functions.archiver.recording import NO_TRANSCRIPT, Contradiction, Recording, Rendition, Transcript, TranscriptState
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
    codec="pcm_s16le",
    channels=2,
    contradictions=(Contradiction(what="bytes", claimed="99", found="1234"),),
    rendition=Rendition(format="wav", channels=2),
)
ENTRY = Entry(
    kind="recording",
    recording=Recording(
        id="rec",
        call_id="call",
        recorded_at=RECORDED,
        recorded_at_raw="2026-03-05T00:30:00+01:00",
        recorded_at_from="file time",
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
    ledger = Ledger(aws.table, source="acme", clock=clock)
    assert ledger.restore(entry_of(DOCUMENT))
    found = ledger.find("rec")
    assert found is not None
    assert found.story == ((round(ENTRY.found_at.timestamp()), "found", "webhook"),)
    assert replace(found, story=()) == entry_of(DOCUMENT)


NOT_OF_AN_ARCHIVED_ONE = {"readiness", "note", "size_bytes", "content_type", "link"}
"""What the provider said while the audio was still to be fetched."""


@pytest.mark.parametrize("field", [each.name for each in fields(Recording) if each.name not in NOT_OF_AN_ARCHIVED_ONE])
def test_every_fact_of_a_recording_is_in_its_sidecar_and_comes_back(field: str) -> None:
    assert getattr(ENTRY.recording, field), "this test needs a value of its own for the field"
    found = entry_of(json.loads(json.dumps(DOCUMENT))).recording
    assert getattr(found, field) == getattr(ENTRY.recording, field)


@pytest.mark.parametrize("field", [each.name for each in fields(Stored)])
def test_everything_stored_is_in_ledger_and_sidecar_and_comes_back(aws: Aws, clock: FakeClock, field: str) -> None:
    assert getattr(STORED, field), "this test needs a value of its own for the field"
    ledger = Ledger(aws.table, source="acme", clock=clock)
    ledger.restore(ENTRY)
    kept = ledger.find("rec")
    assert kept is not None
    for found in (kept.stored, entry_of(json.loads(json.dumps(DOCUMENT))).stored):
        assert getattr(found, field) == getattr(STORED, field)


@pytest.mark.parametrize("field", [each.name for each in fields(Recording) if each.name not in {"readiness", "note"}])
def test_every_fact_of_a_waiting_recording_comes_back_from_the_ledger(aws: Aws, clock: FakeClock, field: str) -> None:
    waiting = replace(ENTRY.recording, size_bytes=9, content_type="audio/wav", link="https://acme.example/rec.wav")
    assert getattr(waiting, field)
    ledger = Ledger(aws.table, source="acme", clock=clock)
    ledger.insert(waiting, "schedule")
    found = ledger.find("rec")
    assert found is not None
    assert getattr(found.recording, field) == getattr(waiting, field)


@pytest.mark.parametrize("seconds", [5e-324, float("nan"), float("inf"), 1e300])
def test_a_number_that_the_ledger_cannot_hold_is_unknown(aws: Aws, clock: FakeClock, seconds: float) -> None:
    ledger = Ledger(aws.table, source="acme", clock=clock)
    assert ledger.insert(replace(ENTRY.recording, duration_seconds=seconds), "schedule")
    found = ledger.find("rec")
    assert found is not None
    assert found.recording.duration_seconds is None
    document = sidecar(replace(ENTRY, recording=found.recording), STORED, NO_TRANSCRIPT, ARCHIVED)
    assert document["duration_seconds"] is None


FIELDS = (
    "source recording_id call_id recorded_at recorded_at_raw recorded_at_from duration_seconds direction from_number "
    "to_number agent key version_id bytes sha256 crc32 content_type codec channels contradictions rendition "
    "discovered_by found_at archived_at attempts transcript provider_document"
)


def test_a_sidecar_has_the_published_fields_always() -> None:
    assert set(DOCUMENT) == set(FIELDS.split())
    transcript = Transcript(state=TranscriptState.COMPLETED, text="Hello?")
    assert sidecar(ENTRY, STORED, transcript, ARCHIVED).keys() == DOCUMENT.keys()


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


def test_the_providers_document_is_an_object_and_a_text_is_read_too() -> None:
    assert DOCUMENT["provider_document"] == ENTRY.recording.raw
    of_before = {**DOCUMENT, "provider_document": json.dumps(ENTRY.recording.raw)}
    assert entry_of(of_before) == ENTRY


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
