"""Webhooks through a local run: the template's routes, the real functions, and all until the audio lies there."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from functions.archiver.errors import Misconfigured
from functions.providers.kazoo import YEAR_ZERO
from ops.local.functions import Sandbox
from ops.local.schedules import CRON_SECONDS, Schedules, seconds_of
from ops.local.source import Firing
from ops.local.webhook_server import MAX_BYTES, MAX_SANDBOXES, WebhookServer
from ops.local.wiring import Route, Scheduled
from simulators.providers.babelforce import Babelforce
from simulators.providers.kazoo import Kazoo
from simulators.server import Simulator
from tests.doubles.plain_http import SMALL, Got, ask

HOOK = "confidential-hook"
JSON = {"Content-Type": "application/json"}
ROUTES = [
    Route(key=f"{method} /webhooks/acme{rest}", function="acme-webhook")
    for method in ("POST", "GET")
    for rest in ("", "/{secret}")
]


class Stub:
    """A function that answers with what it was told. `enter` is called while an invocation runs."""

    def __init__(self, enter: Callable[[], None] = lambda: None) -> None:
        self.events: list[dict[str, Any]] = []
        self.made = 0
        self.most_at_once = 0
        self._enter = enter

    def make(self) -> Sandbox:
        self.made += 1
        return cast("Sandbox", _StubSandbox(self))

    def handle(self, event: dict[str, Any]) -> dict[str, Any]:
        self.events.append(event)
        self._enter()
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": '{"message":"ok"}'}


class _StubSandbox:
    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._busy = threading.Lock()

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        assert self._busy.acquire(blocking=False), "a sandbox serves one invocation at a time"
        try:
            return self._stub.handle(event)
        finally:
            self._busy.release()


class Served:
    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.errors: list[BaseException] = []
        self.server = WebhookServer(ROUTES, {"acme-webhook": stub.make}, 0, on_error=self.errors.append)
        self.server.start()

    def ask(self, path: str, method: str = "POST", body: bytes | None = b"{}", **headers: str) -> Got:
        return ask(f"{self.server.url}{path}", method, {**JSON, **headers}, body)

    def told(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        assert self.ask(*args, **kwargs).status == 200
        return self.stub.events[-1]


@pytest.fixture
def served() -> Iterator[Served]:
    serving = Served(Stub())
    yield serving
    serving.server.stop()


def test_a_request_is_told_in_api_gateways_words(served: Served) -> None:
    event = served.told("/webhooks/acme/a%2Fb?x=1&y=%20&x=2", body=b'{"a": 1}', **{"X-Webhook-Secret": "s"})
    assert (event["version"], event["routeKey"]) == ("2.0", "POST /webhooks/acme/{secret}")
    assert event["pathParameters"] == {"secret": "a/b"}
    assert event["rawQueryString"] == "x=1&y=%20&x=2"
    assert event["queryStringParameters"] == {"x": "1,2", "y": " "}
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": 1}', False)
    assert (event["headers"]["x-webhook-secret"], event["headers"]["content-type"]) == ("s", "application/json")
    context = event["requestContext"]
    assert (context["http"]["method"], context["stage"], context["routeKey"]) == ("POST", "$default", event["routeKey"])


def test_what_is_empty_is_left_out(served: Served) -> None:
    event = served.told("/webhooks/acme", "GET", None)
    assert not {"pathParameters", "queryStringParameters", "body"} & event.keys()


@pytest.mark.parametrize(
    ("content_type", "body"), [("application/x-www-form-urlencoded", b"id=1"), ("application/json", b"\xff\xfe")]
)
def test_what_is_no_text_comes_as_base64(served: Served, content_type: str, body: bytes) -> None:
    event = served.told("/webhooks/acme", body=body, **{"Content-Type": content_type})
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/webhooks/none"),
        ("POST", "/webhooks/acme/"),
        ("POST", "/webhooks/acme/secret/more"),
        ("POST", "/"),
        ("PUT", "/webhooks/acme"),
        ("DELETE", "/webhooks/acme"),
    ],
)
def test_what_has_no_route_is_not_found(served: Served, method: str, path: str) -> None:
    got = served.ask(path, method)
    assert (got.status, got.body) == (404, b'{"message":"Not Found"}')
    assert served.stub.events == []


def test_a_body_in_chunks_is_put_together(served: Served) -> None:
    split = urlsplit(served.server.url)
    connection = http.client.HTTPConnection(split.hostname or "", split.port, timeout=10)
    connection.request("POST", "/webhooks/acme", iter([b'{"a"', b": 1}"]), JSON, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert served.stub.events[0]["body"] == '{"a": 1}'


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Content-Length": str(MAX_BYTES + 1)}, 413), ({"Content-Length": "x"}, 400), ({"Content-Length": "-5"}, 400)],
)
def test_a_body_that_api_gateway_would_not_take_reaches_no_function(
    served: Served, headers: Mapping[str, str], status: int
) -> None:
    split = urlsplit(served.server.url)
    lines = ["POST /webhooks/acme HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection((split.hostname or "", split.port or 0), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())
    assert served.stub.events == []


def test_a_function_that_fails_is_answered_for_and_noted() -> None:
    def fail() -> None:
        raise RuntimeError("confidential")

    serving = Served(Stub(fail))
    got = serving.ask("/webhooks/acme")
    serving.server.stop()
    assert (got.status, got.body) == (500, b'{"message":"Internal Server Error"}')
    assert [str(error) for error in serving.errors] == ["confidential"]


def test_requests_at_once_get_sandboxes_of_their_own_which_are_used_again() -> None:
    together = threading.Barrier(MAX_SANDBOXES, timeout=30)

    def enter() -> None:
        together.wait()

    serving = Served(Stub(enter))
    asking = [threading.Thread(target=serving.ask, args=("/webhooks/acme",)) for _ in range(2 * MAX_SANDBOXES)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    serving.server.stop()
    assert len(serving.stub.events) == 2 * MAX_SANDBOXES
    assert serving.stub.made == MAX_SANDBOXES
    assert serving.errors == []


def test_stopping_waits_for_the_answer_that_is_being_given() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def enter() -> None:
        entered.set()
        go_on.wait(30)

    serving = Served(Stub(enter))
    got: list[Got] = []
    asking = threading.Thread(target=lambda: got.append(serving.ask("/webhooks/acme")))
    asking.start()
    assert entered.wait(30)
    stopping = threading.Thread(target=serving.server.stop)
    stopping.start()
    assert stopping.is_alive()
    go_on.set()
    stopping.join()
    asking.join()
    assert [each.status for each in got] == [200]
    with pytest.raises(ConnectionRefusedError):
        serving.ask("/webhooks/acme")


def test_a_port_that_is_taken_is_one_sentence(served: Served) -> None:
    port = urlsplit(served.server.url).port or 0
    with pytest.raises(Misconfigured, match=rf"^--serve-webhooks: port {port} of 127\.0\.0\.1: address already in use"):
        WebhookServer([], {}, port, on_error=lambda error: None)


# schedules


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(1 hour)", 3600), ("rate(2 days)", 172_800)],
)
def test_a_rate_is_as_many_seconds(expression: str, seconds: float) -> None:
    assert seconds_of(expression) == seconds


def test_a_cron_expression_fires_every_hour() -> None:
    assert seconds_of("cron(7 3 * * ? *)") == CRON_SECONDS


class Fired:
    """A function of a schedule. It fails at its first firing, and `often` is set at its third."""

    def __init__(self) -> None:
        self.times = 0
        self.ended = False
        self.runtime = self
        self.often = threading.Event()

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        assert event == {"action": "list"}
        self.times += 1
        if self.times == 3:
            self.often.set()
        if self.times == 1:
            raise RuntimeError("the first time")
        return {}

    def end_soon(self) -> None:
        self.ended = True

    def firing(self) -> Firing:
        scheduled = Scheduled(function="lister", expression="rate(1 minute)", input='{"action": "list"}')
        return Firing(scheduled=scheduled, sandbox=cast("Sandbox", self))


def test_schedules_fire_at_once_and_again_whatever_a_handler_raises_until_they_are_stopped() -> None:
    fired, errors = [Fired(), Fired()], list[BaseException]()
    schedules = Schedules([each.firing() for each in fired], on_error=errors.append, every=lambda expression: 0.01)
    schedules.start()
    assert all(each.often.wait(30) for each in fired)
    schedules.stop()
    times = [each.times for each in fired]
    assert [str(error) for error in errors] == ["the first time"] * 2
    time.sleep(0.05)
    assert [each.times for each in fired] == times
    assert all(each.ended for each in fired)


def test_a_schedule_fires_before_its_first_interval_is_over() -> None:
    fired, failed = Fired(), threading.Event()

    def on_error(error: BaseException) -> None:
        failed.set()

    schedules = Schedules([fired.firing()], on_error=on_error)
    schedules.start()
    assert failed.wait(30)
    schedules.stop()
    assert fired.times == 1


# a whole run


class Run:
    """`python -m ops local --serve-webhooks 0` in a process of its own, with sources whose listing finds nothing."""

    def __init__(self, folder: Path, simulators: Mapping[str, Simulator]) -> None:
        self.out = folder / "archive"
        deployment, secrets = folder / "deployment.toml", folder / "secrets.json"
        deployment.write_text('[archive]\nname = "local"\n' + "".join(map(self._source, simulators.items())))
        secrets.write_text(json.dumps({name: {**s.secret, "webhook_secret": HOOK} for name, s in simulators.items()}))
        words = ["--deployment", deployment, "--secrets", secrets, "--out", self.out, "--serve-webhooks", "0"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ops", "local", *map(str, words)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.first_line = self.process.stdout.readline().rstrip("\n")
        self.url = self.first_line.removeprefix("listening on ")

    def _source(self, item: tuple[str, Simulator]) -> str:
        name, simulator = item
        yesterday = datetime.now(UTC) - timedelta(days=1)
        options = "".join(f'{key} = "{value}"\n' for key, value in simulator.options.items())
        return (
            f'[sources.{name}]\nprovider = "{simulator.name}"\nsecret = "{name}"\nbase_url = "{simulator.base_url}"\n'
            f"start = {yesterday:%Y-%m-%dT%H:%M:%SZ}\nrequests_per_minute = 6000\nallow_private_addresses = true\n"
            f"webhook = true\n[sources.{name}.options]\n{options}"
        )

    def audio(self) -> list[Path]:
        return sorted(self.out.glob("audio/*/*/*"))

    def wait_for(self, recordings: int) -> None:
        patience = time.monotonic() + 60
        while len([*self.out.glob("metadata/*/*/*.json")]) < recordings and time.monotonic() < patience:
            time.sleep(0.05)

    def stop(self) -> tuple[int, str]:
        """The exit code and the rest of the output."""
        self.process.send_signal(signal.SIGTERM)
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode, rest


def kazoo_body(recording_id: str, account_id: str) -> bytes:
    data = {"id": recording_id, "type": "call_recording", "account_id": account_id, "action": "doc_edited"}
    moment = int(time.time()) + YEAR_ZERO
    text = f"{moment}{json.dumps(data, separators=(',', ':'))}".encode()
    signature = base64.b64encode(hmac.digest(HOOK.encode(), text, "sha256")).decode()
    return json.dumps({"data": data, "timestamp": moment, "hmac": signature}).encode()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ten_deliveries_of_each_event_make_one_archived_object_each_and_the_folder_is_complete(tmp_path: Path) -> None:
    with Babelforce(recordings=3, **SMALL) as acme, Kazoo(recordings=3, bucket=None, **SMALL) as pbx:
        run = Run(tmp_path, {"acme": acme, "pbx": pbx})
        assert run.first_line.startswith("listening on http://127.0.0.1:")
        named, other = [*acme.recordings][:2]
        kazoos = next(iter(pbx.recordings))
        body = json.dumps({"recording_id": named}).encode()
        signed = kazoo_body(kazoos, pbx.account_id)
        answers = set()
        for _ in range(10):
            answers.add(ask(f"{run.url}/webhooks/acme/{HOOK}", "POST", JSON, body).status)
            answers.add(ask(f"{run.url}/webhooks/pbx", "POST", JSON, signed).status)
        assert answers == {200}
        forged = json.dumps({"recording_id": other}).encode()
        assert ask(f"{run.url}/webhooks/acme/confidential-guess", "POST", JSON, forged).status == 401
        assert ask(f"{run.url}/webhooks/acme", "POST", JSON, signed).status == 401
        assert ask(f"{run.url}/webhooks/nobody", "POST", JSON, body).body == b'{"message":"Not Found"}'
        run.wait_for(2)
        code, rest = run.stop()
        assert (code, "Traceback" in rest) == (0, False)
        truth = {
            name: simulator.recordings[id_] for name, simulator, id_ in (("acme", acme, named), ("pbx", pbx, kazoos))
        }
    rows = [json.loads(line) for line in (run.out / "ledger.jsonl").read_text().splitlines()]
    assert {(row["source"], row["recording_id"], row["state"]) for row in rows} == {
        ("acme", named, "archived"),
        ("pbx", kazoos, "archived"),
    }
    assert len(run.audio()) == len(rows) == 2
    for row in rows:
        recording = truth[row["source"]]
        assert (row["sha256"], row["recorded_at"]) == (recording.sha256, recording.recorded_at.isoformat())
        assert f"/date={recording.recorded_at:%Y-%m-%d}/" in row["key"]
    figures = json.loads((run.out / "run.json").read_text())
    assert {name: source["archived"] for name, source in figures["sources"].items()} == {"acme": 1, "pbx": 1}
    assert figures["calls"]["webhook"]["lanes.send"] == 2
    assert figures["calls"]["reconciler"]
    log = (run.out / "log.jsonl").read_text()
    assert log.count('"webhook accepted"') == 2
    for secret in ("confidential", acme.secret["client_secret"], pbx.secret["api_key"], "hmac", "/webhooks/"):
        assert secret not in log
