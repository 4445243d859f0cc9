"""What is peculiar to babelforce; what every provider has to do is in the contract's tests."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.archiver.errors import BadEvent, NotFound, Rejected, Unauthorized, Unverified
from functions.archiver.provider.delivery import Delivery, Hint
from functions.archiver.provider.provider import Account
from functions.archiver.recording import Json, Recording
from functions.archiver.secret import Secret
from functions.providers.babelforce import LIST, Babelforce
from tests.doubles.http_client import http_to
from tests.doubles.http_server import HttpServer, Reply

ONE, HYPHENATED = "0ed866c1f8b44727827daaaf7e7b098c", "0ED866C1-f8b4-4727-827d-aaaf7e7b098c"
BY_ID, BULK = f"{LIST}/{ONE}", f"{LIST}/bulk/delete"
TOKEN = Reply(body=b'{"access_token": "tok", "expires_in": 3600}')


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        running.on("/oauth/token", TOKEN)
        yield running


def provider_at(server: HttpServer, **credentials: str) -> Babelforce:
    secrets = {name: Secret(value) for name, value in credentials.items()}
    return Babelforce(http_to(server.url), Account(source="here", base_url=server.url, credentials=secrets))


@pytest.fixture
def babelforce(server: HttpServer) -> Babelforce:
    return provider_at(server, client_id="id", client_secret="hidden")


# credentials


def test_client_credentials_become_a_bearer_token_that_is_kept(server: HttpServer, babelforce: Babelforce) -> None:
    server.on(BY_ID, Reply())
    babelforce.delete(Recording(id=ONE))
    babelforce.delete(Recording(id=ONE))
    assert server.paths() == ["/oauth/token", BY_ID, BY_ID]
    assert server.requests[0].body == b"grant_type=client_credentials&client_id=id&client_secret=hidden"
    assert server.requests[2].headers["authorization"] == "Bearer tok"


@pytest.mark.parametrize("life", [10**400, "soon", None, -1, True])
def test_a_life_that_makes_no_sense_does_not_lose_the_token(
    server: HttpServer, babelforce: Babelforce, life: Json
) -> None:
    server.on("/oauth/token", Reply(body=json.dumps({"access_token": "tok", "expires_in": life}).encode()))
    server.on(BY_ID, Reply())
    babelforce.delete(Recording(id=ONE))
    assert server.requests[1].headers["authorization"] == "Bearer tok"


def test_a_refused_client_is_unauthorized(server: HttpServer, babelforce: Babelforce) -> None:
    server.on("/oauth/token", Reply(status=400))
    with pytest.raises(Unauthorized):
        babelforce.delete(Recording(id=ONE))


def test_the_older_pair_goes_into_headers(server: HttpServer) -> None:
    server.on(BY_ID, Reply())
    provider_at(server, access_id="id", access_token="hidden").delete(Recording(id=ONE))
    headers = server.requests[0].headers
    assert (headers["x-auth-access-id"], headers["x-auth-access-token"]) == ("id", "hidden")


# deleting and annotating


def test_a_recording_is_deleted_by_its_id_without_hyphens(server: HttpServer, babelforce: Babelforce) -> None:
    server.on(BY_ID, Reply(), Reply(status=404))
    assert babelforce.delete(Recording(id=HYPHENATED)) == f"deleted recording {HYPHENATED}"
    assert server.requests[1].method == "DELETE"
    with pytest.raises(NotFound):
        babelforce.delete(Recording(id=ONE))


@pytest.mark.parametrize("told", [{"success": False, "message": "Access denied"}, {"success": False}])
def test_an_answer_that_denies_success_is_a_refusal_whatever_its_status(
    server: HttpServer, babelforce: Babelforce, told: Json
) -> None:
    server.on(BY_ID, Reply(body=json.dumps(told).encode()))
    with pytest.raises(Rejected, match="without success"):
        babelforce.delete(Recording(id=ONE))
    with pytest.raises(Rejected, match="without success"):
        babelforce.annotate(ONE, {"tags": ["one"]})


def test_several_are_deleted_in_one_request(server: HttpServer, babelforce: Babelforce) -> None:
    told = {"success": True, "items": [{"id": ONE, "success": True}, {"id": "another", "success": True}]}
    server.on(BULK, Reply(body=json.dumps(told).encode()))
    assert babelforce.delete_many([HYPHENATED, "another"]) == {HYPHENATED: True, "another": True}
    assert json.loads(server.requests[1].body) == {"ids": [ONE, "another"]}


def test_a_bulk_delete_says_of_each_recording_whether_it_went(server: HttpServer, babelforce: Babelforce) -> None:
    items = [{"id": ONE, "success": True}, {"id": "another", "success": False}, {"id": "nobody's", "success": True}, 7]
    server.on(BULK, Reply(body=json.dumps({"success": True, "items": items}).encode()))
    assert babelforce.delete_many([ONE, "another", "unspoken"]) == {ONE: True, "another": False}


@pytest.mark.parametrize("told", [{"items": [], "success": False}, {}, [], "done", {"items": "all"}])
def test_a_bulk_delete_without_a_word_about_any_recording_is_none(
    server: HttpServer, babelforce: Babelforce, told: Json
) -> None:
    server.on(BULK, Reply(body=json.dumps(told).encode()))
    with pytest.raises(Rejected, match="without a word"):
        babelforce.delete_many([ONE, "another"])


def test_tags_are_put_in_place_of_the_old_ones(server: HttpServer, babelforce: Babelforce) -> None:
    server.on(BY_ID, Reply())
    babelforce.annotate(HYPHENATED, {"tags": ["one", "two"]})
    assert (server.requests[1].method, json.loads(server.requests[1].body)) == ("PUT", {"tags": ["one", "two"]})


@pytest.mark.parametrize("notes", [{}, {"tags": "one"}, {"tags": ["one", 2]}, {"tags": ["one"], "more": 1}])
def test_notes_that_are_no_tags_are_refused_before_any_request(
    server: HttpServer, babelforce: Babelforce, notes: dict[str, Json]
) -> None:
    with pytest.raises(Rejected, match="tags only"):
        babelforce.annotate(ONE, notes)
    assert server.requests == []


# events


def delivery(body: bytes = b"", **more: Any) -> Delivery:
    now = dt.datetime.now(dt.UTC)
    return Delivery(**{"headers": {"x-webhook-secret": "s"}, "query": {}, "body": body, "received_at": now, **more})


@pytest.mark.parametrize(
    "sent",
    [
        delivery(json.dumps({"recording_id": HYPHENATED}).encode()),
        delivery(json.dumps({"id": ONE}).encode()),
        delivery(json.dumps({"recording": {"id": ONE}}).encode()),
        delivery(f"recording.id={ONE}".encode()),
        delivery(query={"recording_id": ONE}),
        delivery(query={"id": ONE}, headers={}, path_secret=Secret("s")),
    ],
)
def test_an_event_names_a_recording_that_is_ready(babelforce: Babelforce, sent: Delivery) -> None:
    assert babelforce.event(sent, [Secret("new"), Secret("s")]) == Hint(recording_id=ONE, ready=True)


def test_an_event_without_the_secret_is_not_believed(babelforce: Babelforce) -> None:
    for sent in (delivery(b"["), delivery(query={"id": ONE})):
        with pytest.raises(Unverified):
            babelforce.event(sent, [Secret("another"), Secret("")])


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"id": 7}', b'{"id": "' + b"x" * 1001 + b'"}'])
def test_an_event_that_names_no_recording_is_refused(babelforce: Babelforce, body: bytes) -> None:
    with pytest.raises(BadEvent):
        babelforce.event(delivery(body), [Secret("s")])
