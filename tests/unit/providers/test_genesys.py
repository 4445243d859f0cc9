"""What is peculiar to Genesys Cloud, against its simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.archiver.errors import Gone, NotFound, NotReady, Rejected, Throttled, Unauthorized, Unavailable
from functions.archiver.object_keys import safe_name
from functions.archiver.provider.json_values import id_of
from functions.archiver.provider.provider import Account
from functions.archiver.recording import Json, Page, Readiness, Recording, Rendition, Window
from functions.archiver.secret import Secret
from functions.providers.genesys import Genesys
from simulators.audio import Audio
from simulators.providers.genesys import Genesys as Simulator
from tests.doubles.http_client import Slots, http_to
from tests.doubles.http_server import HttpServer, Reply, Seen

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY - timedelta(days=3)
WINDOW = Window(start=START, end=START + timedelta(days=2))
SHORT: dict[str, Any] = {"start": START, "span": timedelta(hours=47), "sizes": (4_000, 6_000)}
CREDENTIALS = {name: Secret(f"the-{name}") for name in ("client_id", "client_secret")}
QUERY = "/api/v2/analytics/conversations/details/query"
ORPHANS = "/api/v2/orphanrecordings"


def client_of(simulator: Simulator, **options: Any) -> Genesys:
    credentials = {name: Secret(value) for name, value in simulator.secret.items()}
    given = {**simulator.options, **options}
    account = Account(source="acme", base_url=simulator.base_url, credentials=credentials, options=given)
    declared = Genesys.declaration
    http = http_to(simulator.base_url, origins=declared.origins(given), limit_headers=declared.limit_headers)
    return Genesys(http, account)


def plain_client(server: HttpServer) -> Genesys:
    options: dict[str, Json] = {"token_url": server.url, "orphans": False}
    server.on("/oauth/token", Reply(body=b'{"access_token": "token", "expires_in": 3600}'))
    account = Account(source="acme", base_url=server.url, credentials=CREDENTIALS, options=options)
    declared = Genesys.declaration
    http = http_to(server.url, Slots(), origins=declared.origins(options), limit_headers=declared.limit_headers)
    return Genesys(http, account)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(recordings=9, files_every=3, **SHORT) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Genesys:
    return client_of(simulator)


def pages(client: Genesys, window: Window = WINDOW) -> list[Page]:
    found: list[Page] = []
    cursor = None
    while True:
        found.append(client.page(window, cursor))
        cursor = found[-1].next_cursor
        if cursor is None:
            return found


def listed(client: Genesys, window: Window = WINDOW) -> list[Recording]:
    return [each for page in pages(client, window) for each in page.recordings]


def fetched(client: Genesys, recording: Recording) -> bytes:
    with client.open(recording) as opened:
        return b"".join(opened.body.chunks())


def conversation(moment: datetime, **more: Any) -> dict[str, Any]:
    sessions = [{"recording": True, "ani": "tel:+9991", "dnis": "sip:sales@example.com"}]
    people = [{"purpose": "customer", "sessions": sessions}]
    return {
        "conversationId": f"c-{moment:%H%M}",
        "conversationStart": moment.isoformat(),
        "participants": people,
        **more,
    }


# listing


def test_all_audio_files_of_conversations_are_listed_and_nothing_else(client: Genesys, simulator: Simulator) -> None:
    found = listed(client)
    assert {each.id: each.call_id for each in found} == {each.id: each.call_id for each in simulator.rows()}
    assert len({each.call_id for each in found}) == 6
    assert {each.agent for each in found} == {"Bo Lind"}


@pytest.mark.parametrize("ignores_order", [False, True])
def test_every_part_of_a_day_is_listed_whichever_order_the_list_has(ignores_order: bool) -> None:
    with Simulator(recordings=60, ignores_order=ignores_order, **SHORT) as running:
        client = client_of(running)
        found: list[str] = []
        for part in range(16):
            start = START + timedelta(hours=3 * part)
            found += [each.id for each in listed(client, Window(start=start, end=start + timedelta(hours=3)))]
        assert sorted(found) == sorted(running.recordings)


def test_only_conversations_of_the_window_are_asked_for_their_files(client: Genesys, simulator: Simulator) -> None:
    wanted = simulator.rows()[0]
    listed(client, Window(start=wanted.recorded_at, end=wanted.recorded_at))
    assert [each.path.split("/")[-2] for each in simulator.served("files")] == [wanted.call_id]


def test_pages_without_a_conversation_of_the_window_are_passed_over(server: HttpServer) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [conversation(day + timedelta(minutes=n)) for n in range(12)]

    def answer(seen: Seen) -> Reply:
        number = json.loads(seen.body)["paging"]["pageNumber"]
        return Reply(body=json.dumps({"totalHits": 12, "conversations": rows[2 * number - 2 : 2 * number]}).encode())

    server.on(QUERY, answer)
    server.on("/api/v2/conversations/c-0010/recordingmetadata", Reply(body=b'[{"id": "1", "media": "audio"}]'))
    window = Window(start=day + timedelta(minutes=10), end=day + timedelta(minutes=10))
    (page,) = pages(plain_client(server), window)
    assert [each.id for each in page.recordings] == ["1"]
    assert server.paths().count(QUERY) == 6


def busy_day(server: HttpServer, *, orders: bool = True) -> list[datetime]:
    """30,000 conversations of a day, in the order that is asked for or in that of time alone."""
    moments = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=2.88 * n) for n in range(30_000)]

    def answer(seen: Seen) -> Reply:
        asked = json.loads(seen.body)
        size, number = asked["paging"]["pageSize"], asked["paging"]["pageNumber"]
        rows = moments[::-1] if orders and asked["order"] == "desc" else moments
        found = [
            {"conversationId": f"{moment:%H%M%S}", "conversationStart": moment.isoformat(), "participants": []}
            for moment in rows[(number - 1) * size : number * size]
        ]
        return Reply(body=json.dumps({"totalHits": len(rows), "conversations": found}).encode())

    server.on(QUERY, answer)
    return moments


@pytest.mark.parametrize("orders", [True, False])
@pytest.mark.parametrize("hour", [0, 7, 11, 12, 19, 23])
def test_the_middle_of_a_busy_day_is_found_by_halving_it(server: HttpServer, hour: int, orders: bool) -> None:
    """Passing over 300 pages would take longer than listing gives an unmoved cursor."""
    moments = busy_day(server, orders=orders)
    start = moments[0] + timedelta(hours=hour, minutes=5)
    window = Window(start=start, end=start + timedelta(seconds=30))
    pages(plain_client(server), window)
    asked = {path.split("/")[4] for path in server.paths() if path.endswith("recordingmetadata")}
    assert asked == {f"{moment:%H%M%S}" for moment in moments if window.start <= moment <= window.end}
    assert server.paths().count(QUERY) <= 16


def test_a_list_ends_where_its_order_has_passed_the_window(server: HttpServer) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [conversation(day + timedelta(minutes=n)) for n in (5, 6)]
    server.on(QUERY, Reply(body=json.dumps({"totalHits": 1000, "conversations": rows}).encode()))
    (page,) = pages(plain_client(server), Window(start=day, end=day + timedelta(minutes=1)))
    assert (page.recordings, server.paths().count(QUERY)) == ([], 1)


def test_the_end_of_a_day_does_not_ask_for_the_next_one(client: Genesys, server: HttpServer) -> None:
    server.on(QUERY, Reply(body=b'{"totalHits": 0}'))
    pages(plain_client(server), Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC)))
    asked = json.loads(server.requests[-1].body)
    assert asked["interval"] == "2026-03-01T00:00:00.000Z/2026-03-01T23:59:59.999Z"


def test_a_conversation_without_a_recorded_session_is_not_asked_for_files(server: HttpServer) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    unrecorded = conversation(day, participants=[{"sessions": [{"mediaType": "voice"}, {"recording": False}]}])
    server.on(QUERY, Reply(body=json.dumps({"totalHits": 1, "conversations": [unrecorded]}).encode()))
    (page,) = pages(plain_client(server), Window(start=day, end=day))
    assert (page.recordings, page.problem) == ([], None)


@pytest.mark.parametrize(("status", "problem"), [(403, True), (404, False)])
def test_files_that_are_not_for_us_are_a_problem_and_files_that_are_gone_are_none(
    server: HttpServer, status: int, problem: bool
) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    server.on(QUERY, Reply(body=json.dumps({"totalHits": 1, "conversations": [conversation(day)]}).encode()))
    server.on("/api/v2/conversations/c-0000/recordingmetadata", Reply(status=status))
    (page,) = pages(plain_client(server), Window(start=day, end=day))
    assert page.recordings == []
    assert bool(page.problem) is problem


@pytest.mark.parametrize(
    ("state", "readiness"),
    [
        ("UPLOADING", Readiness.NOT_READY),
        ("ARCHIVED", Readiness.NOT_READY),
        ("RESTORING", Readiness.NOT_READY),
        ("SOMETHING", Readiness.NOT_READY),
        ("RESTORED", Readiness.READY),
        ("DELETED", Readiness.GONE),
        ("ERROR", Readiness.BROKEN),
    ],
)
def test_a_file_s_state_says_whether_it_is_there(
    client: Genesys, simulator: Simulator, state: str, readiness: Readiness
) -> None:
    wanted = simulator.rows()[0]
    wanted.details["state"] = state
    found = next(each for each in listed(client) if each.id == wanted.id)
    assert found.readiness is readiness
    assert bool(found.note) is (readiness is not Readiness.READY)
    if readiness is not Readiness.READY:
        expected = {Readiness.GONE: Gone, Readiness.BROKEN: Rejected}.get(readiness, NotReady)
        with pytest.raises(expected):
            fetched(client, found)


def test_numbers_are_freed_of_their_scheme_where_they_are_phone_numbers(server: HttpServer) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    server.on(QUERY, Reply(body=json.dumps({"totalHits": 1, "conversations": [conversation(day)]}).encode()))
    server.on("/api/v2/conversations/c-0000/recordingmetadata", Reply(body=b'[{"id": "1", "media": "audio"}]'))
    (found,) = listed(plain_client(server), Window(start=day, end=day))
    assert (found.from_number, found.to_number) == ("+9991", "sip:sales@example.com")
    assert found.recorded_at == day, "a file without playable media has no time of its own"


@pytest.mark.parametrize("media", [None, "audio", ""])
def test_a_file_that_does_not_say_that_it_is_something_else_is_audio(server: HttpServer, media: Json) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    server.on(QUERY, Reply(body=json.dumps({"totalHits": 1, "conversations": [conversation(day)]}).encode()))
    files = [{"id": "1", "media": media}, {"id": "2", "media": "screen"}]
    server.on("/api/v2/conversations/c-0000/recordingmetadata", Reply(body=json.dumps(files).encode()))
    assert [each.id for each in listed(plain_client(server), Window(start=day, end=day))] == ["1"]


# orphans


def test_recordings_that_lost_their_conversation_are_archived_as_well(client: Genesys, simulator: Simulator) -> None:
    simulator.orphan_ids = {simulator.rows()[0].id, simulator.rows()[4].id}
    found = listed(client)
    assert {each.id for each in found} == set(simulator.recordings)
    orphan = next(each for each in found if each.id in simulator.orphan_ids)
    assert orphan.call_id is None
    assert fetched(client, orphan) == simulator.recordings[orphan.id].audio.read()
    with pytest.raises(Rejected):
        client.delete(orphan)


def test_orphans_of_other_days_are_left_out_and_several_pages_of_them_are_read(simulator: Simulator) -> None:
    simulator.orphan_ids = set(simulator.recordings)
    day = Window(start=START, end=START + timedelta(days=1))
    first_day = {each.id for each in simulator.rows() if each.recorded_at <= day.end}
    assert {each.id for each in listed(client_of(simulator), day)} == first_day


def test_orphans_of_which_nobody_counts_the_pages_are_read_to_the_end(server: HttpServer) -> None:
    rows = [{"id": str(number), "createdTime": START.isoformat(), "mediaType": None} for number in range(101)]
    server.on(QUERY, Reply(body=b"{}"))
    server.on(ORPHANS, *(Reply(body=json.dumps({"entities": each}).encode()) for each in (rows[:100], rows[100:])))
    client = plain_client(server)
    client.account = Account(source="acme", base_url=server.url, credentials=CREDENTIALS, options={})
    assert len(listed(client)) == 101


def test_an_organisation_without_orphans_or_the_permission_has_none(server: HttpServer) -> None:
    server.on(QUERY, Reply(body=b"{}"))
    server.on(ORPHANS, Reply(status=403))
    client = plain_client(server)
    client.account = Account(source="acme", base_url=server.url, credentials=CREDENTIALS, options={})
    (page,) = pages(client)
    assert (page.recordings, page.problem) == ([], None)
    server.on(ORPHANS, Reply(body=b'{"message": "busy"}'))
    with pytest.raises(Unavailable):
        pages(client)


def test_orphans_can_be_left_alone(simulator: Simulator) -> None:
    listed(client_of(simulator, orphans=False))
    assert simulator.served("orphans") == []


# audio


def test_audio_that_is_still_made_is_not_ready() -> None:
    with Simulator(recordings=1, made_after=1, **SHORT) as running:
        client = client_of(running)
        (recording,) = listed(client)
        with pytest.raises(NotReady):
            fetched(client, recording)
        assert fetched(client, recording) == running.recordings[recording.id].audio.read()
        assert not any(each.credentials for each in running.served("media"))


def test_channels_that_come_apart_are_recordings_of_their_own(client: Genesys, simulator: Simulator) -> None:
    wanted = simulator.rows()[0]
    wanted.details["channels"] = 2
    recording = next(each for each in listed(client) if each.id == wanted.id)
    with client.open(recording) as opened:
        assert b"".join(opened.body.chunks()) == simulator.channel(wanted, 0).read()
        assert opened.rendition == Rendition(format="wav", channels=1)
        (other,) = opened.siblings
    assert (other.id, other.call_id) == (f"{wanted.id}:1", wanted.call_id)
    with client.open(other) as opened:
        assert b"".join(opened.body.chunks()) == simulator.channel(wanted, 1).read()
        assert opened.siblings == []


@pytest.mark.parametrize("name", ["\\ud800", "x" * 1001, "a\\nb", "\\u0000", ""])
def test_a_channel_whose_name_no_ledger_holds_is_archived_under_another(name: str) -> None:
    with HttpServer() as server:
        links = f'{{"{name}": {{"mediaUri": "{server.url}/odd"}}, "7": {{"mediaUri": "{server.url}/usual"}}}}'
        answer = f'{{"id": "rec", "fileState": "AVAILABLE", "mediaUris": {links}}}'
        server.on("/api/v2/conversations/call/recordings/rec", Reply(body=answer.encode()))
        server.on("/odd", Reply(body=b"odd"))
        server.on("/usual", Reply(body=b"usual"))
        client = plain_client(server)
        recording = Recording(id="rec", call_id="call", raw={"id": "rec"})
        with client.open(recording) as opened:
            bodies = [b"".join(opened.body.chunks())]
            (other,) = opened.siblings
        with client.open(other) as opened:
            bodies.append(b"".join(opened.body.chunks()))
    assert sorted(bodies) == [b"odd", b"usual"]
    assert id_of(other.id) == other.id
    assert safe_name(other.id)


def test_another_format_is_made_where_it_is_wanted(simulator: Simulator) -> None:
    client = client_of(simulator, format="mp3")
    recording = listed(client)[0]
    audio = simulator.recordings[recording.id].audio
    expected = Audio(format="mp3", seed=audio.seed, wanted_bytes=audio.wanted_bytes)
    with client.open(recording) as opened:
        assert b"".join(opened.body.chunks()) == expected.read()
        assert opened.rendition == Rendition(format="mp3")


def test_a_recording_of_the_last_days_is_found_by_its_id(client: Genesys, simulator: Simulator) -> None:
    wanted = simulator.add(recorded_at=datetime.now(UTC) - timedelta(hours=30))
    found = client.describe(wanted.id)
    assert (found.recorded_at, found.call_id) == (wanted.recorded_at, wanted.call_id)
    with pytest.raises(NotFound):
        client.describe("nobody")


def test_deletion_is_set_for_tomorrow(client: Genesys, simulator: Simulator) -> None:
    recording = listed(client)[0]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert tomorrow.isoformat() in client.delete(recording)
    with pytest.raises(Gone):
        fetched(client, recording)


# limits, credentials


@pytest.mark.parametrize(
    ("headers", "wait"), [({"Retry-After": "9"}, 9), ({"inin-ratelimit-reset": "42"}, 42), ({}, 60)]
)
def test_a_refusal_says_how_long_to_wait(server: HttpServer, headers: dict[str, str], wait: float) -> None:
    server.on(QUERY, Reply(status=429, headers=headers))
    with pytest.raises(Throttled) as caught:
        pages(plain_client(server))
    assert caught.value.retry_after == wait


def test_a_refused_client_is_unauthorized(simulator: Simulator) -> None:
    simulator.secret = {**simulator.secret, "client_secret": "another"}
    with pytest.raises(Unauthorized):
        pages(client_of(simulator))


def test_tokens_are_asked_for_at_the_region_s_login_host() -> None:
    (option,) = [each for each in Genesys.declaration.options if each.purpose == "token"]
    assert option.default == "https://login.{domain}"
