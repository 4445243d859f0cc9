"""Which of Kazoo's events are believed, and what they say."""

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
from functions.archiver.provider.delivery import Delivery, Hint, Ignored
from functions.archiver.recording import Json
from functions.archiver.secret import Secret
from functions.providers.kazoo import YEAR_ZERO, Kazoo
from tests.harness.kazoo import ACCOUNT, ONE

# events

SENT = 63_834_206_532
SHA256_KEY = Secret("123")


def delivery(body: Json, headers: Mapping[str, str] | None = None, *, at: int = SENT, **more: Any) -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    received_at = dt.datetime.fromtimestamp(at - YEAR_ZERO, dt.UTC)
    return Delivery(**{"headers": headers or {}, "query": {}, "body": raw, "received_at": received_at, **more})


def signed(
    data: Json, *, over: int = SENT, compact: str | None = None, key: bytes = b"123", **more: Json
) -> dict[str, Json]:
    text = compact if compact is not None else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    signature = b64encode(hmac.digest(key, f"{over}{text}".encode(), "sha256")).decode()
    return {"action": "doc_edited", "name": "object", "data": data, "timestamp": SENT, "hmac": signature, **more}


def test_the_published_example_of_a_signature_is_verified(kazoo: Kazoo) -> None:
    example: dict[str, Json] = {
        "data": {"foo": "bar"},
        "timestamp": SENT,
        "hmac": "z481V/jZHAnFEjNCMORc2FgX03CyzxV+fLV6BWhnY6U=",
    }
    with pytest.raises(BadEvent):  # it is verified, and names no recording
        kazoo.event(delivery(example), [Secret(""), Secret("old"), SHA256_KEY])
    with pytest.raises(Unverified):
        kazoo.event(delivery(example), [Secret("old")])


@pytest.mark.parametrize("over", [SENT - 1, SENT, SENT + 1])
def test_the_signed_second_may_be_one_off(kazoo: Kazoo, over: int) -> None:
    hint = kazoo.event(delivery(signed({"id": ONE}, over=over)), [SHA256_KEY])
    assert hint == Hint(recording_id=ONE, ready=True)


@pytest.mark.parametrize(
    "body",
    [
        signed({"id": ONE}, over=SENT - 2),
        signed({"id": ONE}, key=b""),
        signed({"id": ONE}, hmac=None),
        signed({"id": ONE}, hmac=""),
        signed({"id": ONE}, hmac="ü"),
        signed({"id": ONE}, timestamp="63834206532"[::-1]),
        {**signed({"id": ONE}), "data": {"id": "another"}},
        b"[",
        b"[" * 100_000,
        b"",
    ],
)
def test_an_event_that_is_not_signed_is_not_believed(kazoo: Kazoo, body: Json) -> None:
    for secrets in ([SHA256_KEY], [Secret("")], []):
        with pytest.raises(Unverified):
            kazoo.event(delivery(body), secrets)


@pytest.mark.parametrize(
    ("data", "compact"),
    [
        ({"name": "x", "id": ONE, "b": [1, {"z": None}]}, None),
        ({"name": "x", "id": ONE}, f'{{"id":"{ONE}","name":"x"}}'),
        ({"id": ONE, "name": "Zoë"}, f'{{"id":"{ONE}","name":"Zo\\u00eb"}}'),
    ],
)
def test_data_is_signed_as_sent_or_sorted_escaped_or_not(kazoo: Kazoo, data: Json, compact: str | None) -> None:
    assert kazoo.event(delivery(signed(data, compact=compact)), [SHA256_KEY]) == Hint(recording_id=ONE, ready=True)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_signed_event_of_long_ago_is_ignored(kazoo: Kazoo, hours: int) -> None:
    stale = kazoo.event(delivery(signed({"id": ONE}), at=SENT + hours * 3600), [SHA256_KEY])
    assert stale == Ignored(reason="the event is stale")


def v1(**fields: Json) -> dict[str, Json]:
    return {"id": ONE, "account_id": ACCOUNT, "action": "doc_created", "type": "call_recording", **fields}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (v1(), Hint(recording_id=ONE, ready=False)),
        (v1(action="doc_edited"), Hint(recording_id=ONE, ready=True)),
        (v1(account_id=ACCOUNT.upper()), Hint(recording_id=ONE)),
        ({"id": ONE}, Hint(recording_id=ONE)),
        (v1(action="doc_deleted"), Ignored),
        (v1(action=["doc_created"]), Ignored),
        (v1(type="user"), Ignored),
        (v1(account_id="f" * 32), Ignored),
        (v1(account_id=None), Ignored),
    ],
)
def test_what_an_event_says(kazoo: Kazoo, event: Json, said: Hint | type[Ignored]) -> None:
    told = kazoo.event(delivery(event, {"x-webhook-secret": "123"}), [SHA256_KEY])
    assert told == said or (isinstance(told, Ignored) and said is Ignored)


def test_an_unsigned_event_is_verified_by_a_secret_in_header_or_path(kazoo: Kazoo) -> None:
    form = f"id={ONE}&action=doc_edited&type=call_recording".encode()
    ready = Hint(recording_id=ONE, ready=True)
    assert kazoo.event(delivery(form, {"x-webhook-secret": "123"}), [Secret("new"), SHA256_KEY]) == ready
    assert kazoo.event(delivery(form, path_secret=Secret("123")), [SHA256_KEY]) == ready
    for headers in ({"x-webhook-secret": "1234"}, {"x-webhook-secret": ""}, {}):
        with pytest.raises(Unverified):
            kazoo.event(delivery(form, headers, path_secret=Secret("")), [SHA256_KEY, Secret("")])


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"just words", b"[]", b"{", v1(id=None), v1(id=7), v1(id="x" * 1001), b"a=" + b"x" * 2**21]
)
def test_a_verified_event_that_makes_no_sense_is_refused(kazoo: Kazoo, body: Json) -> None:
    with pytest.raises(BadEvent):
        kazoo.event(delivery(body, {"x-webhook-secret": "123"}), [SHA256_KEY])
