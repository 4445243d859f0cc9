"""How the parts are put together: one runtime a process, credentials by their declared shape, nothing of them shown."""

from __future__ import annotations

import functools
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from functions.archiver import runtime as module
from functions.archiver.aws import engine
from functions.archiver.aws.engine import AwsEngine
from functions.archiver.clock import Clock
from functions.archiver.errors import ArchiveTrouble, Misconfigured, Unauthorized
from functions.archiver.listing.listing import ENOUGH_SECONDS
from functions.archiver.provider.declaration import Declaration
from functions.archiver.runtime import RESERVE_SECONDS, Runtime, running, runtime
from functions.archiver.settings.deployment import Archive, Source
from functions.archiver.settings.environment import Settings
from functions.archiver.settings.metrics import Metric
from functions.archiver.source_client import credentials_of
from functions.providers.babelforce import Babelforce
from tests.doubles.clock import FakeClock

CREDENTIALS = {"client_id": "the-client", "client_secret": "s3cret-value"}
NAME = "recordings/acme"


class Seconds:
    """Lambda's context with so many seconds left."""

    def __init__(self, left: float) -> None:
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        return round(self._left * 1000)


def settings(**more: Any) -> Settings:
    source = Source(
        name="acme",
        provider="babelforce",
        base_url="https://acme.example",
        secret=NAME,
        requests_per_minute=30,
        max_parallel_downloads=2,
        overlap=timedelta(hours=24),
    )
    given = {"bucket": "archive", "table": "ledger", "queue_url": "https://queue.example/1/lanes.fifo"}
    return Settings(**{**given, "archive": Archive(name="test"), "source": source, **more})


@pytest.fixture
def session() -> Iterator[boto3.Session]:
    with mock_aws():
        yield boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")


def keep_secret(session: boto3.Session, text: str) -> None:
    session.client("secretsmanager").create_secret(Name=NAME, SecretString=text)


@pytest.fixture
def run(session: boto3.Session) -> Runtime:
    return Runtime(settings(), AwsEngine(settings(), session, log=io.StringIO()), FakeClock())


def test_a_provider_is_built_with_its_credentials_and_once(session: boto3.Session, run: Runtime) -> None:
    keep_secret(session, json.dumps(CREDENTIALS))
    provider = run.provider()
    assert isinstance(provider, Babelforce)
    assert {name: secret.reveal() for name, secret in provider.account.credentials.items()} == CREDENTIALS
    assert run.provider() is provider


def test_a_secret_is_read_once_in_five_minutes(
    session: boto3.Session, run: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_secret(session, json.dumps(CREDENTIALS))
    asked: list[str] = []
    session.events.register("before-call.secretsmanager", lambda event_name, **_: asked.append(event_name))
    began = time.time()
    for later, calls in ((0, 1), (299, 1), (302, 2), (303, 2)):
        monkeypatch.setattr(time, "time", lambda later=later: began + later)
        assert json.loads(run.engine.secret(run.settings.source.secret)) == CREDENTIALS
        assert len(asked) == calls
    run.engine.secret(run.settings.source.secret, fresh=True)
    assert len(asked) == 3


@pytest.mark.parametrize("content", [{"SecretBinary": b"{}"}, {"SecretString": "[]"}, {"SecretString": "no JSON"}])
def test_a_secret_that_is_none_of_its_providers_is_a_mistake_of_the_settings(
    session: boto3.Session, run: Runtime, content: dict[str, Any]
) -> None:
    session.client("secretsmanager").create_secret(Name=settings().source.secret, **content)
    with pytest.raises(Misconfigured, match="acme"):
        run.provider()


@pytest.mark.usefixtures("aws")
def test_a_secret_that_the_source_refuses_is_read_anew_until_it_is_taken() -> None:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    run = Runtime(settings(), AwsEngine(settings(), session, log=io.StringIO()), FakeClock())

    def now() -> str:
        provider = run.provider()
        assert isinstance(provider, Babelforce)
        return provider.account.credentials["client_secret"].reveal()

    def rotate(to: str) -> None:
        text = json.dumps({**CREDENTIALS, "client_secret": to})
        session.client("secretsmanager").put_secret_value(SecretId=NAME, SecretString=text)

    keep_secret(session, json.dumps(CREDENTIALS))
    assert now() == "s3cret-value"
    rotate("second")
    assert now() == "s3cret-value"
    run.pace.cool_down(Unauthorized("HTTP 401"))
    assert now() == "second"
    rotate("third")
    assert now() == "third"
    run.pace.refused = False
    rotate("fourth")
    assert now() == "third"


def test_a_changed_secret_makes_a_new_provider(
    session: boto3.Session, run: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_secret(session, json.dumps(CREDENTIALS))
    monkeypatch.setattr(engine, "SECRET_SECONDS", -1)
    before = run.provider()
    changed = {**CREDENTIALS, "client_secret": "rotated"}
    session.client("secretsmanager").put_secret_value(SecretId=NAME, SecretString=json.dumps(changed))
    after = run.provider()
    assert after is not before
    assert after.account.credentials["client_secret"].reveal() == "rotated"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "the secret recordings/acme does not exist or cannot be read"),
        ("s3cret-value", "the secret recordings/acme is not a JSON object"),
        ('["s3cret-value"]', "the secret recordings/acme is not a JSON object"),
        (
            '{"client_id": "s3cret-value"}',
            "the secret recordings/acme must be a JSON object with the texts "
            "client_id and client_secret, or access_id and access_token",
        ),
        (
            '{"client_id": "s3cret-value", "client_secret": 7}',
            "the secret recordings/acme must be a JSON object with the texts "
            "client_id and client_secret, or access_id and access_token",
        ),
    ],
)
def test_a_wrong_secret_is_named_and_never_quoted(
    session: boto3.Session, run: Runtime, text: str | None, complaint: str
) -> None:
    if text is not None:
        keep_secret(session, text)
    with pytest.raises(Misconfigured) as raised:
        run.provider()
    assert str(raised.value).startswith(complaint)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "InternalServiceError"), (503, "ServiceUnavailable"), (400, "ThrottlingException"), (0, "")],
)
def test_trouble_of_secrets_manager_is_not_taken_for_a_wrong_secret(
    session: boto3.Session, run: Runtime, status: int, code: str
) -> None:
    """A wrong one would count as refused by the provider, and wake somebody."""
    keep_secret(session, json.dumps(CREDENTIALS))

    def answer(**_: object) -> Any:
        if not status:
            raise EndpointConnectionError(endpoint_url="https://aws.example")
        document = {"Error": {"Code": code, "Message": "s3cret"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return SimpleNamespace(status_code=status), document

    events: Any = session.events  # whose answer stands in for that of AWS
    events.register("before-call.secretsmanager.GetSecretValue", answer)
    with pytest.raises(ArchiveTrouble) as raised:
        run.provider()
    assert raised.value.reason == f"Secrets Manager does not work for us: {code or 'EndpointConnectionError'}"


def test_only_the_fields_of_a_declared_shape_become_credentials() -> None:
    declaration: Declaration = Babelforce.declaration
    given: dict[str, object] = {**CREDENTIALS, "webhook_secret": "other", "access_id": ""}
    assert credentials_of(given, declaration, NAME).keys() == CREDENTIALS.keys()


def test_credentials_are_masked_in_what_a_provider_says_and_ids_are_not(session: boto3.Session, run: Runtime) -> None:
    keep_secret(session, json.dumps(CREDENTIALS))
    http = run.provider().http
    assert http.quotable("the-client said s3cret-value") == "the-client said ***"


def test_an_invocation_ends_a_minute_before_lambda_ends_it(run: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.archiver.runtime.time.monotonic", lambda: 1000.0)
    assert run.begin(Seconds(900)) is run
    assert run.seconds_left() == 900 - RESERVE_SECONDS
    monkeypatch.setattr("functions.archiver.runtime.time.monotonic", lambda: 1840.0)
    assert run.seconds_left() == 0


def test_a_provider_is_asked_no_longer_than_the_invocation_lasts(session: boto3.Session, run: Runtime) -> None:
    keep_secret(session, json.dumps(CREDENTIALS))
    assert run.provider().http._deadline == run.seconds_left


def test_a_function_without_lanes_says_which_variable_is_missing(session: boto3.Session) -> None:
    without = Runtime(settings(), AwsEngine(settings(queue_url=None), session), Clock())
    with pytest.raises(Misconfigured, match="QUEUE_URL"):
        without.intake  # noqa: B018 - asking for it is the test


def test_the_parts_of_an_invocation_share_one_ledger_and_one_pace(run: Runtime) -> None:
    assert run.ledger is run.ledger
    assert run.archiver._pace is run.pace is run.intake._pace
    assert run.archiver._ledger is run.ledger is run.intake._ledger
    assert run.archiver._lanes == 2


def test_a_log_line_is_json_and_names_its_source(run: Runtime, session: boto3.Session) -> None:
    stream = io.StringIO()
    Runtime(settings(), AwsEngine(settings(), session, log=stream), Clock()).logger.info("archived", recording_id="rec")
    line = json.loads(stream.getvalue())
    assert (line["message"], line["source"], line["recording_id"]) == ("archived", "acme", "rec")


def test_a_metric_has_its_archive_its_source_and_its_unit(run: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    run.count({Metric.TROUBLE: 1, Metric.OLDEST_WAITING_SECONDS: 2.5})
    line = json.loads(capsys.readouterr().out)
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert (line["archive"], line["source"]) == (settings().archive.name, "acme")
    assert (line["Trouble"], line["OldestWaitingSeconds"]) == ([1], [2.5])
    assert metrics["Dimensions"] == [["archive", "source"]]
    assert {each["Name"]: each["Unit"] for each in metrics["Metrics"]} == {
        "Trouble": "Count",
        "OldestWaitingSeconds": "Seconds",
    }


def test_only_trouble_is_sent_when_it_is_zero(run: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    run.count({Metric.TROUBLE: 0, Metric.OLDEST_WAITING_SECONDS: 0, Metric.RECORDINGS_FAILED: 0})
    line = json.loads(capsys.readouterr().out)
    assert [each["Name"] for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["Trouble"]
    run.count({Metric.WEBHOOK_REFUSED: 0})
    assert capsys.readouterr().out == ""


def test_a_process_has_one_runtime_made_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    module._of_process.cache_clear()
    module._engine_of_process.cache_clear()
    for name, value in settings().to_env().items():
        monkeypatch.setenv(name, value)
    made = runtime()
    assert made.settings == settings()
    assert runtime() is made
    module._of_process.cache_clear()
    module._engine_of_process.cache_clear()


def test_a_process_without_its_environment_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    module._of_process.cache_clear()
    module._engine_of_process.cache_clear()
    for name in settings().to_env():
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Misconfigured, match="BUCKET"):
        runtime()


def test_a_given_runtime_is_used_for_the_length_of_a_block(run: Runtime) -> None:
    other = Runtime(settings(), AwsEngine(settings(), boto3.Session(region_name="eu-central-1")), Clock())
    with running(run):
        with running(other):
            assert runtime() is other
        assert runtime() is run


def test_no_function_loads_boto3_and_only_a_process_of_lambda_loads_botocore() -> None:
    loads = "import sys, functions.{0}; print(*(m for m in sys.modules if m in ('boto3', 'botocore', 's3transfer')))"
    for handler in ("lister", "downloader", "reconciler", "webhook"):
        words = [sys.executable, "-c", loads.format(handler)]
        plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        lambda_ = {**plain, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}
        for environment, loaded in ((plain, False), (lambda_, True)):
            done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
            assert done.stdout.split() == (["botocore"] if loaded else []), handler


@pytest.mark.parametrize("handler", ["lister", "downloader", "reconciler", "webhook", "sweeper", "events"])
def test_a_process_of_lambda_makes_its_clients_before_it_asks_for_work(handler: str) -> None:
    shows = f"""
import functions.{handler}, gc
from functions.archiver import runtime
made = runtime.announcer if "{handler}" == "events" else runtime._engine_of_process
print(made.cache_info().currsize, gc.isenabled(), gc.get_freeze_count() > 10_000)
if made.cache_info().currsize and "{handler}" != "events":
    print(*sorted(name.strip("_") for name in vars(made())))
"""
    given = {**settings().to_env(), "QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/1/q.fifo"}
    lambda_ = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "AWS_REGION": "eu-central-1", "PYTHONPATH": str(Path.cwd())}
    run = functools.partial(subprocess.run, [sys.executable, "-c", shows], capture_output=True, text=True, check=True)
    made, *names = run(env={**lambda_, **given, "AWS_DEFAULT_REGION": "eu-central-1"}).stdout.splitlines()
    assert made == "1 True True"
    if handler != "events":
        assert {"lanes", "table", "secrets"} <= set(names[0].split())
        assert ("s3" in names[0].split()) is (handler in ("downloader", "reconciler", "sweeper"))
    assert run(env=lambda_).stdout.strip() == "0 True True"  # what is wrong with its settings, an invocation says


def test_requests_are_counted_by_kind(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []
    run = Runtime(settings(), AwsEngine(settings(), session), FakeClock(), on_request=kinds.append)
    monkeypatch.setattr(run.pace, "_reserve", lambda: run.pace._now_ms())
    run.pace._slot_ms = run.pace._now_ms()
    run.pace.book("media")
    assert kinds == ["media"]


def test_the_environment_holds_no_secret() -> None:
    assert not [value for value in settings().to_env().values() if "s3cret" in value]
    assert "BUCKET" not in os.environ


def test_an_invocation_that_is_to_end_soon_has_time_for_a_request_and_not_for_another_page(
    session: boto3.Session,
) -> None:
    run = Runtime(settings(), AwsEngine(settings(), session), FakeClock()).begin(Seconds(900))
    run.end_soon()
    assert 0 < run.seconds_left() < ENOUGH_SECONDS
    assert run.begin(Seconds(900)).seconds_left() > ENOUGH_SECONDS
