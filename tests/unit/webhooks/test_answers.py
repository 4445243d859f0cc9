"""What a webhook request may come to beside one hint: several, a handshake's reply; and the URL that was signed."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast

import pytest

from functions.archiver.clock import Clock
from functions.archiver.errors import BadEvent
from functions.archiver.provider.delivery import MAX_REPLY_BYTES, Delivery, Hint, Reply, Said
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Call, Recording
from functions.archiver.secret import Secret
from functions.archiver.throttling.intake import Intake
from functions.archiver.webhooks import MAX_HINTS, Receiver, Reception


class Noting:
    """Stands in for the intake: what it is told, and whether that was new."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def take_hint(self, recording: Recording) -> bool:
        self.ids.append(recording.id)
        return not recording.id.startswith("known")

    def take_calls(self, calls: Sequence[Call], discovered_by: str) -> int:
        self.ids += [call.call_id for call in calls]
        return len(calls)


class Saying:
    """Stands in for a provider that takes every request and says this of it."""

    def __init__(self, say: Callable[[Delivery], Said]) -> None:
        self._say = say

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Said:
        return self._say(delivery)


def received(
    say: Callable[[Delivery], Said], event: Mapping[str, Any] | None = None, webhook_url: str | None = None
) -> tuple[Reception, Noting]:
    noting = Noting()
    receiver = Receiver(
        provider=lambda: cast("Provider", Saying(say)),
        given_secrets=lambda: [Secret("s")],
        takes_unverified=False,
        source="acme",
        webhook_url=webhook_url,
        intake=cast("Intake", noting),
        clock=Clock(),
    )
    return receiver.receive(event or {}), noting


def url_of(event: Mapping[str, Any], webhook_url: str | None = None) -> str:
    seen: list[Delivery] = []

    def say(delivery: Delivery) -> Said:
        seen.append(delivery)
        return Hint(recording_id="1")

    received(say, event, webhook_url)
    return seen[0].url


def test_each_recording_that_an_event_names_is_noted_once() -> None:
    hints = [Hint(recording_id="1"), Hint(call_id="2"), Hint(recording_id="1")]
    reception, noting = received(lambda _: hints)
    assert (reception.outcome, noting.ids) == ("accepted", ["1", "2"])
    assert list(reception.hints) == hints[:2]


def test_an_event_of_known_recordings_is_a_repetition_unless_one_is_new() -> None:
    assert received(lambda _: [Hint(recording_id="known 1"), Hint(recording_id="known 2")])[0].outcome == "repeated"
    assert received(lambda _: [Hint(recording_id="known 1"), Hint(recording_id="2")])[0].outcome == "accepted"


def test_an_event_cannot_name_more_recordings_than_a_function_has_time_for() -> None:
    _, noting = received(lambda _: [Hint(recording_id=str(n)) for n in range(10 * MAX_HINTS)])
    assert noting.ids == [str(n) for n in range(MAX_HINTS)]


def test_a_handshake_is_answered_and_nothing_is_noted() -> None:
    reply = Reply(body='{"plainToken":"a"}')
    reception, noting = received(lambda _: reply)
    assert (reception.status, reception.outcome, reception.reply) == (HTTPStatus.OK, "answered", reply)
    assert (noting.ids, reception.verified) == ([], False)


def test_a_handshake_that_asks_for_too_much_is_malformed() -> None:
    reception, _ = received(lambda delivery: Reply(body=delivery.body.decode()), {"body": "a" * 1000})
    assert (reception.status, reception.reply) == (HTTPStatus.BAD_REQUEST, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"body": "a" * (MAX_REPLY_BYTES + 1)},
        {"body": "two\nlines"},
        {"body": "ünïcode"},
        {"headers": {"Validation-Token": "a" * MAX_REPLY_BYTES}},
        {"headers": {"Validation-Token": "a\r\nSet-Cookie: b"}},
        {"headers": {"a: b": "c"}},
        {"headers": {"": "c"}},
        {"content_type": "text/html\r\n\r\n<script>"},
    ],
)
def test_a_reply_is_short_and_printable(fields: dict[str, Any]) -> None:
    with pytest.raises(BadEvent):
        Reply(**fields)


QUERY = "a=%31&b=&a=2&c"


def test_the_url_of_a_delivery_is_the_configured_one_with_the_path_secret_and_the_query_as_it_came() -> None:
    event = {"rawQueryString": QUERY, "pathParameters": {"secret": "s/1"}, "requestContext": {"domainName": "api"}}
    url = url_of(event, "https://hooks.example.com/in/acme")
    assert url == f"https://hooks.example.com/in/acme/s%2F1?{QUERY}"


def test_without_a_configured_url_it_is_that_of_the_api() -> None:
    event = {"rawQueryString": QUERY, "requestContext": {"domainName": "abc.execute-api.eu-west-1.amazonaws.com"}}
    assert url_of(event) == f"https://abc.execute-api.eu-west-1.amazonaws.com/webhooks/acme?{QUERY}"
    assert url_of({"requestContext": {"domainName": "x"}}) == "https://x/webhooks/acme"


def test_in_a_local_run_it_is_plain_http_and_has_the_port() -> None:
    event = {"headers": {"x-forwarded-proto": "http"}, "requestContext": {"domainName": "127.0.0.1:8080"}}
    assert url_of(event) == "http://127.0.0.1:8080/webhooks/acme"


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"b=2&a=1&a=1&c=&d", [("b", "2"), ("a", "1"), ("a", "1"), ("c", ""), ("d", "")]),
        (b"a=%2B1+2", [("a", "+1 2")]),
        (b"", []),
        (b"\xff=1", [("\ufffd", "1")]),
        (b"&".join([b"a=1"] * 2000), []),
        (b"a=1&" * 500_000, []),
    ],
)
def test_the_pairs_of_a_form_keep_order_repetitions_and_empty_values(body: bytes, pairs: list[tuple[str, str]]) -> None:
    delivery = Delivery(headers={}, query={}, body=body, received_at=datetime.now(UTC))
    assert list(delivery.form_pairs()) == pairs


def test_a_delivery_has_no_text_form_of_what_may_be_secret() -> None:
    body = base64.b64encode(b"hidden")
    delivery = Delivery(headers={}, query={}, body=body, received_at=datetime.now(UTC), url="https://x/hidden")
    assert "hidden" not in repr(delivery)
    assert body.decode() not in repr(delivery)
