"""What is peculiar to Twilio, against its simulator, and the signatures that its SDK publishes as tests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from functions.archiver.errors import Gone, NotFound, NotReady, Rejected, Unavailable, Unfetchable, Unverified
from functions.archiver.provider.delivery import Delivery, Hint, Ignored
from functions.archiver.provider.provider import Account
from functions.archiver.recording import Json, Readiness, Recording, Rendition, Window
from functions.archiver.secret import Secret
from functions.providers.twilio import Twilio
from simulators.providers.twilio import Twilio as Simulator
from tests.doubles.http_client import Slots, http_to
from tests.doubles.http_server import HttpServer, Reply

START = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=2))
SID = "AC" + "0" * 32
SHORT: dict[str, Any] = {"start": START, "sizes": (4_000, 6_000)}


def twilio_at(url: str, *, secret: dict[str, str], **options: Any) -> Twilio:
    credentials = {name: Secret(value) for name, value in secret.items()}
    account = Account(source="acme", base_url=url, credentials=credentials, options={"format": "wav", **options})
    return Twilio(http_to(url, Slots()), account)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(recordings=8, **SHORT) as running:
        yield running


@pytest.fixture
def twilio(simulator: Simulator) -> Twilio:
    return twilio_at(simulator.base_url, secret=simulator.secret)


def listed(twilio: Twilio, window: Window = WINDOW) -> list[Recording]:
    found: list[Recording] = []
    cursor = None
    while True:
        page = twilio.page(window, cursor)
        found += page.recordings
        cursor = page.next_cursor
        if cursor is None:
            return found


# listing


def test_every_recording_of_the_days_is_listed(twilio: Twilio, simulator: Simulator) -> None:
    assert {each.id for each in listed(twilio)} == set(simulator.recordings)


def test_a_part_of_a_day_is_listed_although_the_filter_knows_whole_days_only(
    twilio: Twilio, simulator: Simulator
) -> None:
    wanted = simulator.rows()[3]
    moment = wanted.recorded_at
    assert [each.id for each in listed(twilio, Window(start=moment, end=moment))] == [wanted.id]


def test_a_next_link_continues_with_our_own_account_and_days(server: HttpServer) -> None:
    path = f"/2010-04-01/Accounts/{SID}/Recordings.json"
    link = f"{path}?PageToken=PA7&Page=1&DateCreated%3E=1999-01-01&PageSize=1"
    server.on(path, Reply(body=b'{"recordings": [], "next_page_uri": "%s"}' % link.encode()))
    twilio = twilio_at(server.url, secret={"account_sid": SID, "auth_token": "hidden"})
    twilio.page(WINDOW, twilio.page(WINDOW, None).next_cursor)
    first, second = (seen.query for seen in server.requests)
    assert second == {**first, "PageToken": "PA7", "Page": "1"}
    assert first == {"DateCreated>": "2026-03-01", "DateCreated<": "2026-03-03", "PageSize": "1000"}


@pytest.mark.parametrize("link", ["https://evil.example/x", "/2010-04-01/Accounts/AC1/Recordings.json?Page=1", "", "7"])
def test_a_next_link_to_anywhere_else_is_no_list(server: HttpServer, link: str) -> None:
    path = f"/2010-04-01/Accounts/{SID}/Recordings.json"
    server.on(path, Reply(body=b'{"recordings": [], "next_page_uri": "%s"}' % link.encode()))
    with pytest.raises(Unavailable, match="somewhere else"):
        twilio_at(server.url, secret={"account_sid": SID, "auth_token": "hidden"}).page(WINDOW, None)


def test_a_subaccount_is_listed_with_the_credentials_of_its_parent(server: HttpServer) -> None:
    sub = "AC" + "5" * 32
    server.on(f"/2010-04-01/Accounts/{sub}/Recordings.json", Reply(body=b'{"recordings": []}'))
    secret = {"account_sid": SID, "api_key": "SK1", "api_secret": "hidden"}
    twilio_at(server.url, secret=secret, subaccount=sub).page(WINDOW, None)
    assert server.requests[0].headers["authorization"] == "Basic U0sxOmhpZGRlbg=="


@pytest.mark.parametrize(
    ("state", "readiness", "note"),
    [
        ("unfinished", Readiness.NOT_READY, "processing"),
        ("failed", Readiness.BROKEN, "too short"),
        ("ready", Readiness.READY, None),
    ],
)
def test_a_status_says_what_to_expect(
    twilio: Twilio, simulator: Simulator, state: Any, readiness: Readiness, note: str | None
) -> None:
    id_ = simulator.add(state=state).id
    (found,) = [each for each in listed(twilio) if each.id == id_]
    assert found.readiness is readiness
    assert note is None or (found.note and ("process" in found.note or note in found.note))


def test_a_row_without_the_date_of_its_creation_is_found_by_its_start(server: HttpServer) -> None:
    row = {"sid": "RE1", "status": "completed", "date_created": None, "start_time": "Sun, 01 Mar 2026 10:00:00 +0000"}
    server.on(f"/2010-04-01/Accounts/{SID}/Recordings.json", Reply(body=json.dumps({"recordings": [row]}).encode()))
    page = twilio_at(server.url, secret={"account_sid": SID, "auth_token": "hidden"}).page(WINDOW, None)
    assert [each.recorded_at for each in page.recordings] == [datetime(2026, 3, 1, 10, tzinfo=UTC)]


# audio


def fetched(twilio: Twilio, recording: Recording) -> tuple[bytes, Rendition | None, str | None]:
    with twilio.open(recording) as opened:
        return b"".join(opened.body.chunks()), opened.rendition, opened.encrypted


def test_both_channels_are_asked_for_where_there_are_two(twilio: Twilio, simulator: Simulator) -> None:
    channels = {}
    for recording in listed(twilio):
        body, rendition, encrypted = fetched(twilio, recording)
        assert hashlib.sha256(body).hexdigest() == simulator.recordings[recording.id].sha256
        assert rendition is not None
        assert encrypted is None
        channels[recording.id] = rendition.channels
    assert channels == {each.id: each.index % 2 + 1 for each in simulator.recordings.values()}


def test_a_recording_that_has_one_channel_after_all_is_fetched_so(twilio: Twilio, simulator: Simulator) -> None:
    mono = next(each for each in simulator.recordings.values() if each.index == 0)
    wrong = Recording(id=mono.id, raw={"sid": mono.id, "status": "completed", "channels": 2})
    assert fetched(twilio, wrong)[1] == Rendition(format="wav", channels=1)


@pytest.mark.parametrize("channels", ["2", None, 2])
def test_both_channels_are_asked_for_unless_a_recording_is_said_to_have_one(server: HttpServer, channels: Json) -> None:
    path = f"/2010-04-01/Accounts/{SID}/Recordings/RE1.wav"
    server.on(path, Reply(body=b"audio"))
    twilio = twilio_at(server.url, secret={"account_sid": SID, "auth_token": "hidden"})
    recording = Recording(id="RE1", raw={"sid": "RE1", "status": "completed", "channels": channels})
    assert fetched(twilio, recording)[1] == Rendition(format="wav", channels=2)
    assert server.requests[0].query == {"RequestedChannels": "2"}


def test_another_format_and_mixed_channels_can_be_asked_for(simulator: Simulator) -> None:
    twilio = twilio_at(simulator.base_url, secret=simulator.secret, format="mp3", channels="mono")
    body, rendition, _ = fetched(twilio, listed(twilio)[0])
    assert (body[:2], rendition) == (b"\xff\xf3", Rendition(format="mp3", channels=1))


def test_an_encrypted_recording_comes_as_it_is_with_what_decrypts_it() -> None:
    with Simulator(recordings=1, encrypted_every=1, **SHORT) as simulator:
        twilio = twilio_at(simulator.base_url, secret=simulator.secret, format="mp3")
        (recording,) = listed(twilio)
        body, rendition, encrypted = fetched(twilio, recording)
        assert body == simulator.encrypted(simulator.recordings[recording.id])
        assert (rendition, encrypted) == (Rendition(format="wav", channels=1), "wav")
        details = recording.raw["encryption_details"]
        assert isinstance(details, dict)
        assert details["encryption_cek"]


def test_what_was_listed_before_it_was_completed_is_asked_for_anew() -> None:
    """An event says that it is there now, and nothing of how it is kept."""
    with Simulator(recordings=1, unfinished=1, encrypted_every=1, **SHORT) as simulator:
        (row,) = simulator.rows()
        twilio = twilio_at(simulator.base_url, secret=simulator.secret)
        early = Recording(id=row.id, raw={"sid": row.id, "status": "in-progress", "encryption_details": None})
        with pytest.raises(NotReady):
            fetched(twilio, early)
        simulator.finish(row.id)
        with twilio.open(early) as opened:
            assert opened.encrypted == "wav"
            assert opened.recording is not None
            assert (opened.recording.raw["status"], opened.recording.raw["channels"]) == ("completed", 1)


def test_a_recording_in_other_storage_is_named_and_not_fetched() -> None:
    with Simulator(recordings=1, external_every=1, **SHORT) as simulator:
        twilio = twilio_at(simulator.base_url, secret=simulator.secret)
        (recording,) = listed(twilio)
        with pytest.raises(Unfetchable, match=r"customer\.example"):
            fetched(twilio, recording)
        assert "bucket/file" not in str(recording.raw)
        assert simulator.served("media") == []


def test_audio_that_is_not_there_yet_is_told_from_audio_that_is_missing(twilio: Twilio, simulator: Simulator) -> None:
    late = simulator.add(state="unfinished")
    with pytest.raises(NotReady):
        fetched(twilio, Recording(id=late.id, raw={"sid": late.id, "channels": 1}))
    simulator.finish(late.id)
    assert fetched(twilio, Recording(id=late.id, raw={"sid": late.id}))[0]
    simulator.remove(late.id)
    with pytest.raises(NotFound):
        fetched(twilio, Recording(id=late.id, raw={"sid": late.id}))


@pytest.mark.parametrize(("state", "outcome"), [("failed", Rejected), ("deleted", Gone), ("unfinished", NotReady)])
def test_what_an_event_named_is_looked_up_before_it_is_fetched(
    twilio: Twilio, simulator: Simulator, state: Any, outcome: type[Exception]
) -> None:
    with pytest.raises(outcome):
        fetched(twilio, Recording(id=simulator.add(state=state).id))


def test_deleting_tells_what_stays(twilio: Twilio, simulator: Simulator) -> None:
    recording = listed(twilio)[0]
    assert "40 days" in twilio.delete(recording)
    assert simulator.recordings[recording.id].state == "deleted"


# events

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]
DUPLICATES = [("Sid", "CA123"), ("SidAccount", "AC123"), *(("Digits", each) for each in ("5678", "1234", "1234"))]
JSON = b'{"property": "value", "boolean": true}'
JSON_URL = f"{URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


def signed(signature: str, *, url: str = URL, body: bytes = b"") -> Delivery:
    return Delivery(headers={"x-twilio-signature": signature}, query={}, body=body, received_at=START, url=url)


def is_verified(delivery: Delivery, *, token: str = TOKEN, secrets: tuple[str, ...] = ()) -> bool:
    twilio = twilio_at("https://api.twilio.com", secret={"account_sid": SID, "auth_token": token})
    try:
        twilio._verify(delivery, [Secret(token), *map(Secret, secrets)])
    except Unverified:
        return False
    return True


VECTORS = {
    "a form": signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", body=urlencode(FORM).encode()),
    "a form, the URL with a port": signed(
        "kvajT1Ptam85bY51eRf/AJRuM3w=", url=URL.replace(".com", ".com:443"), body=urlencode(FORM).encode()
    ),
    "signed with the port, received without": signed("kvajT1Ptam85bY51eRf/AJRuM3w=", body=urlencode(FORM).encode()),
    "signed without the port, received with": signed(
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=", url=URL.replace(".com", ".com:443"), body=urlencode(FORM).encode()
    ),
    "plain http on another port": signed(
        "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
        url=URL.replace("https", "http").replace(".com", ".com:1234"),
        body=urlencode(FORM).encode(),
    ),
    "plain http on its port": signed(
        "0ZXoZLH/DfblKGATFgpif+LLRf4=",
        url=URL.replace("https", "http").replace(".com", ".com:80"),
        body=urlencode(FORM).encode(),
    ),
    "a name with several values": signed("IK+Dwps556ElfBT0I3Rgjkr1wJU=", body=urlencode(DUPLICATES).encode()),
    "a JSON body": signed("a9nBmqA0ju/hNViExpshrM61xv4=", url=JSON_URL, body=JSON),
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_signature_is_right(name: str) -> None:
    assert is_verified(VECTORS[name])
    assert not is_verified(VECTORS[name], token="12346")


def test_nothing_of_what_is_signed_can_be_changed() -> None:
    form = urlencode(FORM).encode()
    right = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert not is_verified(signed(right, body=form.replace(b"1234", b"4321")))
    assert not is_verified(signed(right, url=URL.replace("bar=2", "bar=3"), body=form))
    assert not is_verified(signed(right, body=form + b"&Digits="))
    assert not is_verified(signed("a9nBmqA0ju/hNViExpshrM61xv4=", url=JSON_URL, body=JSON.replace(b"true", b"false")))
    assert not is_verified(signed("", body=form))


def test_an_event_may_be_signed_with_another_key_that_was_agreed_on() -> None:
    assert is_verified(VECTORS["a form"], token="new", secrets=(TOKEN,))
    text = URL + "".join(name + value for name, value in sorted(FORM))
    by_sha256 = base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), "sha256")).decode()
    assert is_verified(signed(by_sha256, body=urlencode(FORM).encode()))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"RecordingStatus": "completed"}, Hint(recording_id="RE1", ready=True)),
        ({}, Hint(recording_id="RE1")),
        ({"RecordingStatus": "in-progress"}, "in-progress"),
        ({"RecordingStatus": "absent"}, "absent"),
        ({"RecordingStatus": "completed", "AccountSid": "AC2"}, "another account"),
    ],
)
def test_an_event_says_what_is_to_be_fetched(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, str], said: Hint | str
) -> None:
    monkeypatch.setattr(Twilio, "_verify", lambda self, delivery, secrets: None)
    twilio = twilio_at("https://api.twilio.com", secret={"account_sid": SID, "auth_token": TOKEN})
    body = urlencode({"AccountSid": SID, "RecordingSid": "RE1", **fields}).encode()
    found = twilio.event(signed("", body=body), [])
    if isinstance(said, Hint):
        assert found == said
    else:
        assert isinstance(found, Ignored)
        assert said in found.reason
