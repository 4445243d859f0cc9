"""What becomes of webhook requests: by the real handler, each provider's real verification and an AWS in memory."""

from __future__ import annotations

import base64
import functools
import hmac
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

import boto3
import pytest

from functions.archiver.aws import AwsEngine
from functions.archiver.entry import State, Stored
from functions.archiver.errors import Unavailable
from functions.archiver.ledger.ledger import FIRST_LOOK_AT_UNFINISHED
from functions.archiver.recording import Readiness, Recording
from functions.archiver.runtime import Runtime, running
from functions.archiver.settings.environment import Settings
from functions.archiver.throttling.lanes import read
from functions.archiver.webhooks import MAX_BYTES
from functions.providers.kazoo import YEAR_ZERO
from functions.webhook import handler
from tests.doubles.aws import BUCKET, REGION, TABLE, Aws
from tests.doubles.clock import NOON, FakeClock
from tests.harness.deployments import a_deployment, a_source

ID = "202603-0123456789abcdef0123456789abcdef"
ACCOUNT = "0123456789abcdef0123456789abcdef"
HOOK = "confidential-hook"
API_KEY = base64.b64encode(b"confidential-key").decode()
STORED = Stored(key="audio/x.wav", version_id="v1", size_bytes=9, sha256="ab" * 32, content_type="audio/wav")

Event = dict[str, Any]


def event(
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    path_secret: str | None = None,
    query: Mapping[str, str] | None = None,
    content_type: str | None = "application/json",
) -> Event:
    """As API Gateway hands it over; bytes always as base64."""
    made: Event = {
        "version": "2.0",
        "routeKey": "POST /webhooks/acme",
        "rawPath": f"/webhooks/acme/{path_secret or ''}",
        "headers": {**({"content-type": content_type} if content_type else {}), **(headers or {})},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    if path_secret:
        made["pathParameters"] = {"secret": path_secret}
    if query:
        made["queryStringParameters"] = dict(query)
    return made


def kazoo_event(
    id_: str, secret: str, *, action: str = "doc_edited", sent: datetime = NOON, **data: str
) -> dict[str, Any]:
    content = {"id": id_, "type": "call_recording", "account_id": ACCOUNT, "action": action, **data}
    moment = int(sent.timestamp()) + YEAR_ZERO
    text = f"{moment}{json.dumps(content, separators=(',', ':'))}".encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()
    return {"data": content, "timestamp": moment, "hmac": signature}


def kazoo_signed(id_: str, secret: str) -> Event:
    return event(json.dumps(kazoo_event(id_, secret)).encode())


def kazoo_form(id_: str, secret: str) -> Event:
    form = urlencode({"id": id_, "type": "call_recording", "action": "doc_created"}).encode()
    return event(form, {"x-webhook-secret": secret}, content_type="application/x-www-form-urlencoded")


def babelforce(id_: str, secret: str) -> Event:
    return event(json.dumps({"recording_id": id_}).encode(), {"X-Webhook-Secret": secret})


def dialogtech(id_: str, secret: str) -> Event:
    return event(path_secret=secret, query={"sid": id_}, content_type=None)


def telesign(id_: str, secret: str) -> Event:
    body = json.dumps({"reference_id": id_, "event": "call_completed"}).encode()
    key = API_KEY if secret == HOOK else base64.b64encode(secret.encode()).decode()
    signature = base64.b64encode(hmac.digest(base64.b64decode(key), body, "sha256")).decode()
    return event(body, {"authorization": f"TSA THE-CUSTOMER:{signature}"})


@dataclass(frozen=True, kw_only=True)
class Sender:
    """A provider as it sends. What it says leads into a lane when it is `ready`, to a look-up for `calls`."""

    provider: str
    send: Callable[[str, str], Event]
    credentials: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    ready: bool = False
    signs: bool = False
    calls: bool = False


KAZOO: dict[str, Any] = {
    "provider": "kazoo",
    "credentials": {"api_key": "confidential-api", "webhook_secret": HOOK},
    "options": {"account_id": ACCOUNT},
}
SENDERS = {
    "kazoo signed": Sender(send=kazoo_signed, ready=True, signs=True, **KAZOO),
    "kazoo form": Sender(send=kazoo_form, **KAZOO),
    "babelforce": Sender(
        provider="babelforce",
        send=babelforce,
        credentials={"client_id": "id", "client_secret": "confidential-client", "webhook_secret": HOOK},
        ready=True,
    ),
    "dialogtech": Sender(
        provider="dialogtech",
        send=dialogtech,
        credentials={"access_key": "confidential-a", "secret_access_key": "confidential-b", "webhook_secret": HOOK},
        options={"call_detail": True},
    ),
    "telesign": Sender(
        provider="telesign",
        send=telesign,
        credentials={"customer_id": "THE-CUSTOMER", "api_key": API_KEY},
        signs=True,
        calls=True,
    ),
}


class Context:
    function_name = "webhook"
    aws_request_id = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


class SharedSession:
    """Makes each client once: that costs more time than a test. `calls` counts what they ask by operation."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        self._session.events.register("before-call", self._count)

    @functools.cache  # noqa: B019 - there is one for the whole module
    def client(self, name: Any, **_: Any) -> Any:
        return self._session.client(name)

    @functools.cache  # noqa: B019
    def resource(self, name: Any) -> Any:
        return self._session.resource(name)

    def _count(self, event_name: str, **_: object) -> None:
        self.calls[event_name.rpartition(".")[2]] += 1


SESSION = SharedSession()


class Hooked:
    """One source's webhook function with everything it works on; `calls` counts what it asks of AWS."""

    def __init__(self, aws: Aws, clock: FakeClock, sender: Sender, *, secret: Any = None, **source: Any) -> None:
        self.aws = aws
        self.clock = clock
        self.sender = sender
        self.log = io.StringIO()
        document = dict(sender.credentials) if secret is None else secret
        SESSION.client("secretsmanager").create_secret(Name="acme", SecretString=json.dumps(document))
        SESSION.calls.clear()
        facts = {"provider": sender.provider, "secret": "acme", "webhook": True, "options": dict(sender.options)}
        settings = Settings(
            bucket=BUCKET,
            table=TABLE,
            queue_url=aws.queue_url,
            archive=a_deployment().archive,
            source=a_source("acme", **facts, **source),
        )
        self.runtime = Runtime(settings, AwsEngine(settings, cast("boto3.Session", SESSION), log=self.log), clock)

    @property
    def calls(self) -> Counter[str]:
        return SESSION.calls

    def send(self, event: Event) -> int:
        with running(self.runtime):
            answer = handler(event, Context())
        self.answer = answer["body"]
        return int(str(answer["statusCode"]))

    def take(self, id_: str = ID, secret: str = HOOK) -> int:
        return self.send(self.sender.send(id_, secret))

    def state(self) -> State | None:
        entry = self.runtime.ledger.find(ID)
        return entry.state if entry else None

    def is_untouched(self) -> bool:
        return not self.aws.items() and not self.aws.messages()

    def know(self, state: State) -> None:
        """Brings a recording with facts into `state`."""
        ledger = self.runtime.ledger
        recording = Recording(id=ID, recorded_at=NOON - timedelta(days=3), agent="Ada", raw={"id": ID})
        if state is State.PENDING:
            ledger.insert(recording, "schedule")
            return
        ticket = ledger.insert_queued(recording, "schedule")
        assert ticket
        moves: dict[State, Callable[[], object]] = {
            State.ARCHIVED: lambda: ledger.mark_archived(ticket, STORED),
            State.GONE: lambda: ledger.mark_gone(ticket, "deleted"),
            State.FAILED: lambda: ledger.mark_failed(ticket, "broken"),
        }
        if state in moves:
            moves[state]()


Hook = Callable[..., Hooked]


@pytest.fixture
def hook(aws: Aws, clock: FakeClock) -> Hook:
    def make(name: str, **more: Any) -> Hooked:
        return Hooked(aws, clock, SENDERS[name], **more)

    return make


every = pytest.mark.parametrize("name", SENDERS)
signing = pytest.mark.parametrize("name", [name for name, sender in SENDERS.items() if sender.signs])
sharing = pytest.mark.parametrize("name", [name for name, sender in SENDERS.items() if not sender.signs])
ready = pytest.mark.parametrize("name", [name for name, sender in SENDERS.items() if sender.ready])


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
    assert hooked.send(event(json.dumps(kazoo_event(ID, HOOK, **about)).encode())) == 200  # type: ignore[arg-type]
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


# rotation, and sources without a secret


@sharing
def test_while_a_secret_is_rotated_the_old_and_the_new_one_are_taken(hook: Hook, name: str) -> None:
    both = {**SENDERS[name].credentials, "webhook_secret": ["the-new-one", "the-old-one"]}
    hooked = hook(name, secret=both)
    assert [hooked.take(secret=each) for each in ("the-new-one", "the-old-one", HOOK)] == [200, 200, 401]


@sharing
def test_without_a_secret_nobody_is_believed(hook: Hook, name: str) -> None:
    bare = {name: value for name, value in SENDERS[name].credentials.items() if name != "webhook_secret"}
    hooked = hook(name, secret=bare)
    assert [hooked.take(secret=each) for each in ("", "guess")] == [401, 401]
    assert hooked.is_untouched()


@sharing
def test_without_a_secret_a_deployment_may_believe_everybody(hook: Hook, name: str) -> None:
    bare = {name: value for name, value in SENDERS[name].credentials.items() if name != "webhook_secret"}
    assert hook(name, secret=bare, webhook_unverified=True).take(secret="") == 200


@sharing
def test_a_secret_that_is_set_counts_whatever_the_deployment_says(hook: Hook, name: str) -> None:
    assert hook(name, webhook_unverified=True).take(secret="guess") == 401


def test_a_signature_is_checked_whatever_the_deployment_says(hook: Hook) -> None:
    assert hook("telesign", webhook_unverified=True).take(secret="guess") == 401


@pytest.mark.parametrize("wrong", ["", [], [""], 7, {"a": "b"}, ["good", 7]])
def test_a_webhook_secret_that_is_none_verifies_nobody(hook: Hook, wrong: Any) -> None:
    hooked = hook("babelforce", secret={**SENDERS["babelforce"].credentials, "webhook_secret": wrong})
    assert [hooked.take(secret=each) for each in ("", "good", "7")] == [401 if wrong == [] else 503] * 3
    assert hooked.is_untouched()


# trouble on this side


def test_a_secret_that_cannot_be_read_asks_for_a_repetition(hook: Hook) -> None:
    hooked = hook("babelforce")
    SESSION.client("secretsmanager").delete_secret(SecretId="acme", ForceDeleteWithoutRecovery=True)
    assert hooked.take() == 503
    assert "the secret acme does not exist or cannot be read" in hooked.log.getvalue()


def test_an_aws_in_trouble_asks_for_a_repetition(hook: Hook) -> None:
    hooked = hook("babelforce")
    SESSION.client("dynamodb").delete_table(TableName=TABLE)
    assert hooked.take() == 503
    assert hooked.answer == '{"message": "Service Unavailable"}'


# the ledger


@ready
@pytest.mark.parametrize("state", State)
def test_of_a_recording_that_is_known_an_event_changes_nothing(hook: Hook, name: str, state: State) -> None:
    hooked = hook(name)
    hooked.know(state)
    before = hooked.aws.items()
    assert hooked.take() == 200
    assert hooked.aws.items() == before
    assert hooked.aws.messages() == []


@ready
def test_an_unfinished_recording_that_is_said_to_be_ready_goes_into_its_lane_with_its_facts(
    hook: Hook, name: str
) -> None:
    hooked = hook(name)
    found = Recording(
        id=ID, readiness=Readiness.NOT_READY, recorded_at=NOON - timedelta(days=3), agent="Ada", raw={"a": 1}
    )
    hooked.runtime.ledger.insert(found, "schedule")
    assert hooked.take() == 200
    (message,) = hooked.aws.messages()
    entry = hooked.runtime.ledger.entry(read(message).ticket)
    assert (entry.recording.agent, entry.recording.raw, entry.described) == ("Ada", {"a": 1}, True)
    assert (entry.day, entry.discovered_by) == ((NOON - timedelta(days=3)).date(), "schedule")
    assert entry.unfinished_since is None


@ready
def test_events_take_a_quarter_of_what_may_be_in_flight_and_the_rest_of_them_waits(hook: Hook, name: str) -> None:
    hooked = hook(name, requests_per_minute=4)  # 8 may be in flight
    for number in range(5):
        assert hooked.take(f"{number}-{ID}") == 200
    assert len(hooked.aws.items()) == 5
    assert len(hooked.aws.messages()) == hooked.runtime.ledger.due.in_flight() == 2
    assert hooked.runtime.ledger.due.next_at() == NOON


@ready
def test_while_the_source_cools_down_an_event_waits_in_the_ledger(hook: Hook, name: str) -> None:
    hooked = hook(name)
    hooked.runtime.ledger.insert(Recording(id=ID, readiness=Readiness.NOT_READY), "schedule")
    hooked.runtime.pace.cool_down(Unavailable("503"))
    assert [hooked.take(), hooked.take("another")] == [200, 200]
    assert hooked.aws.messages() == []
    assert {item["due_at"] for pk, item in hooked.aws.items().items() if "due_at" in item} == {NOON.timestamp() * 1000}


def test_what_an_event_named_is_described_before_it_is_filed(hook: Hook) -> None:
    hooked = hook("babelforce")
    hooked.take()
    (message,) = hooked.aws.messages()
    ticket = read(message).ticket
    assert not hooked.runtime.ledger.entry(ticket).described
    recorded = NOON - timedelta(days=3)
    hooked.runtime.ledger.describe(ticket, Recording(id=ID, recorded_at=recorded, raw={"id": ID}))
    entry = hooked.runtime.ledger.entry(ticket)
    assert (entry.described, entry.day) == (True, recorded.date())


@every
def test_a_listing_that_finds_what_an_event_named_adds_nothing(hook: Hook, name: str) -> None:
    hooked = hook(name)
    if hooked.sender.calls:
        return  # a call is no recording, and its look-up finds what a listing would
    hooked.take()
    before = hooked.aws.items()
    listed = Recording(id=ID, recorded_at=NOON - timedelta(days=3), raw={"id": ID})
    taken = hooked.runtime.intake.take([listed], "schedule")
    assert (taken.new, taken.queued) == ((), 0)
    (item,) = hooked.aws.items().values()
    # Not described yet: its day is filed only once the provider was asked about it.
    assert (item["day"], item.get("described")) == (f"acme#{NOON.date()}", False)
    assert item.get("unfinished_since") is None or item == next(iter(before.values()))


# what is told


@every
def test_no_secret_body_or_path_is_in_any_log_line(hook: Hook, name: str) -> None:
    hooked = hook(name)
    marked = hooked.sender.send(ID, HOOK)
    marked["headers"]["x-marked"] = "in-the-header"
    marked["rawPath"] += "/in-the-path"
    marked["queryStringParameters"] = {**marked.get("queryStringParameters", {}), "marked": "in-the-query"}
    guessed = hooked.sender.send(ID, "confidential-guess")
    broken = event(b'{"in-the-body": ', {"x-webhook-secret": HOOK})
    unsupported = {**marked, "headers": {**marked["headers"], "content-type": "image/in-the-type"}}
    for sent in (marked, guessed, broken, unsupported):
        hooked.send(sent)
    log = hooked.log.getvalue()
    assert log.count("\n") == 4
    for secret in ("confidential", API_KEY, "TSA", "in-the-", "rawPath"):
        assert secret not in log
    assert {json.loads(line)["source"] for line in log.splitlines()} == {"acme"}


def test_each_delivery_leaves_a_line_with_its_outcome_and_ids(hook: Hook) -> None:
    hooked = hook("telesign")
    hooked.take()
    (line,) = map(json.loads, hooked.log.getvalue().splitlines())
    assert (line["message"], line["source"], line["call_id"]) == ("webhook accepted", "acme", ID)


def test_only_what_nobody_could_verify_is_counted(
    hook: Hook, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    hooked = hook("kazoo signed")

    def counted(sent: Event) -> dict[str, float]:
        hooked.send(sent)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["source"] for line in lines} <= {"acme"}
        return {name: value[0] for line in lines for name, value in line.items() if name.startswith("Webhook")}

    assert counted(kazoo_signed(ID, HOOK)) == {}
    deleted = json.dumps(kazoo_event(ID, HOOK, action="doc_deleted")).encode()
    assert counted(event(deleted)) == {}
    assert counted(kazoo_signed(ID, "guess")) == {"WebhookRefused": 1}
    assert counted(event(b" " * (MAX_BYTES + 1))) == {}
