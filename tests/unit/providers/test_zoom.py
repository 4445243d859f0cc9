"""What is peculiar to Zoom Phone, against its simulator."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.archiver.errors import CursorRefused, NotFound, NotReady, Rejected, Throttled, Unauthorized
from functions.archiver.provider.provider import Account
from functions.archiver.recording import Json, Readiness, Recording, TranscriptState, Window
from functions.archiver.secret import Secret
from functions.providers.zoom import DOWNLOAD, Zoom
from simulators.faults import Fault
from simulators.providers.zoom import Zoom as Simulator
from tests.doubles.http_client import Slots, http_to
from tests.doubles.http_server import HttpServer
from tests.doubles.http_server import Reply as Answer

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
WINDOW = Window(start=START, end=START + timedelta(days=2))
SHORT: dict[str, Any] = {"start": START, "span": timedelta(hours=40), "sizes": (4_000, 6_000)}
CREDENTIALS = {name: Secret(f"the-{name}") for name in ("account_id", "client_id", "client_secret")}


def zoom_at(simulator: Simulator, **slots: Any) -> Zoom:
    credentials = {name: Secret(value) for name, value in simulator.secret.items()}
    account = Account(source="acme", base_url=simulator.base_url, credentials=credentials, options=simulator.options)
    declared = Zoom.declaration
    http = http_to(
        simulator.base_url,
        slots.get("slots"),
        origins=declared.origins(simulator.options),
        limit_headers=declared.limit_headers,
    )
    return Zoom(http, account)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(recordings=8, **SHORT) as running:
        yield running


@pytest.fixture
def zoom(simulator: Simulator) -> Zoom:
    return zoom_at(simulator)


def listed(zoom: Zoom, window: Window = WINDOW) -> list[Recording]:
    found: list[Recording] = []
    cursor = None
    while True:
        page = zoom.page(window, cursor)
        found += page.recordings
        cursor = page.next_cursor
        if cursor is None:
            return found


def fetched(zoom: Zoom, recording: Recording) -> bytes:
    with zoom.open(recording) as opened:
        return b"".join(opened.body.chunks())


# listing


def test_a_call_is_in_the_window_in_which_it_ends_as_well_as_in_the_one_in_which_it_begins(
    zoom: Zoom, simulator: Simulator
) -> None:
    simulator.recordings.clear()
    moment = START + timedelta(hours=12)
    call = simulator.add(recorded_at=moment - timedelta(seconds=1), size=200_000)
    seconds = call.audio.duration_ms // 1000
    assert seconds > 10
    by_end = Window(start=moment, end=moment + timedelta(seconds=seconds))
    by_start = Window(start=moment - timedelta(minutes=1), end=moment)
    assert [each.id for each in listed(zoom, by_end)] == [call.id]
    simulator.log.clear()
    page = zoom.page(by_start, None)
    assert (page.rows, page.recordings) == (0, []), "this server goes by the end"


def test_a_server_that_goes_by_the_start_loses_no_call_between_two_windows(simulator: Simulator, zoom: Zoom) -> None:
    moment = START + timedelta(hours=12)
    simulator.recordings.clear()
    call = simulator.add(recorded_at=moment - timedelta(seconds=1), size=200_000)
    simulator._end = lambda recording: recording.recorded_at  # type: ignore[method-assign]  # one odd answer
    row = simulator._row(call)
    row["end_time"] = f"{moment + timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}"
    simulator._row = lambda recording: row  # type: ignore[method-assign]  # one odd answer
    found = listed(zoom, Window(start=moment - timedelta(hours=1), end=moment))
    found += listed(zoom, Window(start=moment, end=moment + timedelta(hours=1)))
    assert [each.id for each in found] == [call.id]


def test_the_last_second_of_a_window_is_asked_for_however_its_end_is_read(simulator: Simulator, zoom: Zoom) -> None:
    last = simulator.rows()[-1]
    end = simulator._end(last)
    assert last.id in [each.id for each in listed(zoom, Window(start=START, end=end))]


def test_a_page_s_token_that_has_died_is_a_refused_cursor() -> None:
    with Simulator(recordings=8, cursor_seconds=0.05, **SHORT) as running:
        zoom = zoom_at(running)
        # Pages of three, so that there is a second one.
        running.page = lambda rows, first, size, fault: (list(rows[first : first + 3]), first + 3 < len(rows))  # type: ignore[method-assign]
        cursor = zoom.page(WINDOW, None).next_cursor
        time.sleep(0.1)
        with pytest.raises(CursorRefused):
            zoom.page(WINDOW, cursor)


def test_the_server_s_own_count_of_a_window_is_passed_on(zoom: Zoom) -> None:
    assert zoom.page(WINDOW, None).total == 8


@pytest.mark.parametrize("token", ["t" * 4_000, 7])
def test_a_page_s_token_goes_on_however_long_it_is(server: HttpServer, token: Json) -> None:
    pages = [{"recordings": [], "next_page_token": each} for each in (token, "")]
    lists(server, *pages)
    zoom = plain_zoom(server)
    cursor = zoom.page(WINDOW, None).next_cursor
    assert zoom.page(WINDOW, cursor).next_cursor is None
    assert server.requests[-1].query["next_page_token"] == str(token)


def test_a_row_without_a_link_is_not_ready(zoom: Zoom, simulator: Simulator) -> None:
    late = simulator.add(state="unfinished")
    found = {each.id: each for each in listed(zoom)}
    assert found[late.id].readiness is Readiness.NOT_READY
    with pytest.raises(NotReady):
        fetched(zoom, found[late.id])
    simulator.finish(late.id)
    assert fetched(zoom, found[late.id]) == late.audio.read()


# audio


@pytest.mark.parametrize("serves", [("own", "further"), ("own",), ("further",)])
@pytest.mark.parametrize("links", ["own", "further"])
@pytest.mark.parametrize("redirects", [True, False])
def test_audio_is_fetched_wherever_its_link_leads_and_whichever_origin_has_it(
    links: Any, serves: Any, redirects: bool
) -> None:
    with Simulator(recordings=2, links=links, serves=serves, redirects=redirects, **SHORT) as running:
        zoom = zoom_at(running)
        for recording in listed(zoom):
            assert fetched(zoom, recording) == running.recordings[recording.id].audio.read()
        elsewhere = [each for each in running.log if each.host == "other"]
    assert bool(elsewhere) is redirects
    assert not any(each.credentials for each in elsewhere)


def test_listing_and_audio_take_a_request_each(zoom: Zoom, simulator: Simulator) -> None:
    (first, *_) = listed(zoom)
    simulator.log.clear()
    fetched(zoom, first)
    assert [(each.kind, each.host) for each in simulator.log] == [("media", "further"), ("media", "other")]


def test_a_link_to_an_unknown_host_gets_no_token_and_its_file_is_asked_for_at_our_own(server: HttpServer) -> None:
    path = "/v2/phone/recording/download/abc"
    row = {"id": "1", "date_time": "2026-03-01T10:00:00Z", "download_url": f"https://evil.example{path}"}
    server.on("/oauth/token", Answer(body=b'{"access_token": "token", "expires_in": 3600}'))
    server.on("/v2/phone/recordings", Answer(body=json.dumps({"recordings": [row]}).encode()))
    server.on(path, Answer(body=b"audio"))
    window = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
    zoom = plain_zoom(server)
    (recording,) = zoom.page(window, None).recordings
    assert fetched(zoom, recording) == b"audio"


def lists(server: HttpServer, *documents: Json) -> None:
    server.on("/oauth/token", Answer(body=b'{"access_token": "token", "expires_in": 3600}'))
    server.on("/v2/phone/recordings", *(Answer(body=json.dumps(each).encode()) for each in documents))


def plain_zoom(server: HttpServer) -> Zoom:
    options = {"token_url": server.url, "media_url": server.url}
    account = Account(source="acme", base_url=server.url, credentials=CREDENTIALS, options=options)
    declared = Zoom.declaration
    origins = declared.origins(options)
    return Zoom(http_to(server.url, Slots(), origins=origins, limit_headers=declared.limit_headers), account)


def test_a_file_that_is_missing_is_told_by_a_code_and_not_by_the_status(zoom: Zoom, simulator: Simulator) -> None:
    recording = listed(zoom)[0]
    simulator.remove(recording.id)
    with pytest.raises(NotFound):
        fetched(zoom, recording)


def test_a_file_whose_id_has_changed_is_fetched_by_the_one_that_the_list_names_now(
    zoom: Zoom, simulator: Simulator
) -> None:
    recording = listed(zoom)[0]
    before = replace(recording, raw={**recording.raw, "file_id": "file-of-yesterday"})
    with zoom.open(before) as opened:
        assert b"".join(opened.body.chunks()) == simulator.recordings[recording.id].audio.read()
        assert opened.recording is not None
        assert opened.recording.raw["file_id"] == recording.raw["file_id"]


def test_a_file_that_is_missing_although_its_id_is_the_listed_one_is_not_found(
    zoom: Zoom, simulator: Simulator
) -> None:
    recording = listed(zoom)[0]
    simulator.faults.add(Fault("status", recording_id=recording.id, value=404, times=None))
    with pytest.raises(NotFound, match="answered with 404"), zoom.open(recording):
        pass


@pytest.mark.parametrize("file_id", ["abc==", "a%2Fb", "..%2f", "x+y;z"])
def test_a_file_s_id_is_asked_for_as_its_link_writes_it(server: HttpServer, file_id: str) -> None:
    row = {"id": "1", "date_time": "2026-03-01T10:00:00Z", "download_url": f"{server.url}{DOWNLOAD}{file_id}"}
    lists(server, {"recordings": [row]})
    server.on(f"{DOWNLOAD}{file_id.upper() if '%2f' in file_id else file_id}", Answer(body=b"audio"))
    zoom = plain_zoom(server)
    day = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
    (recording,) = zoom.page(day, None).recordings
    assert fetched(zoom, recording) == b"audio"


def test_a_recording_is_found_by_its_id_in_the_list_of_the_last_weeks(zoom: Zoom, simulator: Simulator) -> None:
    wanted = simulator.rows()[0]
    assert zoom.describe(wanted.id).recorded_at == wanted.recorded_at
    asked = len(simulator.served("list"))
    assert asked <= 3
    with pytest.raises(NotFound):
        zoom.describe("nobody")
    assert len(simulator.served("list")) == asked + 3


@pytest.mark.parametrize("document", [{"message": "busy"}, {"recordings": None}, []])
def test_an_answer_without_recordings_does_not_say_that_one_is_missing(server: HttpServer, document: Json) -> None:
    lists(server, document)
    with pytest.raises(Rejected, match="without recordings"):
        plain_zoom(server).describe("1")


def test_a_file_behind_an_unknown_kind_of_link_is_searched_for_around_its_call(server: HttpServer) -> None:
    """Half a year later none of the last weeks' recordings is the one."""
    row: Json = {
        "id": "1",
        "date_time": "2026-03-01T10:00:00Z",
        "duration": 600,
        "download_url": f"{server.url}/files/1",
    }
    lists(server, {"recordings": [row]}, {"recordings": [{"id": "2"}, row]}, {"recordings": [{"id": "2"}]})
    server.on("/files/1", Answer(body=b"audio"))
    zoom = plain_zoom(server)
    day = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
    (recording,) = zoom.page(day, None).recordings
    assert fetched(zoom, recording) == b"audio"
    asked = [seen.query for seen in server.requests if seen.path == "/v2/phone/recordings"]
    assert (asked[1]["from"], asked[1]["to"]) == ("2026-03-01T09:55:00Z", "2026-03-01T10:15:01Z")
    with pytest.raises(NotFound):
        fetched(zoom, recording)


# limits


def refusing(server: HttpServer, status: int, headers: Mapping[str, str], message: str = "") -> Zoom:
    server.on("/oauth/token", Answer(body=b'{"access_token": "token", "expires_in": 3600}'))
    body = json.dumps({"code": status, "message": message}).encode()
    server.on("/v2/phone/recordings", Answer(status=status, headers=headers, body=body))
    return plain_zoom(server)


@pytest.mark.parametrize("name", ["Retry-After", "X-RateLimit-Reset"])
@pytest.mark.parametrize("status", [429, 403])
def test_a_wait_that_is_written_as_a_time_is_kept(server: HttpServer, name: str, status: int) -> None:
    until = datetime.now(UTC) + timedelta(minutes=30)
    zoom = refusing(server, status, {name: f"{until:%Y-%m-%dT%H:%M:%SZ}"})
    with pytest.raises(Throttled) as caught:
        zoom.page(WINDOW, None)
    assert 1700 < (caught.value.retry_after or 0) <= 1800


def test_a_403_that_speaks_of_the_rate_limit_is_too_fast_and_any_other_is_a_refusal(server: HttpServer) -> None:
    with pytest.raises(Throttled):
        refusing(server, 403, {}, "You have reached the API rate limit").page(WINDOW, None)
    with pytest.raises(Unauthorized):
        refusing(server, 403, {}, "No permission").page(WINDOW, None)


def test_a_used_up_day_stops_the_source_before_it_is_refused(server: HttpServer) -> None:
    until = datetime.now(UTC) + timedelta(minutes=10)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
    server.on("/oauth/token", Answer(body=b'{"access_token": "token", "expires_in": 3600}'))
    server.on("/v2/phone/recordings", Answer(headers=headers, body=b'{"recordings": []}'))
    slots, options = Slots(), {"token_url": server.url, "media_url": server.url}
    http = http_to(
        server.url, slots, origins=Zoom.declaration.origins(options), limit_headers=Zoom.declaration.limit_headers
    )
    Zoom(http, Account(source="acme", base_url=server.url, credentials=CREDENTIALS, options=options)).page(WINDOW, None)
    assert len(slots.held) == 1
    assert 500 < slots.held[0] <= 600


def test_a_client_that_zoom_does_not_know_is_unauthorized(simulator: Simulator) -> None:
    simulator.secret = {**simulator.secret, "client_secret": "another"}
    with pytest.raises(Unauthorized):
        zoom_at(simulator).page(WINDOW, None)


# transcripts, deletion


def test_a_transcript_is_awaited_and_holds_who_said_what(zoom: Zoom) -> None:
    recording = listed(zoom)[0]
    with zoom.open(recording) as opened:
        assert opened.transcript.state is TranscriptState.PENDING
    assert zoom.transcript(recording).state is TranscriptState.PENDING
    transcript = zoom.transcript(recording)
    assert transcript.state is TranscriptState.COMPLETED
    assert transcript.text == "Ada Osei: Hello.\nBo Lind: Good morning."


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (12001, TranscriptState.NONE),
        (12000, TranscriptState.FAILED),
        (404, TranscriptState.NONE),
        (12002, TranscriptState.PENDING),
    ],
)
def test_a_code_says_why_there_is_no_transcript(server: HttpServer, code: int, state: TranscriptState) -> None:
    server.on("/oauth/token", Answer(body=b'{"access_token": "token", "expires_in": 3600}'))
    body = json.dumps({"code": code}).encode()
    server.on("/v2/phone/recording_transcript/download/1", Answer(status=400, body=body))
    assert plain_zoom(server).transcript(Recording(id="1")).state is state


@pytest.mark.parametrize("document", [{}, {"timeline": None}, {"timeline": {}}, []])
def test_an_answer_without_a_timeline_is_no_transcript(server: HttpServer, document: Json) -> None:
    server.on("/oauth/token", Answer(body=b'{"access_token": "token", "expires_in": 3600}'))
    server.on("/v2/phone/recording_transcript/download/1", Answer(body=json.dumps(document).encode()))
    with pytest.raises(Rejected, match="without a timeline"):
        plain_zoom(server).transcript(Recording(id="1"))


def test_a_call_of_last_month_without_a_transcript_is_not_asked_for_one(server: HttpServer) -> None:
    raw: dict[str, Json] = {
        "file_id": "abc",
        "file_at": "api",
        "end_time": "2026-01-01T00:00:00Z",
        "transcript_listed": False,
    }
    server.on("/oauth/token", Answer(body=b'{"access_token": "token", "expires_in": 3600}'))
    server.on("/v2/phone/recording/download/abc", Answer(body=b"audio"))
    with plain_zoom(server).open(Recording(id="1", raw=raw)) as opened:
        assert opened.transcript.state is TranscriptState.NONE


def test_what_is_deleted_is_listed_no_more(zoom: Zoom, simulator: Simulator) -> None:
    recording = listed(zoom)[0]
    assert "trash" in zoom.delete(recording)
    assert recording.id not in {each.id for each in listed(zoom)}
    with pytest.raises(NotFound):
        zoom.delete(recording)
