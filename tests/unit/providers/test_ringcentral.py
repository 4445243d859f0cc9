"""What is peculiar to RingCentral, against its simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.archiver.errors import (
    BadEvent,
    Misconfigured,
    NotFound,
    NotReady,
    Rejected,
    Throttled,
    Unauthorized,
    Unverified,
)
from functions.archiver.http.auth import MemoryTokens
from functions.archiver.provider.delivery import Delivery, Hint, Ignored, Reply, Said
from functions.archiver.provider.provider import Account
from functions.archiver.recording import Recording, Window
from functions.archiver.secret import Secret
from functions.providers.ringcentral import EVENTS, RingCentral
from simulators.providers.ringcentral import RingCentral as Simulator
from tests.doubles.http_client import Slots, http_to
from tests.doubles.http_server import HttpServer
from tests.doubles.http_server import Reply as Answer

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
WINDOW = Window(start=START, end=START + timedelta(days=2))
SHORT: dict[str, Any] = {"start": START, "span": timedelta(hours=40), "sizes": (4_000, 6_000)}
CREDENTIALS = {name: Secret(f"the-{name}") for name in ("client_id", "client_secret", "jwt")}
URL = "https://hooks.example.com/webhooks/acme"


def client_of(simulator: Simulator, slots: Slots | None = None, tokens: MemoryTokens | None = None) -> RingCentral:
    account = Account(
        source="acme",
        base_url=simulator.base_url,
        credentials={name: Secret(value) for name, value in simulator.secret.items()},
        options=simulator.options,
        share_token=(lambda fetch, refused: tokens.get("acme", fetch, refused)) if tokens else None,
    )
    declared = RingCentral.declaration
    http = http_to(
        simulator.base_url,
        slots,
        origins=declared.origins(simulator.options),
        limit_headers=declared.limit_headers,
    )
    return RingCentral(http, account)


def plain_client(server: HttpServer) -> RingCentral:
    options = {"media_url": server.url}
    server.on("/restapi/oauth/token", Answer(body=b'{"access_token": "token", "expires_in": 3600}'))
    account = Account(source="acme", base_url=server.url, credentials=CREDENTIALS, options=options)
    declared = RingCentral.declaration
    http = http_to(server.url, Slots(), origins=declared.origins(options), limit_headers=declared.limit_headers)
    return RingCentral(http, account)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(recordings=9, legs_every=3, **SHORT) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> RingCentral:
    return client_of(simulator)


def listed(client: RingCentral, window: Window = WINDOW) -> list[Recording]:
    found: list[Recording] = []
    cursor = None
    while True:
        page = client.page(window, cursor)
        found += page.recordings
        cursor = page.next_cursor
        if cursor is None:
            return found


def fetched(client: RingCentral, recording: Recording) -> bytes:
    with client.open(recording) as opened:
        return b"".join(opened.body.chunks())


def log_of(server: HttpServer, **document: Any) -> None:
    server.on("/restapi/v1.0/account/~/call-log", Answer(body=json.dumps(document).encode()))


# listing


def test_the_recordings_of_all_legs_are_listed_once_each_under_their_call(
    client: RingCentral, simulator: Simulator
) -> None:
    found = {each.id: each.call_id for each in listed(client)}
    assert found == {each.id: each.call_id for each in simulator.recordings.values()}
    assert len(set(found.values())) == 6
    assert len(client.page(WINDOW, None).recordings) == 9


def test_a_leg_that_begins_after_the_window_belongs_to_the_window_of_its_call(server: HttpServer) -> None:
    call = {"startTime": "2026-03-01T09:59:59Z", "telephonySessionId": "s-1", "recording": {"id": "1"}}
    leg = {"startTime": "2026-03-01T10:30:00Z", "recording": {"id": "2"}}
    log_of(server, records=[{**call, "legs": [call, leg]}], navigation={})
    end = datetime(2026, 3, 1, 10, tzinfo=UTC)
    found = plain_client(server).page(Window(start=end - timedelta(hours=1), end=end), None).recordings
    assert [(each.id, each.recorded_at) for each in found] == [
        ("1", end - timedelta(seconds=1)),
        ("2", end + timedelta(minutes=30)),
    ]


def test_ids_that_are_numbers_are_texts_and_calls_without_a_recording_are_none(server: HttpServer) -> None:
    calls = [{"startTime": "2026-03-01T10:00:00Z", "recording": {"id": 90071992547409931}}]
    calls += [{"startTime": "2026-03-01T10:00:00Z"} for _ in range(20)]
    log_of(server, records=calls)
    window = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
    page = plain_client(server).page(window, None)
    assert [each.id for each in page.recordings] == ["90071992547409931"]
    assert (page.rows, page.problem, page.next_cursor) == (1, None, None)


@pytest.mark.parametrize(
    ("document", "goes_on"),
    [
        ({"navigation": {"nextPage": {"uri": "x"}}}, True),
        ({"navigation": {"nextPage": None}}, False),
        ({"paging": {"page": 1, "totalPages": 2}}, True),
        ({"paging": {"page": 1, "totalPages": 1}}, False),
        ({"paging": {"page": 1}}, False),
    ],
)
def test_another_page_follows_where_the_answer_says_so(
    server: HttpServer, document: dict[str, Any], goes_on: bool
) -> None:
    log_of(server, records=[], **document)
    assert (plain_client(server).page(WINDOW, None).next_cursor == "2") is goes_on


# audio


@pytest.mark.parametrize("links", ["own", "further"])
def test_audio_is_fetched_with_the_token_at_the_origin_where_its_link_leads(links: Any) -> None:
    with Simulator(recordings=2, links=links, **SHORT) as running:
        client = client_of(running)
        for recording in listed(client):
            assert fetched(client, recording) == running.recordings[recording.id].audio.read()
        assert {each.host for each in running.served("media")} == {links}


def test_one_request_fetches_a_listed_recording(client: RingCentral, simulator: Simulator) -> None:
    recording = listed(client)[0]
    simulator.log.clear()
    fetched(client, recording)
    assert [each.kind for each in simulator.log] == ["media"]


def test_a_link_to_another_host_is_not_followed(server: HttpServer) -> None:
    link = "https://evil.example/restapi/v1.0/account/1/recording/1/content"
    log_of(server, records=[{"startTime": "2026-03-01T10:00:00Z", "recording": {"id": "1", "contentUri": link}}])
    server.on("/restapi/v1.0/account/~/recording/1/content", Answer(body=b"audio"))
    client = plain_client(server)
    window = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
    assert fetched(client, client.page(window, None).recordings[0]) == b"audio"


def test_a_recording_that_is_still_stored_is_not_ready(client: RingCentral, simulator: Simulator) -> None:
    late = simulator.add(state="unfinished")
    recording = next(each for each in listed(client) if each.id == late.id)
    with pytest.raises(NotReady):
        fetched(client, recording)
    simulator.finish(late.id)
    assert fetched(client, recording) == late.audio.read()


def test_a_recording_is_found_by_its_id_in_the_call_log(client: RingCentral, simulator: Simulator) -> None:
    wanted = simulator.rows()[0]
    found = client.describe(wanted.id)
    assert (found.recorded_at, found.call_id) == (wanted.recorded_at, wanted.call_id)
    with pytest.raises(NotFound):
        client.describe("nobody")


# calls


@pytest.mark.parametrize("document", [{"message": "busy"}, {"records": None}])
def test_an_answer_without_records_does_not_say_that_a_recording_is_missing(server: HttpServer, document: Any) -> None:
    log_of(server, **document)
    with pytest.raises(Rejected, match="without records"):
        plain_client(server).describe("1")


def test_a_call_is_looked_up_with_all_of_its_recordings(client: RingCentral, simulator: Simulator) -> None:
    call_id = simulator.add(recorded_at=datetime.now(UTC) - timedelta(minutes=5)).call_id
    simulator.add(call_id=call_id, recorded_at=datetime.now(UTC) - timedelta(minutes=4))
    assert {each.call_id for each in client.look_up(call_id)} == {call_id}
    assert len(client.look_up(call_id)) == 2


def minutes_ago(minutes: float, **call: Any) -> dict[str, Any]:
    moment = datetime.now(UTC) - timedelta(minutes=minutes)
    return {"startTime": moment.isoformat(), "telephonySessionId": "s-1", **call}


@pytest.mark.parametrize("records", [[], [minutes_ago(5, duration=60)], [minutes_ago(5, telephonySessionId="s-2")]])
def test_a_call_that_may_still_get_a_recording_is_not_ready(server: HttpServer, records: list[Any]) -> None:
    log_of(server, records=records)
    with pytest.raises(NotReady):
        plain_client(server).look_up("s-1")


@pytest.mark.parametrize("call", [minutes_ago(5, duration=29), minutes_ago(180, duration=600)])
def test_a_call_that_was_too_short_or_is_long_over_has_no_recording(server: HttpServer, call: dict[str, Any]) -> None:
    log_of(server, records=[call])
    assert plain_client(server).look_up("s-1") == []


# limits


@pytest.mark.parametrize(
    ("headers", "wait"), [({"Retry-After": "17"}, 17), ({"X-Rate-Limit-Window": "60"}, 60), ({}, 30)]
)
def test_a_penalty_is_sat_out_however_long_it_is_said_to_last(
    server: HttpServer, headers: dict[str, str], wait: float
) -> None:
    client = plain_client(server)
    server.on("/restapi/v1.0/account/~/call-log", Answer(status=429, headers=headers))
    with pytest.raises(Throttled) as caught:
        client.page(WINDOW, None)
    assert caught.value.retry_after == wait


def test_the_last_request_of_a_minute_is_noticed_before_one_is_refused() -> None:
    slots = Slots()
    with Simulator(recordings=1, rate=3, **SHORT) as running:
        client = client_of(running, slots)
        for _ in range(3):
            client.page(WINDOW, None)
        assert slots.held == [60.0]
        assert running.restarted == 0


def test_the_default_pace_leaves_one_request_of_the_ten_over() -> None:
    assert RingCentral.declaration.rate_default == 9


def test_functions_share_a_token(simulator: Simulator) -> None:
    tokens = MemoryTokens()
    for _ in range(3):
        client_of(simulator, tokens=tokens).page(WINDOW, None)
    assert len(simulator.served("token")) == 1
    assert RingCentral.declaration.shares_token


@pytest.mark.parametrize("name", ["client_secret", "jwt"])
def test_a_client_or_a_grant_that_is_refused_is_unauthorized(simulator: Simulator, name: str) -> None:
    simulator.secret = {**simulator.secret, name: "another"}
    client = client_of(simulator)
    simulator.secret = {**simulator.secret, name: "the right one"}
    with pytest.raises(Unauthorized):
        client.page(WINDOW, None)


# deletion


def test_several_are_deleted_in_one_request_and_their_calls_stay_listed(
    client: RingCentral, simulator: Simulator
) -> None:
    first, second, third, *_ = listed(client)
    assert client.delete_many([first.id, second.id]) == {first.id: True, second.id: True}
    client.delete(third)
    assert len(simulator.served("delete")) == 2
    assert len(listed(client)) == 9
    with pytest.raises(NotFound):
        fetched(client, first)
    with pytest.raises(NotFound):
        client.delete(Recording(id="nobody"))


# webhooks


def said(headers: dict[str, str], event: Any = None, *secrets: str) -> Said:
    account = Account(source="acme", base_url="https://platform.ringcentral.com", credentials=CREDENTIALS)
    body = b"" if event is None else json.dumps(event).encode()
    delivery = Delivery(headers=headers, query={}, body=body, received_at=datetime.now(UTC))
    client = RingCentral(http_to("https://platform.ringcentral.com", Slots()), account)
    return client.event(delivery, [Secret(each) for each in secrets or ("agreed",)])


def ended(**more: Any) -> dict[str, Any]:
    event = EVENTS.replace("~", "400100")
    return {"event": event, "timestamp": datetime.now(UTC).isoformat(), "body": {"telephonySessionId": "s-1"}, **more}


@pytest.mark.parametrize("header", ["verification-token", "validation-token"])
def test_the_token_proves_an_event_in_either_header(header: str) -> None:
    assert said({header: "agreed"}, ended()) == Hint(call_id="s-1")
    with pytest.raises(Unverified):
        said({header: "another"}, ended())


def test_a_challenge_is_echoed_and_an_event_with_a_challenge_is_not() -> None:
    assert said({"validation-token": "challenge"}) == Reply(headers={"Validation-Token": "challenge"})
    with pytest.raises(Unverified):
        said({"validation-token": "challenge"}, ended())
    with pytest.raises(BadEvent):
        said({"validation-token": "x" * 1024})


def test_an_event_that_is_late_or_about_something_else_asks_for_nothing() -> None:
    late = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    assert isinstance(said({"verification-token": "agreed"}, ended(timestamp=late)), Ignored)
    renewal = {"event": "/restapi/v1.0/subscription/~?threshold=86400", "body": {}}
    assert isinstance(said({"verification-token": "agreed"}, renewal), Ignored)


def test_a_webhook_is_registered_once_and_again_after_it_was_switched_off(
    client: RingCentral, simulator: Simulator
) -> None:
    assert "registered" in client.register_webhook(URL, [Secret("agreed")]).sentence
    (made,) = simulator.subscriptions.values()
    assert made["deliveryMode"] == {"transportType": "WebHook", "address": URL, "verificationToken": "agreed"}
    assert made["eventFilters"] == [EVENTS]
    assert [(each.url, each.problem) for each in client.webhooks()] == [(URL, None)]
    made["status"] = "Blacklisted"
    (found,) = client.webhooks()
    assert found.problem == "RingCentral says Blacklisted of it"
    client.register_webhook(URL, [Secret("agreed")])
    assert [each.problem for each in client.webhooks()] == [None]


def test_a_webhook_that_has_expired_is_a_problem(client: RingCentral, simulator: Simulator) -> None:
    client.register_webhook(URL, [Secret("agreed")])
    (made,) = simulator.subscriptions.values()
    made["expirationTime"] = "2020-01-01T00:00:00Z"
    assert [each.problem for each in client.webhooks()] == ["it has expired"]


def test_a_webhook_needs_a_token_to_be_agreed_on(client: RingCentral) -> None:
    with pytest.raises(Misconfigured):
        client.register_webhook(URL, [])
