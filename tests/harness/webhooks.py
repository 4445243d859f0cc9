"""Senders of webhook events, and the function that takes them, over moto."""

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

from functions.archiver.aws.engine import AwsEngine
from functions.archiver.entry import State, Stored
from functions.archiver.recording import Recording
from functions.archiver.runtime import Runtime, running
from functions.archiver.settings.environment import Settings
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

    @functools.cache  # noqa: B019 - as above
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


every = pytest.mark.parametrize("name", SENDERS)
signing = pytest.mark.parametrize("name", [name for name, sender in SENDERS.items() if sender.signs])
sharing = pytest.mark.parametrize("name", [name for name, sender in SENDERS.items() if not sender.signs])
ready = pytest.mark.parametrize("name", [name for name, sender in SENDERS.items() if sender.ready])
