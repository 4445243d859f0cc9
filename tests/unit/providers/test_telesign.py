"""What is peculiar to TeleSign; what every provider has to do is in the contract's tests."""

from __future__ import annotations

import datetime as dt
from base64 import b64decode
from typing import Any

import pytest

from functions.archiver.errors import (
    CursorRefused,
    NotFound,
    NotReady,
    Outcome,
    Rejected,
    Throttled,
    Unauthorized,
    Unavailable,
)
from functions.archiver.recording import Call, Json, Readiness, Recording, TranscriptState, Window
from functions.providers.telesign import LIST, TeleSign
from tests.doubles.http_server import HttpServer, Reply
from tests.harness.telesign import (
    API_KEY,
    BY_ID,
    FILE,
    ONE,
    OTHER_FILE,
    WINDOW,
    audio_of,
    document,
    link,
    page_of,
    refused,
    row,
    transcribed,
)

# listing


def test_a_window_is_asked_for_in_utc_without_a_zone_and_rounded_outwards(
    server: HttpServer, telesign: TeleSign
) -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    server.on(LIST, page_of())
    telesign.page(Window(start=WINDOW.start.astimezone(east), end=WINDOW.end.astimezone(east)), None)
    assert server.requests[0].query == {
        "start_date_time": "2026-01-01T00:00:00",
        "end_date_time": "2026-01-02T00:00:01",
        "pagesize": "100",
    }


def test_a_request_carries_basic_credentials_and_a_content_type(server: HttpServer, telesign: TeleSign) -> None:
    server.on(LIST, page_of())
    telesign.page(WINDOW, None)
    headers = server.requests[0].headers
    assert b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"1234-ABCD:{API_KEY}"
    assert headers["content-type"] == "application/json"


def test_a_later_page_is_asked_for_by_its_token_alone(server: HttpServer, telesign: TeleSign) -> None:
    server.on(LIST, page_of(row(), token="next one"), page_of(token=None))
    first = telesign.page(WINDOW, None)
    assert first.next_cursor == "next one"
    assert telesign.page(WINDOW, first.next_cursor).next_cursor is None
    assert server.requests[1].query == {"token": "next one"}


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_token_starts_its_window_again(server: HttpServer, telesign: TeleSign, status: int) -> None:
    server.on(LIST, document({"errors": [{"code": -1}]}, status))
    with pytest.raises(CursorRefused):
        telesign.page(WINDOW, "old")


@pytest.mark.parametrize("token", [7, "t" * 4_000])
def test_a_token_goes_on_whatever_it_looks_like(server: HttpServer, telesign: TeleSign, token: Json) -> None:
    server.on(LIST, document({"call_recordings": [], "token": token}), page_of())
    assert telesign.page(WINDOW, telesign.page(WINDOW, None).next_cursor).next_cursor is None
    assert server.requests[1].query == {"token": str(token)}


def test_a_refused_window_is_no_refused_token(server: HttpServer, telesign: TeleSign) -> None:
    server.on(LIST, document({}, 400))
    with pytest.raises(Unavailable):
        telesign.page(WINDOW, None)


def test_each_file_of_a_call_is_a_recording(server: HttpServer, telesign: TeleSign) -> None:
    server.on(LIST, page_of(row(), row(OTHER_FILE)))
    found = telesign.page(WINDOW, None).recordings
    assert [(each.id, each.call_id) for each in found] == [(FILE, ONE), (OTHER_FILE, ONE)]
    assert found[0].recorded_at == dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    assert found[0].recorded_at_raw == "2026-01-01T12:00:00"


def test_a_row_without_a_file_is_a_call_to_look_up(server: HttpServer, telesign: TeleSign) -> None:
    server.on(LIST, page_of(row(None, "recording")))
    page = telesign.page(WINDOW, None)
    assert (page.recordings, page.rows, page.problem) == ([], 1, None)
    assert page.calls == [Call(call_id=ONE, recorded_at=dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC))]


@pytest.mark.parametrize(
    ("status", "readiness"),
    [
        ("available", Readiness.READY),
        ("recording", Readiness.NOT_READY),
        ("deleted", Readiness.GONE),
        ("failed", Readiness.BROKEN),
        ("transmogrified", Readiness.NOT_READY),
    ],
)
def test_only_an_available_file_is_ready(
    server: HttpServer, telesign: TeleSign, status: str, readiness: Readiness
) -> None:
    server.on(LIST, page_of(row(status=status)))
    assert telesign.page(WINDOW, None).recordings[0].readiness is readiness


@pytest.mark.parametrize(
    ("date", "inside"),
    [
        ("2025-12-31T23:59:59", False),
        ("2026-01-01T00:00:00", True),
        ("2026-01-02T00:00:01", True),
        ("2026-01-02T00:00:02", False),
    ],
)
def test_rows_outside_of_the_window_are_left_out(
    server: HttpServer, telesign: TeleSign, date: str, inside: bool
) -> None:
    server.on(LIST, page_of(row(date=date)))
    page = telesign.page(WINDOW, None)
    assert (len(page.recordings), page.rows) == (int(inside), 1)


@pytest.mark.parametrize(
    "broken",
    [
        {"date": None},
        {"date": "soon"},
        {"reference_id": True},
        {"reference_id": "a\nb"},
        {"file_name": 7},
        {"file_name": "a\u0085b.wav"},
        {"file_name": "x" * 1001},
    ],
)
def test_a_row_without_id_or_date_is_a_problem_of_its_page(
    server: HttpServer, telesign: TeleSign, broken: dict[str, Any]
) -> None:
    server.on(LIST, page_of(row(), {**row(OTHER_FILE), **broken}, "nonsense"))
    page = telesign.page(WINDOW, None)
    assert [each.id for each in page.recordings] == [FILE]
    assert page.problem == "2 rows have no usable id or date: number 2, 3 of 3"


def test_a_list_without_its_array_is_no_empty_list(server: HttpServer, telesign: TeleSign) -> None:
    server.on(LIST, document({"token": None}))
    with pytest.raises(Unavailable):
        telesign.page(WINDOW, None)


# refusals


@pytest.mark.parametrize("code", [-30000, -30015, -20002, -10009, -40006])
@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("within", ["errors", "status"])
def test_a_code_about_the_account_is_of_the_source_whatever_the_status(
    server: HttpServer, telesign: TeleSign, code: int, status: int, within: str
) -> None:
    for path in (LIST, BY_ID):
        server.on(path, refused(code, status, within=within))
    with pytest.raises(Unauthorized):
        telesign.page(WINDOW, "a token")
    with pytest.raises(Unauthorized):
        audio_of(telesign)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (refused(-30016, 403), Rejected),
        (refused(-1, 404), NotFound),
        (Reply(status=404, body=b"<html>"), NotFound),
        (document([]), NotFound),
        (document([row("another.wav")]), NotFound),
        (document([row(reference_id="another")]), Rejected),
        (document({"reference_id": ONE}), Rejected),
        (Reply(status=401), Unauthorized),
        (Reply(status=429), Throttled),
        (Reply(status=500), Unavailable),
    ],
)
def test_what_asking_by_id_can_come_to(
    server: HttpServer, telesign: TeleSign, reply: Reply, outcome: type[Outcome]
) -> None:
    server.on(BY_ID, reply)
    with pytest.raises(outcome):
        telesign.describe(FILE)


# asking by id and by call


def test_a_file_is_described_by_its_name_alone(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row(OTHER_FILE), row()]))
    recording = telesign.describe(FILE)
    assert (recording.id, recording.call_id) == (FILE, ONE)


def test_a_call_id_goes_before_the_name(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row("strange.wav", url=link(server))]))
    server.on("/signed", Reply(body=b"RIFF"))
    assert audio_of(telesign, Recording(id="strange.wav", call_id=ONE)) == b"RIFF"


def test_an_id_stays_one_segment_of_the_path(server: HttpServer, telesign: TeleSign) -> None:
    with pytest.raises(NotFound):
        telesign.look_up("a/b?c")
    assert server.paths() == [f"{LIST}/a%2Fb%3Fc"]


def test_a_call_is_looked_up_once_it_has_files(server: HttpServer, telesign: TeleSign) -> None:
    server.on(
        BY_ID,
        Reply(status=404),
        document([row(None, "recording")]),
        document([row(status="recording"), row(None, "recording")]),
        document([row(), row(OTHER_FILE, "deleted")]),
    )
    with pytest.raises(NotFound):
        telesign.look_up(ONE)
    with pytest.raises(NotReady):
        telesign.look_up(ONE)
    assert [each.readiness for each in telesign.look_up(ONE)] == [Readiness.NOT_READY]
    assert [each.readiness for each in telesign.look_up(ONE)] == [Readiness.READY, Readiness.GONE]


def test_a_deleted_call_without_files_ends_its_look_up(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row(None, "deleted")]))
    assert telesign.look_up(ONE) == []


# transcripts


@pytest.mark.parametrize(
    ("transcribe", "state", "text"),
    [
        (None, TranscriptState.NONE, None),
        ({}, TranscriptState.NONE, None),
        (transcribed(("completed", "Hello."), ("completed", "Bye.")), TranscriptState.COMPLETED, "Hello.\nBye."),
        (transcribed(("completed", "Hello."), ("in_progress", None)), TranscriptState.PENDING, None),
        (transcribed(("failed", None), ("in_progress", None)), TranscriptState.PENDING, None),
        (transcribed(("completed", "Hello."), ("failed", None)), TranscriptState.FAILED, None),
        (transcribed(("completed", None)), TranscriptState.COMPLETED, ""),
        (transcribed(), TranscriptState.PENDING, None),
    ],
)
def test_a_transcript_is_completed_when_all_its_parts_are(
    server: HttpServer, telesign: TeleSign, transcribe: Json, state: TranscriptState, text: str | None
) -> None:
    server.on(BY_ID, document([row(OTHER_FILE), row(transcribe=transcribe)]))
    transcript = telesign.transcript(Recording(id=FILE, call_id=ONE))
    assert (transcript.state, transcript.text) == (state, text)
    assert server.paths() == [BY_ID]


def test_a_transcript_comes_along_with_the_audio(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row(url=link(server), transcribe=transcribed(("completed", "Hello.")))]))
    server.on("/signed", Reply(body=b"RIFF"))
    with telesign.open(Recording(id=FILE)) as opened:
        assert (opened.transcript.text, opened.transcript.language) == ("Hello.", "en-US")


# deleting


def test_deleting_a_recording_deletes_its_call(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, Reply(status=204))
    assert telesign.delete(Recording(id=FILE, call_id=ONE)) == f"deleted all recordings of call {ONE}"
    assert [seen.method for seen in server.requests] == ["DELETE"]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"reference_id": ONE, "succeed_delete": [FILE], "failed_delete": [OTHER_FILE, "x"]}, Rejected),
        ("busy", Unavailable),
    ],
)
def test_a_delete_that_failed_in_part_says_so_and_is_not_repeated(
    server: HttpServer, telesign: TeleSign, body: Json, outcome: type[Outcome]
) -> None:
    server.on(BY_ID, document(body, 503))
    with pytest.raises(outcome) as caught:
        telesign.delete(Recording(id=FILE, call_id=ONE))
    assert len(server.requests) == 1
    assert outcome is Unavailable or "deleted 1 files of the call and failed to delete 2" in str(caught.value)
