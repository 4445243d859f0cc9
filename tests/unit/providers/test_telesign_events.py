"""Which of TeleSign's events are believed, and what they say."""

from __future__ import annotations

import datetime as dt
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from functions.archiver.errors import (
    BadEvent,
    Unverified,
)
from functions.archiver.provider.delivery import Delivery, Hint
from functions.archiver.provider.provider import Account
from functions.archiver.secret import Secret
from functions.providers.telesign import TeleSign
from tests.doubles.http_client import Slots, http_to
from tests.doubles.http_server import HttpServer
from tests.harness.telesign import API_KEY, KEYS, ONE


@pytest.fixture
def telesign(server: HttpServer, slots: Slots) -> TeleSign:
    http = http_to(server.url, slots, secrets=[KEYS["api_key"]])
    return TeleSign(http, Account(source="here", base_url=server.url, credentials=KEYS))


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
