"""How TeleSign's audio is opened: by links that are signed and expire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.archiver.errors import (
    Gone,
    NotReady,
    Outcome,
    Rejected,
)
from functions.archiver.recording import Json, Readiness, Recording
from functions.providers.telesign import TeleSign
from tests.doubles.http_client import Slots
from tests.doubles.http_server import HttpServer, Reply
from tests.harness.telesign import BY_ID, FILE, ONE, OTHER_FILE, audio_of, document, link, row, transcribed

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
