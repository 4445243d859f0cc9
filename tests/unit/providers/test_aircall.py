"""What is peculiar to Aircall, against its simulator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.archiver.errors import NotFound, NotReady, Throttled, Unauthorized
from functions.archiver.http.client import Http
from functions.archiver.provider.provider import Account
from functions.archiver.recording import Json, Recording, Window
from functions.archiver.secret import Secret
from functions.providers.aircall import Aircall
from simulators.providers.aircall import Aircall as Simulator
from tests.doubles.http_client import Slots, http_to
from tests.doubles.http_server import HttpServer, Reply

START = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=2))
DAY = timedelta(days=1)
HOOK = "https://hooks.example.com/webhooks/acme"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(recordings=60, start=START, sizes=(4_000, 6_000)) as running:
        yield running


def http_of(simulator: Simulator) -> Http:
    return http_to(simulator.base_url, Slots(), limit_headers=Aircall.declaration.limit_headers)


def aircall_at(simulator: Simulator, **options: Any) -> Aircall:
    credentials = {name: Secret(value) for name, value in simulator.secret.items()}
    account = Account(source="acme", base_url=simulator.base_url, credentials=credentials, options=options)
    return Aircall(http_of(simulator), account)


@pytest.fixture
def aircall(simulator: Simulator) -> Aircall:
    return aircall_at(simulator)


def listed(aircall: Aircall, window: Window = WINDOW) -> list[Recording]:
    found: list[Recording] = []
    cursor = None
    while True:
        page = aircall.page(window, cursor)
        found += page.recordings
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_recordings_and_voicemails_are_listed_by_call_and_kind(aircall: Aircall, simulator: Simulator) -> None:
    found = listed(aircall)
    assert {each.id for each in found} == set(simulator.recordings)
    assert {each.id.rpartition("-")[2] for each in found} == {"recording", "voicemail"}


def test_voicemails_may_be_left_out(simulator: Simulator) -> None:
    assert all(each.id.endswith("-recording") for each in listed(aircall_at(simulator, voicemails=False)))


def test_a_call_that_nobody_recorded_is_known_as_empty(aircall: Aircall) -> None:
    page = aircall.page(WINDOW, None)
    assert len(page.empty) == 1
    assert page.rows == len(page.recordings) + 1


def pages_of(server: HttpServer, *documents: Json) -> Aircall:
    server.on("/v1/calls", *(Reply(body=json.dumps(each).encode()) for each in documents))
    credentials = {"api_id": Secret("id"), "api_token": Secret("hidden")}
    return Aircall(http_to(server.url), Account(source="acme", base_url=server.url, credentials=credentials))


def call(number: int = 1, **more: Json) -> dict[str, Json]:
    return {"id": number, "started_at": round(START.timestamp()), "recording": "https://x.example/1.mp3", **more}


def test_a_call_that_begins_a_little_before_it_was_created_belongs_to_the_window_that_lists_it(
    server: HttpServer,
) -> None:
    second = round(START.timestamp())
    calls = [call(number, started_at=second + after) for number, after in enumerate((-2, 0, 86_402, -90_000), start=1)]
    page = pages_of(server, {"calls": calls, "meta": {}}).page(Window(start=START, end=START + DAY), None)
    assert [each.call_id for each in page.recordings] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("meta", "calls", "goes_on"),
    [({}, 50, True), (None, 50, True), ({}, 49, False), ({"next_page_link": None}, 50, False)],
)
def test_a_full_page_that_says_nothing_of_a_next_one_has_one(
    server: HttpServer, meta: Json, calls: int, goes_on: bool
) -> None:
    page = pages_of(server, {"calls": list(map(call, range(1, calls + 1))), "meta": meta}).page(WINDOW, None)
    assert page.next_cursor == ("2" if goes_on else None)


def test_a_link_of_some_thousand_characters_is_one(server: HttpServer) -> None:
    link = f"{server.url}/1.mp3?X-Amz-Security-Token={'t' * 4_000}"
    aircall = pages_of(server, {"calls": [call(recording=link)], "meta": {}})
    server.on("/v1/calls/1", Reply(body=json.dumps({"call": call(recording=link)}).encode()))
    server.on("/1.mp3", Reply(body=b"audio"))
    (recording,) = aircall.page(WINDOW, None).recordings
    assert aircall.look_up("1")[0].id == recording.id
    with aircall.open(recording) as opened:
        assert b"".join(opened.body.chunks()) == b"audio"


def test_the_count_of_calls_tells_of_more_than_are_listed(simulator: Simulator) -> None:
    simulator.max_rows = 40
    page = aircall_at(simulator).page(WINDOW, None)
    assert (len(page.recordings), page.next_cursor, page.total) == (40, None, 61)


def test_both_parties_are_told_as_the_call_went(aircall: Aircall) -> None:
    numbers = {(each.direction, each.from_number, each.to_number) for each in listed(aircall)}
    assert {from_ for way, from_, _ in numbers if way == "outbound"} == {"+33 1 98 00 00 01"}
    assert "anonymous" in {from_ for way, from_, _ in numbers if way == "inbound"}


def test_no_link_and_no_address_of_audio_stays_in_the_document(aircall: Aircall, simulator: Simulator) -> None:
    text = str([each.raw for each in listed(aircall)])
    assert simulator.other_url not in text
    assert "assets.example" not in text


def test_audio_comes_by_a_link_that_is_asked_for_right_before(aircall: Aircall, simulator: Simulator) -> None:
    simulator.link_seconds = -10
    recordings = listed(aircall)[:6]
    simulator.link_seconds = 3600
    for recording in recordings:
        with aircall.open(recording) as opened:
            body = b"".join(opened.body.chunks())
        assert hashlib.sha256(body).hexdigest() == simulator.recordings[recording.id].sha256


def test_a_call_without_its_file_is_not_ready(aircall: Aircall, simulator: Simulator) -> None:
    late = simulator.add(state="unfinished")
    with pytest.raises(NotReady), aircall.open(Recording(id=late.id)):
        pass
    with pytest.raises(NotReady):
        aircall.look_up(late.call_id)
    simulator.finish(late.id)
    assert [each.id for each in aircall.look_up(late.call_id)] == [late.id]


@pytest.mark.parametrize("id_", ["", "7", "-recording", "7-fax", "recording"])
def test_an_id_that_is_none_is_not_asked_for(aircall: Aircall, simulator: Simulator, id_: str) -> None:
    with pytest.raises(NotFound):
        aircall.describe(id_)
    assert simulator.log == []


@pytest.mark.parametrize("what", ["list", "lookup"])
def test_wrong_credentials_are_refused_with_403(simulator: Simulator, what: str) -> None:
    recording = next(iter(simulator.recordings))
    simulator.secret["api_token"] = "another"
    wrong = aircall_at(simulator)
    with pytest.raises(Unauthorized):
        wrong.page(WINDOW, None) if what == "list" else wrong.describe(recording)


def test_the_limit_is_told_in_a_header_of_its_own(simulator: Simulator, aircall: Aircall) -> None:
    simulator.rate = 2
    aircall.page(WINDOW, None)
    aircall.page(WINDOW, None)
    with pytest.raises(Throttled) as caught:
        aircall.page(WINDOW, None)
    assert 0 < (caught.value.retry_after or 0) <= 61


def test_one_file_of_a_call_is_deleted(aircall: Aircall, simulator: Simulator) -> None:
    recording = listed(aircall)[0]
    assert str(recording.call_id) in aircall.delete(recording)
    assert simulator.recordings[recording.id].state == "deleted"


def test_a_webhook_is_registered_once_and_its_token_is_handed_back(aircall: Aircall, simulator: Simulator) -> None:
    made = aircall.register_webhook(HOOK, [])
    (hook,) = aircall.webhooks()
    assert (hook.url, hook.problem) == (HOOK, None)
    simulator.webhooks[hook.id]["active"] = False
    assert aircall.webhooks()[0].problem
    again = aircall.register_webhook(HOOK, [])
    assert made.secret == again.secret
    assert [each.problem for each in aircall.webhooks()] == [None]
    assert made.secret
    assert made.secret.reveal() not in made.sentence + repr(made)


def test_a_link_in_an_event_is_never_followed(aircall: Aircall) -> None:
    recording = Recording(id="812-recording", link="https://evil.example/x.mp3")
    with pytest.raises(NotFound), aircall.open(recording):
        pass
