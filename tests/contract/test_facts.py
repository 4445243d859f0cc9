"""What a provider tells of recordings: facts in one form, whatever the provider's documents look like."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.archiver.recording import Readiness, Recording, Window
from tests.contract.case import Case
from tests.contract.fixture import audio_of

HOSTILE_IDS = (
    ".",
    "..",
    "../../etc/passwd",
    "a/b",
    "two words",
    "Ünïcødé-録音",
    "q?x=1&y#z",
    "100%25",
    "a+b;c",
    "'quoted' & <tagged>",
)


def as_given(recording: Recording, name: str) -> object:
    value: Any = getattr(recording, name)
    return value.isoformat() if isinstance(value, datetime) else value


def test_building_a_provider_asks_nothing(case: Case) -> None:
    case.provider()
    assert case.replay.own.requests == case.replay.further.requests == case.replay.other.requests == []
    assert case.slots.booked == []


def test_all_pages_together_hold_every_recording(case: Case) -> None:
    first, last = case.first_page(), case.second_page()
    assert [recording.id for recording in (*first.recordings, *last.recordings)] == case.fixture.ids
    assert first.next_cursor
    assert last.next_cursor is None
    assert (first.problem, last.problem) == (None, None)
    assert case.replay.unknown == []


def test_every_fact_is_read_as_it_is_meant(case: Case) -> None:
    listed = [*case.first_page().recordings, *case.second_page().recordings]
    for recording, facts in zip(listed, case.fixture.recordings, strict=True):
        assert {name: as_given(recording, name) for name in facts} == dict(facts)
        assert recording.readiness is Readiness.READY
        assert recording.raw
        assert recording.recorded_at
        assert recording.recorded_at.tzinfo is UTC
        assert recording.recorded_at_raw


def numbers_as_texts(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def texts_as_numbers(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() and not value.startswith("0") else value


def written_otherwise(document: Any, write: Callable[[Any], Any]) -> Any:
    if isinstance(document, dict):
        return {name: written_otherwise(each, write) for name, each in document.items()}
    if isinstance(document, list):
        return [written_otherwise(each, write) for each in document]
    return write(document)


@pytest.mark.parametrize("write", [numbers_as_texts, texts_as_numbers])
def test_a_number_is_the_same_fact_whether_it_is_written_as_one_or_as_a_text(
    case: Case, write: Callable[[Any], Any]
) -> None:
    reply = case.replay.reply("list")
    if not reply.body.startswith((b"{", b"[")):
        return  # XML has texts alone
    body = json.dumps(written_otherwise(json.loads(reply.body), write)).encode()
    case.replay.fail("list", replace(reply, body=body))
    page = case.first_page()
    assert page.problem is None
    assert page.next_cursor
    for recording, facts in zip(page.recordings, case.fixture.recordings[:2], strict=True):
        assert {name: as_given(recording, name) for name in facts} == dict(facts)


def test_asking_by_id_tells_the_same_as_the_listing(case: Case) -> None:
    listed, asked = case.recording(), case.describe()
    for name in case.fixture.recordings[0]:
        assert as_given(asked, name) == as_given(listed, name)
    assert asked.recorded_at == listed.recorded_at


def test_audio_comes_as_it_was_sent(case: Case) -> None:
    kind = case.fixture.exchanges["media"].audio
    assert kind
    for recording in (*case.first_page().recordings, *case.second_page().recordings):
        assert case.fetched(recording) == audio_of(recording.id, kind)
    assert case.replay.unknown == []


def test_audio_can_be_fetched_by_what_an_event_tells(case: Case) -> None:
    kind = case.fixture.exchanges["media"].audio
    assert kind
    described = case.describe()
    assert case.fetched(Recording(id=described.id, call_id=described.call_id)) == audio_of(described.id, kind)


def test_rows_outside_of_the_window_are_left_out(case: Case) -> None:
    year = timedelta(days=365)
    window = Window(start=case.fixture.window.start - year, end=case.fixture.window.end - year)
    case.replay.endless = True
    page = case.provider().page(window, None)
    assert not page.recordings
    assert not page.calls


def test_a_row_without_an_id_is_a_problem_of_its_page(case: Case) -> None:
    first = case.fixture.recordings[0]
    case.replay.fail("list", case.replay.reply("list", {str(first["id"]): "", str(first["call_id"]): ""}))
    page = case.first_page()
    assert [recording.id for recording in page.recordings] == case.fixture.ids[1:2]
    assert page.problem


def test_an_empty_list_is_no_trouble(case: Case) -> None:
    case.replay.keep_failing("list", case.replay.reply("empty"))
    case.replay.keep_failing("last", case.replay.reply("empty"))
    page = case.first_page()
    assert (list(page.recordings), list(page.calls), page.next_cursor, page.problem) == ([], [], None, None)


def test_what_is_kept_of_a_document_holds_neither_secrets_nor_links(case: Case) -> None:
    for recording in (*case.first_page().recordings, case.describe()):
        kept = json.dumps(recording.raw)
        case.assert_tells_no_secret(kept, "the raw document")
        case.assert_tells_no_secret(repr(recording), "the text form")
        assert case.replay.own.url not in kept
        assert case.replay.other.url not in kept


def test_a_link_is_kept_only_where_it_is_declared_as_durable(case: Case) -> None:
    links = {recording.link for recording in (*case.first_page().recordings, case.describe())}
    assert (links == {None}) is not case.excepted("durable_link")


def test_an_account_shows_no_secret(case: Case) -> None:
    case.assert_tells_no_secret(repr(case.account()) + repr(vars(case.provider())), "the text form")


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
def test_a_hostile_id_comes_back_as_it_was_listed(case: Case, hostile: str) -> None:
    if case.excepted("ids_are_made"):
        return  # the next test is about the id that it is made of
    case.replay.names = {case.fixture.ids[0]: hostile}
    kind = case.fixture.exchanges["media"].audio
    assert kind
    recording = case.recording()
    assert recording.id == hostile
    assert case.fetched(recording) == audio_of(hostile, kind)
    assert case.replay.unknown == []


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
def test_a_hostile_call_id_comes_back_as_it_was_listed(case: Case, hostile: str) -> None:
    call_id = str(case.fixture.recordings[0]["call_id"])
    own_id = case.fixture.ids[0].replace(call_id, hostile)
    case.replay.names = {call_id: hostile, case.fixture.ids[0]: own_id}
    kind = case.fixture.exchanges["media"].audio
    assert kind
    assert case.fetched(case.recording()) == audio_of(own_id, kind)
    assert case.replay.unknown == []
