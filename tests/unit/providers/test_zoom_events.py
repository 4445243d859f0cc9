"""Events of Zoom Phone, and the signatures that are published of them."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.archiver.errors import Unverified
from functions.archiver.provider.delivery import Delivery, Hint, Ignored, Reply, Said
from functions.archiver.provider.provider import Account
from functions.archiver.secret import Secret
from functions.providers.zoom import Zoom
from tests.doubles.http_client import Slots, http_to

CREDENTIALS = {name: Secret(f"the-{name}") for name in ("account_id", "client_id", "client_secret")}
PUBLISHED = "4fv1RkqGQUq5sWbEz6hA5A"
VALIDATION = (
    b'{"payload":{"plainToken":"xys8n8PGS7mAU0m5-YJjRA"},"event_ts":1720705455858,"event":"endpoint.url_validation"}'
)


def delivered(body: bytes, signature: str, stamp: str, *, at: float | None = None) -> Delivery:
    return Delivery(
        headers={"x-zm-signature": signature, "x-zm-request-timestamp": stamp},
        query={},
        body=body,
        received_at=datetime.fromtimestamp(float(stamp) if at is None else at, UTC),
    )


def signed(event: Any, secret: str = "token", *, late: float = 0) -> Delivery:
    body, stamp = json.dumps(event).encode(), "1767693600"
    signature = hmac.digest(secret.encode(), f"v0:{stamp}:".encode() + body, "sha256").hex()
    return delivered(body, f"v0={signature}", stamp, at=float(stamp) + late)


def said(delivery: Delivery, *secrets: str) -> Said:
    account = Account(source="acme", base_url="https://api.zoom.us", credentials=CREDENTIALS)
    zoom = Zoom(http_to("https://api.zoom.us", Slots()), account)
    return zoom.event(delivery, [Secret(each) for each in secrets or ("token",)])


def test_a_published_signature_is_verified_and_its_challenge_answered() -> None:
    signature = "v0=93a1a675965ceb9c5a50c5dfb31f20e50f763be37a54ef74cd2d16a1a8e5c0d6"
    reply = said(delivered(VALIDATION, signature, "1720705455"), PUBLISHED)
    assert isinstance(reply, Reply)
    assert json.loads(reply.body) == {
        "plainToken": "xys8n8PGS7mAU0m5-YJjRA",
        "encryptedToken": "2fffc6a967dde4f68024025a5bd991c5ae1e5313b4e6365be4883e3e81d479b3",
    }


def test_a_published_challenge_is_answered() -> None:
    challenge = {"event": "endpoint.url_validation", "payload": {"plainToken": "foobar12345"}}
    reply = said(signed(challenge, "barbaz67890"), "another", "barbaz67890")
    assert isinstance(reply, Reply)
    expected = "aaca35ce2b1ee8e81c06c0e8c9841f4870bfa2b29b1812688459cf5d6cbdb5df"
    assert json.loads(reply.body)["encryptedToken"] == expected


def test_the_raw_bytes_are_what_is_signed() -> None:
    changed = VALIDATION.replace(b",", b", ")
    signature = "v0=93a1a675965ceb9c5a50c5dfb31f20e50f763be37a54ef74cd2d16a1a8e5c0d6"
    with pytest.raises(Unverified):
        said(delivered(changed, signature, "1720705455"), PUBLISHED)
    with pytest.raises(Unverified):
        said(delivered(VALIDATION, signature, "1720705456"), PUBLISHED)


@pytest.mark.parametrize("late", [3700, -3700, 10**9])
def test_an_event_that_is_repeated_later_asks_for_nothing(late: int) -> None:
    event = {"event": "phone.recording_completed", "payload": {"object": {"recordings": [{"id": "1"}]}}}
    assert said(signed(event, late=60)) == [Hint(recording_id="1", ready=True)]
    assert isinstance(said(signed(event, late=late)), Ignored)
    assert isinstance(said(signed({"event": "endpoint.url_validation", "payload": {}}, late=late)), Ignored)


@pytest.mark.parametrize("name", ["phone.recording_completed", "phone.recording_completed_for_access_member"])
def test_an_event_names_several_recordings(name: str) -> None:
    rows = [{"id": "1", "download_url": "https://evil.example/"}, {"id": "2"}]
    hints = said(signed({"event": name, "payload": {"object": {"recordings": rows}}}))
    assert hints == [Hint(recording_id="1", ready=True), Hint(recording_id="2", ready=True)]


@pytest.mark.parametrize("name", ["phone.recording_failed", "phone.recording_deleted", "phone.recording_started", None])
def test_other_events_ask_for_nothing(name: str | None) -> None:
    assert isinstance(said(signed({"event": name, "payload": {"object": {"id": "1"}}})), Ignored)
