"""What is peculiar to TeleSign; what every provider has to do is in the contract's tests."""

from __future__ import annotations

import datetime as dt
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from functions.archiver.errors import (
    BadEvent,
    CursorRefused,
    Gone,
    NotFound,
    NotReady,
    Outcome,
    Rejected,
    Throttled,
    Unauthorized,
    Unavailable,
    Unverified,
)
from functions.archiver.provider.delivery import Delivery, Hint
from functions.archiver.provider.provider import Account
from functions.archiver.recording import Call, Json, Readiness, Recording, TranscriptState, Window
from functions.archiver.secret import Secret
from functions.providers.telesign import LIST, TeleSign
from tests.doubles.http_client import Slots, http_to
from tests.doubles.http_server import HttpServer, Reply

API_KEY = b64encode(b"the signing key").decode()
KEYS = {"customer_id": Secret("1234-ABCD"), "api_key": Secret(API_KEY)}
WINDOW = Window(
    start=dt.datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=dt.UTC),
    end=dt.datetime(2026, 1, 2, 0, 0, 0, 1, tzinfo=dt.UTC),
)
ONE = "D596D7B0D1800164898350B4E71B005B"
FILE, OTHER_FILE = f"{ONE}_1767225611.wav", f"{ONE}_1767225701.wav"
BY_ID = f"{LIST}/{ONE}"


def row(file_name: str | None = FILE, status: str = "available", **fields: Any) -> dict[str, Json]:
    return {"reference_id": ONE, "file_name": file_name, "status": status, "date": "2026-01-01T12:00:00", **fields}


def page_of(*rows: Json, token: str | None = None) -> Reply:
    return document({"call_recordings": rows, "token": token})


def document(value: Json, status: int = 200) -> Reply:
    return Reply(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(value).encode())


def refused(code: int, status: int, *, within: str = "errors") -> Reply:
    told: dict[str, Json] = {"errors": [{"code": code}]} if within == "errors" else {"status": {"code": code}}
    return document(told, status)


def transcribed(*parts: tuple[str, str | None]) -> dict[str, Json]:
    return {"language_code": "en-US", "transcription": [{"status": status, "result": text} for status, text in parts]}


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@pytest.fixture
def slots() -> Slots:
    return Slots()


@pytest.fixture
def telesign(server: HttpServer, slots: Slots) -> TeleSign:
    http = http_to(server.url, slots, secrets=[KEYS["api_key"]])
    return TeleSign(http, Account(source="here", base_url=server.url, credentials=KEYS))


def link(server: HttpServer, path: str = "/signed") -> str:
    return f"{server.url}{path}?Expires=1&Signature=s1gned&Key-Pair-Id=K"


def audio_of(telesign: TeleSign, recording: Recording | None = None) -> bytes:
    with telesign.open(recording or Recording(id=FILE, call_id=ONE)) as opened:
        return b"".join(opened.body.chunks())


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
        {"reference_id": 7},
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


# opening


def test_audio_comes_by_a_link_resolved_right_before(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row(url=link(server))]))
    server.on("/signed", Reply(body=b"RIFF"))
    assert audio_of(telesign) == b"RIFF"
    assert server.paths() == [BY_ID, "/signed"]
    assert server.requests[1].query["Signature"] == "s1gned"


def test_a_signed_link_elsewhere_sees_no_credentials_and_takes_no_slot(
    server: HttpServer, telesign: TeleSign, slots: Slots
) -> None:
    with HttpServer() as cdn:
        cdn.on("/signed", Reply(body=b"RIFF"))
        server.on(BY_ID, document([row(url=link(cdn).replace("127.0.0.1", "localhost"))]))
        assert audio_of(telesign) == b"RIFF"
        assert "authorization" not in cdn.requests[0].headers
    assert slots.booked == ["lookup"]


def test_a_link_that_expired_is_resolved_again(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row(url=link(server))]), document([row(url=link(server, "/fresh"))]))
    server.on("/signed", Reply(status=403))
    server.on("/fresh", Reply(body=b"RIFF"))
    assert audio_of(telesign) == b"RIFF"


def test_a_link_refused_twice_is_not_resolved_a_third_time(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row(url=link(server))]))
    server.on("/signed", Reply(status=403))
    with pytest.raises(Rejected) as caught:
        audio_of(telesign)
    assert len(server.requests) == 4
    assert "signed=" not in str(caught.value).lower()


def test_a_link_to_nothing_does_not_say_that_the_recording_was_deleted(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row(url=link(server))]))
    server.on("/signed", Reply(status=404))
    with pytest.raises(Rejected):
        audio_of(telesign)


def test_a_link_that_says_gone_is_believed(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row(url=link(server))]))
    server.on("/signed", Reply(status=410))
    with pytest.raises(Gone):
        audio_of(telesign)


@pytest.mark.parametrize(
    ("listed", "outcome"),
    [
        (row(status="deleted"), Gone),
        (row(status="failed"), Rejected),
        (row(status="recording", url="https://x"), NotReady),
        (row(url=None), NotReady),
    ],
)
def test_a_file_that_is_not_available_is_not_fetched(
    server: HttpServer, telesign: TeleSign, listed: Json, outcome: type[Outcome]
) -> None:
    server.on(BY_ID, document([listed]))
    with pytest.raises(outcome):
        audio_of(telesign)
    assert server.paths() == [BY_ID]


def test_opening_a_file_reveals_the_others_of_its_call(server: HttpServer, telesign: TeleSign) -> None:
    unnamed = row(None, "recording")
    server.on(BY_ID, document([row(OTHER_FILE, "recording"), row(url=link(server)), unnamed]))
    server.on("/signed", Reply(body=b"RIFF"))
    with telesign.open(Recording(id=FILE, call_id=ONE)) as opened:
        assert [(each.id, each.readiness) for each in opened.siblings] == [(OTHER_FILE, Readiness.NOT_READY)]
        assert opened.recording is not None
        assert opened.recording.id == FILE


def test_the_name_comes_from_the_row_and_not_from_the_link(server: HttpServer, telesign: TeleSign) -> None:
    server.on(BY_ID, document([row(url=link(server, "/D5EF_1631039244.wav"))]))
    assert telesign.look_up(ONE)[0].id == FILE


def test_neither_link_nor_signature_nor_transcript_is_kept(server: HttpServer, telesign: TeleSign) -> None:
    more: dict[str, Any] = {"more": [{"player": "https://x/?SIGNATURE=abc"}], "kept": {"a": [1]}}
    server.on(BY_ID, document([row(url=link(server), transcribe=transcribed(("completed", "Hi")), **more)]))
    recording = telesign.describe(FILE)
    assert recording.link is None
    assert recording.raw["kept"] == {"a": [1]}
    text = json.dumps(recording.raw).lower()
    assert "signature" not in text
    assert "transcribe" not in text


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


# events

EVENT = json.dumps({"event": "call_completed", "reference_id": ONE}).encode()


def signed(body: bytes = EVENT, key: bytes = b"the signing key", customer: str = "1234-ABCD") -> str:
    return f"TSA {customer}:{b64encode(hmac.digest(key, body, 'sha256')).decode()}"


def delivery(headers: Mapping[str, str], body: bytes = EVENT, **more: Any) -> Delivery:
    return Delivery(headers=headers, query={}, body=body, received_at=dt.datetime.now(dt.UTC), **more)


@pytest.mark.parametrize("header", ["authorization", "x-ts-authorization"])
def test_a_signed_event_is_a_call_to_look_up_later(telesign: TeleSign, header: str) -> None:
    assert telesign.event(delivery({header: signed()}), []) == Hint(call_id=ONE, ready=False)


def test_a_key_in_rotation_signs_as_well(telesign: TeleSign) -> None:
    new_key = Secret(b64encode(b"new").decode())
    sent = delivery({"authorization": signed(key=b"new")})
    assert telesign.event(sent, [Secret("no base64!"), Secret(""), new_key]) == Hint(call_id=ONE)
    with pytest.raises(Unverified):
        telesign.event(sent, [])


@pytest.mark.parametrize(
    "header",
    [
        "",
        "TSA",
        signed(EVENT + b" "),
        signed(key=b"another"),
        signed(key=b""),
        signed(customer="another"),
        signed().replace("TSA", "Basic"),
        f"TSA 1234-ABCD:{API_KEY}",
        "TSA 1234-ABCD:\ud800",
    ],
)
def test_an_event_that_is_not_signed_is_not_believed(telesign: TeleSign, header: str) -> None:
    with pytest.raises(Unverified):
        telesign.event(delivery({"authorization": header}), [Secret("")])


def test_the_secret_of_the_path_does_not_replace_the_signature(telesign: TeleSign) -> None:
    with pytest.raises(Unverified):
        telesign.event(delivery({"x-webhook-secret": "abcd"}, path_secret=Secret("abcd")), [Secret("abcd")])


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b'"x"', b"{}", b'{"reference_id": 7}', b'{"reference_id": "a\\u0000"}', b"[" * 100_000]
)
def test_a_signed_event_that_makes_no_sense_is_refused(telesign: TeleSign, body: bytes) -> None:
    with pytest.raises(BadEvent):
        telesign.event(delivery({"authorization": signed(body)}, body), [])


def test_a_body_that_is_no_json_is_not_read_before_its_sender_is_verified(telesign: TeleSign) -> None:
    with pytest.raises(Unverified):
        telesign.event(delivery({}, b"["), [])
