"""Which requests the webhook's function takes, and how it answers."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import timedelta

import pytest

from functions.archiver.entry import State
from functions.archiver.ledger.ledger import FIRST_LOOK_AT_UNFINISHED
from functions.archiver.recording import Readiness, Recording
from functions.archiver.throttling.lanes import read
from functions.archiver.webhooks import MAX_BYTES
from tests.doubles.clock import NOON
from tests.harness.webhooks import (
    HOOK,
    ID,
    SENDERS,
    Hook,
    babelforce,
    event,
    every,
    kazoo_event,
    ready,
    sharing,
    signing,
)


@every
def test_an_authentic_event_leaves_one_item_and_one_message_at_most(hook: Hook, name: str) -> None:
    hooked = hook(name)
    assert hooked.take() == 200
    (item,) = hooked.aws.items().values()
    messages = hooked.aws.messages()
    if hooked.sender.ready:
        assert (item["state"], item["discovered_by"]) == ("queued", "webhook")
        assert [read(message).ticket.id for message in messages] == [item["recording_id"]]
    else:
        assert messages == []
        assert item["kind"] == ("lookup" if hooked.sender.calls else "recording")
        assert hooked.runtime.intake.dispatch() == 0
        hooked.clock.advance(FIRST_LOOK_AT_UNFINISHED)
        assert hooked.runtime.intake.dispatch() == 1


@every
def test_a_forged_event_is_refused_without_a_word_and_leaves_nothing(hook: Hook, name: str) -> None:
    hooked = hook(name)
    assert hooked.take(secret="a-guess") == 401
    assert hooked.answer == '{"message": "Unauthorized"}'
    assert hooked.is_untouched()
    assert "reason" not in hooked.log.getvalue()


@every
def test_a_refused_event_asks_nothing_of_aws_but_the_secret_and_that_rarely(hook: Hook, name: str) -> None:
    hooked = hook(name)
    for _ in range(5):
        assert hooked.take(secret="a-guess") == 401
    assert hooked.calls == {"GetSecretValue": 1}


@every
def test_an_event_without_any_proof_is_refused(hook: Hook, name: str) -> None:
    hooked = hook(name)
    sent = hooked.sender.send(ID, HOOK)
    sent["headers"] = {"content-type": sent["headers"].get("content-type", "")}
    sent.pop("pathParameters", None)
    sent["body"] = base64.b64encode(base64.b64decode(sent["body"]).replace(b"hmac", b"none")).decode()
    assert hooked.send(sent) == 401
    assert hooked.is_untouched()


@signing
def test_an_event_that_was_changed_on_the_way_is_refused(hook: Hook, name: str) -> None:
    hooked = hook(name)
    sent = hooked.sender.send(ID, HOOK)
    sent["body"] = base64.b64encode(base64.b64decode(sent["body"]).replace(ID.encode(), ID[::-1].encode())).decode()
    assert hooked.send(sent) == 401
    assert hooked.is_untouched()


@every
@pytest.mark.parametrize("other", SENDERS)
def test_an_event_of_another_source_is_refused(hook: Hook, name: str, other: str) -> None:
    hooked = hook(name)
    assert hooked.send(SENDERS[other].send(ID, "the-other-sources-own")) == 401
    assert hooked.is_untouched()


@every
def test_an_event_that_comes_ten_times_counts_once_and_is_answered_alike(hook: Hook, name: str) -> None:
    hooked = hook(name)
    answers = {(hooked.take(), hooked.answer) for _ in range(10)}
    assert answers == {(200, '{"message": "ok"}')}
    assert len(hooked.aws.items()) == 1
    assert len(hooked.aws.messages()) == (1 if hooked.sender.ready else 0)
    outcomes = Counter(json.loads(line)["message"] for line in hooked.log.getvalue().splitlines())
    assert outcomes == {"webhook accepted": 1, "webhook repeated": 9}


@pytest.mark.parametrize("name", ["kazoo signed"])
@pytest.mark.parametrize(("off", "outcome"), [(59, "accepted"), (61, "ignored"), (-59, "accepted"), (-61, "ignored")])
def test_an_event_signed_long_ago_or_in_the_future_is_ignored(hook: Hook, name: str, off: int, outcome: str) -> None:
    hooked = hook(name)
    body = kazoo_event(ID, HOOK, sent=NOON - timedelta(minutes=off))
    assert hooked.send(event(json.dumps(body).encode())) == 200
    assert bool(hooked.aws.items()) is (outcome == "accepted")
    assert f"webhook {outcome}" in hooked.log.getvalue()


@pytest.mark.parametrize(
    "about", [{"action": "doc_deleted"}, {"type": "fax"}, {"account_id": "f" * 32}], ids=lambda about: next(iter(about))
)
def test_events_about_something_else_are_ignored_and_take_nothing_away(hook: Hook, about: dict[str, str]) -> None:
    hooked = hook("kazoo signed")
    hooked.know(State.ARCHIVED)
    before = hooked.aws.items()
    hooked.calls.clear()
    assert hooked.send(event(json.dumps(kazoo_event(ID, HOOK, **about)).encode())) == 200  # type: ignore[arg-type]  # by name
    assert hooked.calls == {"GetSecretValue": 1}
    assert hooked.aws.items() == before


@every
def test_a_body_over_256_kib_is_refused_before_anybody_looks_at_it(hook: Hook, name: str) -> None:
    hooked = hook(name)
    sent = hooked.sender.send(ID, HOOK)
    assert hooked.send({**sent, "body": base64.b64encode(b" " * (MAX_BYTES + 1)).decode()}) == 413
    assert hooked.send({**sent, "body": " " * (MAX_BYTES + 1), "isBase64Encoded": False}) == 413
    assert hooked.calls == {}


def test_a_body_of_exactly_256_kib_is_taken(hook: Hook) -> None:
    body = json.dumps({"recording_id": ID}).encode().ljust(MAX_BYTES)
    assert hook("babelforce").send(event(body, {"x-webhook-secret": HOOK})) == 200


@pytest.mark.parametrize("content_type", ["image/png", "multipart/form-data; boundary=x", "application/octet-stream"])
def test_other_content_types_are_refused(hook: Hook, content_type: str) -> None:
    hooked = hook("babelforce")
    sent = babelforce(ID, HOOK)
    sent["headers"]["content-type"] = content_type
    assert hooked.send(sent) == 415
    assert hooked.calls == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_a_method_that_no_provider_uses_is_answered_with_405(hook: Hook, method: str) -> None:
    hooked = hook("babelforce")
    assert hooked.send({**babelforce(ID, HOOK), "requestContext": {"http": {"method": method}}}) == 405
    assert hooked.calls == {}


@pytest.mark.parametrize("content_type", ["Application/JSON; charset=utf-8", "text/plain", None])
def test_json_is_taken_by_any_name_it_is_sent_under(hook: Hook, content_type: str | None) -> None:
    body = json.dumps({"recording_id": ID}).encode()
    assert hook("babelforce").send(event(body, {"x-webhook-secret": HOOK}, content_type=content_type)) == 200


@sharing
@pytest.mark.parametrize("body", [b'{"id": ', b"[]", b"{}", b"\xff\xfe", b'{"id": 7}', b'{"id": ""}', b"[" * 10_000])
def test_a_verified_body_that_makes_no_sense_is_told_so_and_leaves_nothing(hook: Hook, name: str, body: bytes) -> None:
    hooked = hook(name)
    assert hooked.send(event(body, {"x-webhook-secret": HOOK})) == 400
    assert hooked.is_untouched()


def test_a_body_that_is_no_base64_is_malformed(hook: Hook) -> None:
    assert hook("babelforce").send({**babelforce(ID, HOOK), "body": "not base64!"}) == 400


@every
def test_a_body_that_comes_as_text_is_verified_over_the_same_bytes(hook: Hook, name: str) -> None:
    hooked = hook(name)
    sent = hooked.sender.send(ID, HOOK)
    text = base64.b64decode(sent["body"]).decode()
    assert hooked.send({**sent, "body": text, "isBase64Encoded": False}) == 200


def test_an_empty_request_is_no_crash(hook: Hook) -> None:
    assert hook("babelforce").send({"version": "2.0"}) == 401


@every
def test_an_accepted_event_costs_six_calls_at_the_most_its_secret_included(hook: Hook, name: str) -> None:
    hooked = hook(name)
    hooked.take()
    assert hooked.calls.total() <= 6  # one of them looks for the tombstone of an erasure
    assert hooked.calls.keys() <= {"GetSecretValue", "GetItem", "BatchGetItem", "Query", "PutItem", "SendMessageBatch"}


@ready
def test_an_event_that_says_ready_after_one_that_did_not_costs_six_calls_at_the_most(hook: Hook, name: str) -> None:
    hooked = hook(name)
    hooked.runtime.ledger.insert(Recording(id=ID, readiness=Readiness.NOT_READY), "schedule")
    hooked.runtime.client.webhook_secrets()
    hooked.calls.clear()
    hooked.take()
    assert hooked.calls.total() <= 6  # one of them looks for the tombstone of an erasure
    assert len(hooked.aws.messages()) == 1
