"""What is peculiar to Kazoo; what every provider has to do is in the contract's tests."""

from __future__ import annotations

import datetime as dt
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
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
from functions.archiver.recording import Json, Readiness, Recording, Window
from functions.providers.kazoo import YEAR_ZERO, Kazoo
from tests.doubles.http_server import HttpServer, Reply, Seen
from tests.harness.kazoo import ACCOUNT, ONE, provider_at

TOKENS, LIST = "/v2/api_auth", f"/v2/accounts/{ACCOUNT}/recordings"
BY_ID = f"{LIST}/{ONE}"
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
WINDOW = Window(start=NOON, end=NOON + dt.timedelta(hours=1, microseconds=1))
MP3 = Reply(headers={"Content-Type": "audio/mpeg"}, body=b"\xff\xfbaudio")


def gregorian(moment: dt.datetime) -> int:
    return int(moment.timestamp()) + YEAR_ZERO


START = gregorian(NOON) + 60


def row(id_: str = ONE, *, start: Json = START, **fields: Any) -> dict[str, Json]:
    return {"id": id_, "start": start, "duration": 30, "call_id": "c1", **fields}


def envelope(data: Json, code: int = 200, **more: Json) -> Reply:
    document = {"data": data, "status": "success", "auth_token": "leak", **more}
    return Reply(status=code, headers={"Content-Type": "application/json"}, body=json.dumps(document).encode())


def jwt(**claims: Json) -> str:
    return f"head.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.sign"


def by_accept(audio: Reply, document: Reply, query: Reply | None = None) -> Callable[[Seen], Reply]:
    """One URL for both, as Kazoo has it. `query` is the answer to the parameter that replaces the header."""

    def answer(seen: Seen) -> Reply:
        if seen.query.get("accept") == "audio/mpeg":
            return query or audio
        return audio if seen.headers["accept"] == "audio/mpeg" else document

    return answer


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        running.on(TOKENS, envelope({}, 201, auth_token=jwt(exp=time.time() + 3600)))
        yield running


def audio_of(kazoo: Kazoo) -> bytes:
    with kazoo.open(Recording(id=ONE)) as opened:
        return b"".join(opened.body.chunks())


# tokens


def test_an_api_key_is_exchanged_once_for_a_token(server: HttpServer) -> None:
    server.on(LIST, envelope([]))
    kazoo = provider_at(server)
    kazoo.page(WINDOW, None)
    kazoo.page(WINDOW, None)
    assert server.paths() == [TOKENS, LIST, LIST]
    assert (server.requests[0].method, json.loads(server.requests[0].body)) == ("PUT", {"data": {"api_key": "k" * 64}})
    assert server.requests[2].headers["x-auth-token"].startswith("head.")


@pytest.mark.parametrize(
    "token",
    [jwt(exp=2**33), jwt(exp=0), jwt(exp=True), jwt(exp=10**400), jwt(exp="soon"), jwt(), "opaque", "a.b.c", "a.W10.c"],
)
def test_whatever_a_token_tells_of_its_expiry_it_is_used(server: HttpServer, token: str) -> None:
    server.on(TOKENS, envelope({}, 201, auth_token=token))
    server.on(LIST, envelope([]))
    kazoo = provider_at(server)
    kazoo.page(WINDOW, None)
    kazoo.page(WINDOW, None)
    assert server.paths() == [TOKENS, LIST, LIST]


def test_a_token_is_fetched_again_before_it_expires(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    server.on(TOKENS, lambda seen: envelope({}, 201, auth_token=jwt(exp=time.time() + 3600)))
    server.on(LIST, envelope([]))
    kazoo = provider_at(server)
    kazoo.page(WINDOW, None)
    monkeypatch.setattr(time, "time", lambda: now() + 3590)
    kazoo.page(WINDOW, None)
    assert server.paths() == [TOKENS, LIST, TOKENS, LIST]


def test_a_refused_token_is_fetched_again_once(server: HttpServer) -> None:
    server.on(LIST, Reply(status=401), envelope([]), Reply(status=401))
    kazoo = provider_at(server)
    kazoo.page(WINDOW, None)
    assert server.paths() == [TOKENS, LIST, TOKENS, LIST]
    with pytest.raises(Unauthorized):
        kazoo.page(WINDOW, None)


@pytest.mark.parametrize(
    "reply",
    [
        envelope({}, 404),
        Reply(status=401),
        envelope({}, 201, auth_token=None),
        envelope({}, 201, auth_token="two words"),
        envelope({}, 201, auth_token="a\r\nX-Other: b"),
    ],
)
def test_an_unknown_key_is_unauthorized(server: HttpServer, reply: Reply) -> None:
    server.on(TOKENS, reply)
    with pytest.raises(Unauthorized):
        provider_at(server).page(WINDOW, None)


def test_a_given_token_is_used_as_it_is_and_never_renewed(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(LIST, Reply(status=401))
    with pytest.raises(Unauthorized):
        kazoo.page(WINDOW, None)
    assert [seen.headers["x-auth-token"] for seen in server.requests] == ["given"]


# listing


def test_a_window_is_asked_for_in_gregorian_seconds_on_every_page(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(LIST, envelope([row()], next_start_key="g2wAAA_-"), envelope([]))
    first = kazoo.page(WINDOW, None)
    assert kazoo.page(WINDOW, first.next_cursor).next_cursor is None
    window = {
        "created_from": str(gregorian(NOON)),
        "created_to": str(gregorian(NOON) + 3601),
        "ascending": "true",
        "page_size": "100",
    }
    assert [dict(seen.query) for seen in server.requests] == [window, {**window, "start_key": "g2wAAA_-"}]


def test_times_are_utc_and_kept_as_they_were_written(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(LIST, envelope([row(start=63_934_488_060)]))
    recording = kazoo.page(Window(start=NOON, end=NOON + dt.timedelta(days=365)), None).recordings[0]
    assert recording.recorded_at == dt.datetime(2026, 1, 1, 12, 1, tzinfo=dt.UTC)
    assert recording.recorded_at_raw == "63934488060"


def test_users_with_few_recordings_share_a_page(server: HttpServer) -> None:
    paths = [f"/v2/accounts/{ACCOUNT}/users/{user}/recordings" for user in ("a", "b", "c%2Fd")]
    for path, rows in zip(paths, ([row("1")], [], [row("3")]), strict=True):
        server.on(path, envelope(rows))
    page = provider_at(server, users=["c/d", "a", "b", "a"]).page(WINDOW, None)
    assert [recording.id for recording in page.recordings] == ["1", "3"]
    assert page.next_cursor is None
    assert server.paths() == [TOKENS, *paths]


def test_a_cursor_goes_on_within_a_user_and_then_to_the_next(server: HttpServer) -> None:
    first, second = (f"/v2/accounts/{ACCOUNT}/users/{user}/recordings" for user in "ab")
    server.on(first, envelope([row("1")], next_start_key="x:y"), envelope([row("2")]))
    server.on(second, envelope([row("3")]))
    users = provider_at(server, users=["a", "b"])
    begun = users.page(WINDOW, None)
    assert [recording.id for recording in begun.recordings] == ["1"]
    ended = users.page(WINDOW, begun.next_cursor)
    assert [recording.id for recording in ended.recordings] == ["2", "3"]
    assert ended.next_cursor is None
    assert [seen.query.get("start_key") for seen in server.requests[1:]] == [None, "x:y", None]


def test_a_full_page_goes_on_with_the_next_user_later(server: HttpServer) -> None:
    first, second = (f"/v2/accounts/{ACCOUNT}/users/{user}/recordings" for user in "ab")
    server.on(first, envelope([row(str(n)) for n in range(100)]))
    server.on(second, envelope([row("last")]))
    users = provider_at(server, users=["a", "b"])
    page = users.page(WINDOW, None)
    assert (len(page.recordings), page.next_cursor) == (100, "1:")
    assert [each.id for each in users.page(WINDOW, page.next_cursor).recordings] == ["last"]


def test_a_page_asks_for_at_most_twenty_users(server: HttpServer) -> None:
    users = [f"{n:02}" for n in range(30)]
    for user in users:
        server.on(f"/v2/accounts/{ACCOUNT}/users/{user}/recordings", envelope([]))
    kazoo = provider_at(server, users=users)
    assert kazoo.page(WINDOW, None).next_cursor == "20:"
    assert kazoo.page(WINDOW, "20:").next_cursor is None


@pytest.mark.parametrize("cursor", ["1:", "x:", "-1:", "99:abc"])
def test_a_cursor_of_a_user_who_is_no_longer_archived_is_refused(kazoo: Kazoo, cursor: str) -> None:
    with pytest.raises(CursorRefused):
        kazoo.page(WINDOW, cursor)


def test_a_refused_start_key_starts_its_window_again(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(LIST, envelope({}, 400))
    with pytest.raises(CursorRefused):
        kazoo.page(WINDOW, "0:old")
    with pytest.raises(Unavailable):
        kazoo.page(WINDOW, None)


@pytest.mark.parametrize(
    ("start", "duration", "inside"),
    [
        (NOON - dt.timedelta(hours=8), 8 * 3600, True),  # a long call that ended as the window began
        (NOON - dt.timedelta(hours=8), 60, False),
        (NOON - dt.timedelta(hours=8), None, True),
        (NOON - dt.timedelta(hours=26), None, False),
        (WINDOW.end + dt.timedelta(minutes=30), 10, True),
        (WINDOW.end + dt.timedelta(hours=2), 10, False),
    ],
)
def test_a_row_is_inside_when_its_document_can_have_been_made_within_the_window(
    server: HttpServer, kazoo: Kazoo, start: dt.datetime, duration: int | None, inside: bool
) -> None:
    server.on(LIST, envelope([row(start=gregorian(start), duration=duration)]))
    page = kazoo.page(WINDOW, None)
    assert (len(page.recordings), page.rows) == (int(inside), 1)


@pytest.mark.parametrize(
    ("told", "readiness"),
    [
        ({"content_types": ["audio/mpeg"]}, Readiness.READY),
        ({"content_types": []}, Readiness.NOT_READY),
        ({}, Readiness.READY),
        (None, Readiness.READY),
    ],
)
def test_only_an_empty_array_of_content_types_means_no_audio_yet(
    server: HttpServer, kazoo: Kazoo, told: Json, readiness: Readiness
) -> None:
    server.on(LIST, envelope([row(_read_only=told)]))
    assert kazoo.page(WINDOW, None).recordings[0].readiness is readiness


def test_neither_the_envelope_nor_a_storage_url_is_kept(server: HttpServer, kazoo: Kazoo) -> None:
    kept: dict[str, Any] = {"custom_channel_vars": {"a": "b"}}
    server.on(LIST, envelope([row(url="https://user:pass@store", auth_token="leak", **kept)]))
    raw = kazoo.page(WINDOW, None).recordings[0].raw
    assert raw == row(**kept)


@pytest.mark.parametrize(
    "broken",
    [
        row(start=None),
        row(start=1_767_268_800),
        row(start=10**14),
        row(start=10**300),
        row(id_=""),
        row(id_="a\x00"),
        7,
    ],
)
def test_a_row_without_id_or_date_is_a_problem_of_its_page(server: HttpServer, kazoo: Kazoo, broken: Json) -> None:
    server.on(LIST, envelope([row(), broken]))
    page = kazoo.page(WINDOW, None)
    assert [each.id for each in page.recordings] == [ONE]
    assert page.problem == "1 row has no usable id or date: number 2 of 2"


@pytest.mark.parametrize("reply", [envelope({}), envelope([], next_start_key=["a"]), envelope([], status="fatal")])
def test_a_list_without_its_array_is_no_empty_list(server: HttpServer, kazoo: Kazoo, reply: Reply) -> None:
    server.on(LIST, reply)
    with pytest.raises(Unavailable):
        kazoo.page(WINDOW, None)


def test_a_429_needs_no_retry_after(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(LIST, Reply(status=429))
    with pytest.raises(Throttled) as caught:
        kazoo.page(WINDOW, None)
    assert caught.value.retry_after is None


# opening


def test_audio_is_asked_for_by_the_accept_header_alone(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(BY_ID, by_accept(MP3, envelope(row())))
    assert audio_of(kazoo) == MP3.body
    assert [(seen.headers["accept"], seen.query) for seen in server.requests] == [("audio/mpeg", {})]


def test_the_parameter_helps_where_the_header_does_not(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(BY_ID, by_accept(envelope(row()), envelope(row()), query=MP3))
    assert audio_of(kazoo) == MP3.body


@pytest.mark.parametrize(
    ("document", "outcome", "requests"),
    [(row(_read_only={"content_types": []}), NotReady, 1), (row(), Rejected, 2), ("nonsense", Rejected, 2)],
)
def test_a_document_in_place_of_audio_is_never_audio(
    server: HttpServer, kazoo: Kazoo, document: Json, outcome: type[Outcome], requests: int
) -> None:
    server.on(BY_ID, envelope(document))
    with pytest.raises(outcome):
        audio_of(kazoo)
    assert len(server.requests) == requests


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        (envelope(row()), NotReady),
        (envelope(row(_read_only={"content_types": []})), NotReady),
        (envelope({}, 404), NotFound),
        (envelope(row("another")), Rejected),
        (Reply(status=500), Unavailable),
    ],
)
def test_the_document_tells_what_a_404_for_audio_means(
    server: HttpServer, kazoo: Kazoo, document: Reply, outcome: type[Outcome]
) -> None:
    server.on(BY_ID, by_accept(Reply(status=404), document))
    with pytest.raises(outcome):
        audio_of(kazoo)


def test_a_recording_is_described_by_its_document(server: HttpServer, kazoo: Kazoo) -> None:
    names: dict[str, Any] = {"from": "alice@realm", "to": "bob@realm", "caller_id_number": "+1", "owner_id": "u"}
    server.on(BY_ID, by_accept(MP3, envelope(row(**names, duration_ms=30_500, direction="inbound"))))
    recording = kazoo.describe(ONE)
    assert (recording.from_number, recording.to_number, recording.agent) == ("+1", "bob@realm", "u")
    assert (recording.duration_seconds, recording.call_id, recording.direction) == (30.5, "c1", "inbound")


# deleting and annotating


def test_deleting_says_that_audio_elsewhere_stays(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(BY_ID, envelope(row(_read_only={"deleted": True})), Reply(status=404))
    assert "storage provider stays" in kazoo.delete(Recording(id=ONE))
    assert server.requests[0].method == "DELETE"
    with pytest.raises(NotFound):
        kazoo.delete(Recording(id=ONE))


@pytest.mark.parametrize("status", ["error", "fatal"])
def test_an_envelope_of_an_error_is_a_refusal_whatever_its_status(
    server: HttpServer, kazoo: Kazoo, status: str
) -> None:
    server.on(BY_ID, Reply(body=json.dumps({"status": status, "data": {}}).encode()))
    with pytest.raises(Rejected, match=status):
        kazoo.delete(Recording(id=ONE))
    with pytest.raises(Rejected, match=status):
        kazoo.annotate(ONE, {"tags": {}})


def test_notes_go_to_the_user_metadata(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(BY_ID, envelope(row()))
    kazoo.annotate(ONE, {"tags": {"important": 1}})
    sent = server.requests[0]
    assert (sent.method, json.loads(sent.body)) == ("PATCH", {"data": {"user_metadata": {"tags": {"important": 1}}}})


def test_a_version_without_notes_is_named(server: HttpServer, kazoo: Kazoo) -> None:
    server.on(BY_ID, Reply(status=405))
    with pytest.raises(Rejected, match="version 5"):
        kazoo.annotate(ONE, {})
