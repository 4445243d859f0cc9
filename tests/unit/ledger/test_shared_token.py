"""All functions of a source use one access token; whoever reads the table learns nothing of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from functions.archiver.aws.engine import AwsEngine, KmsSeal
from functions.archiver.clock import Clock
from functions.archiver.errors import ArchiveTrouble, Service, Throttled, Unavailable
from functions.archiver.http.auth import MemoryTokens, Token, TokenAuth
from functions.archiver.ledger.shared_token import LEASE, SharedTokens
from functions.archiver.recording import Json
from functions.archiver.settings.environment import Settings
from tests.doubles.aws import REGION, Aws
from tests.doubles.clock import FakeClock
from tests.harness.deployments import a_deployment, a_source

ALICE, BOB = "alice's credentials", "bob's credentials"


@pytest.fixture
def key(aws: Aws) -> str:
    return boto3.client("kms", region_name=REGION).create_key()["KeyMetadata"]["Arn"]


def seal_with(key: str, *, source: str = "acme", archive: str = "recordings") -> KmsSeal:
    return KmsSeal(boto3.client("kms", region_name=REGION), key, archive=archive, source=source)


@dataclass
class Asking:
    """Stands in for the token request: a new token each time, an hour long."""

    clock: Clock
    asked: int = 0
    names: list[str] = field(default_factory=list)

    def __call__(self) -> Token:
        self.asked += 1
        return Token(value=f"confidential-{self.asked}", use_until=self.clock.now().timestamp() + 3600)


def tokens_on(aws: Aws, key: str, clock: FakeClock, *, source: str = "acme") -> SharedTokens:
    return SharedTokens(aws.table, seal_with(key, source=source), source=source, clock=clock)


def test_a_second_function_uses_the_token_of_the_first(aws: Aws, key: str, clock: FakeClock) -> None:
    ask = Asking(clock)
    first = tokens_on(aws, key, clock).get(ALICE, ask, None)
    assert tokens_on(aws, key, clock).get(ALICE, ask, None) == first
    assert ask.asked == 1


def test_a_token_that_is_over_is_fetched_anew(aws: Aws, key: str, clock: FakeClock) -> None:
    ask = Asking(clock)
    tokens_on(aws, key, clock).get(ALICE, ask, None)
    clock.advance(timedelta(hours=1))
    assert tokens_on(aws, key, clock).get(ALICE, ask, None).value == "confidential-2"


def test_a_refused_token_is_replaced_once_for_all(aws: Aws, key: str, clock: FakeClock) -> None:
    ask = Asking(clock)
    first = tokens_on(aws, key, clock).get(ALICE, ask, None)
    second = tokens_on(aws, key, clock).get(ALICE, ask, first.value)
    assert tokens_on(aws, key, clock).get(ALICE, ask, first.value) == second
    assert ask.asked == 2


def test_the_token_of_other_credentials_is_none(aws: Aws, key: str, clock: FakeClock) -> None:
    ask = Asking(clock)
    tokens_on(aws, key, clock).get(ALICE, ask, None)
    assert tokens_on(aws, key, clock).get(BOB, ask, None).value == "confidential-2"


def test_nothing_of_it_can_be_read_in_the_table(aws: Aws, key: str, clock: FakeClock) -> None:
    tokens_on(aws, key, clock).get(ALICE, Asking(clock), None)
    text = json.dumps(aws.items(), default=str)
    assert "acme#token" in text
    assert "confidential" not in text
    assert "alice" not in text


def test_a_token_that_was_moved_to_another_source_does_not_open(aws: Aws, key: str, clock: FakeClock) -> None:
    ask = Asking(clock)
    tokens_on(aws, key, clock).get(ALICE, ask, None)
    sealed = (aws.table.get("acme#token") or {})["sealed"]
    aws.table.put_new({"pk": "other#token", "sealed": sealed})
    assert tokens_on(aws, key, clock, source="other").get(ALICE, ask, None).value == "confidential-2"


def test_who_comes_while_it_is_fetched_waits_for_that_one(aws: Aws, key: str, clock: FakeClock) -> None:
    ask = Asking(clock)

    class Waiting(FakeClock):
        """While it sleeps, the other one is given its token."""

        def sleep(self, seconds: float) -> None:
            aws.table.update("acme#token", put={}, remove=["lease_until"])
            tokens_on(aws, key, clock).get(ALICE, ask, None)
            super().sleep(seconds)

    aws.table.update("acme#token", put={"lease_until": 10**15})
    assert tokens_on(aws, key, Waiting()).get(ALICE, ask, None).value == "confidential-1"
    assert ask.asked == 1


def test_a_writer_that_died_blocks_nobody_for_longer_than_its_lease(aws: Aws, key: str, clock: FakeClock) -> None:
    def dying() -> Token:
        raise KeyboardInterrupt

    table = aws.table
    with pytest.raises(KeyboardInterrupt):
        tokens_on(aws, key, clock).get(ALICE, dying, None)
    table.update("acme#token", put={"lease_until": round((clock.now() + LEASE).timestamp() * 1000)})
    began = clock.now()
    tokens_on(aws, key, clock).get(ALICE, Asking(clock), None)
    assert clock.now() - began <= LEASE + timedelta(seconds=1)


def test_a_writer_that_never_ends_is_trouble_of_the_source(aws: Aws, key: str, clock: FakeClock) -> None:
    aws.table.update("acme#token", put={"lease_until": 10**15})
    with pytest.raises(Unavailable, match="for too long"):
        tokens_on(aws, key, clock).get(ALICE, Asking(clock), None)


def test_a_refused_token_request_gives_its_lease_back(aws: Aws, key: str, clock: FakeClock) -> None:
    def throttled() -> Token:
        raise Throttled("too fast")

    with pytest.raises(Throttled):
        tokens_on(aws, key, clock).get(ALICE, throttled, None)
    began = clock.now()
    tokens_on(aws, key, clock).get(ALICE, Asking(clock), None)
    assert clock.now() == began


def test_tokens_in_memory_are_shared_by_the_functions_of_a_process() -> None:
    tokens, ask = MemoryTokens(), Asking(Clock())
    assert tokens.get(ALICE, ask, None) == tokens.get(ALICE, ask, None)
    assert tokens.get(BOB, ask, None).value == "confidential-2"
    assert tokens.get(ALICE, ask, "confidential-1").value == "confidential-3"
    assert "confidential" not in repr(tokens) + repr(tokens.get(ALICE, ask, None))


def test_a_token_auth_keeps_what_it_was_handed_and_tells_which_one_was_refused() -> None:
    handed: list[str | None] = []

    def share(fetch: object, refused: str | None) -> Token:
        handed.append(refused)
        return Token(value=f"t{len(handed)}", use_until=Clock().now().timestamp() + 60)

    def unused() -> tuple[Json, float]:
        raise AssertionError("the share has a token")

    auth = TokenAuth(unused, header="Authorization", scheme="Bearer", share=share)
    assert [auth.headers(), auth.headers()] == [{"Authorization": "Bearer t1"}] * 2
    assert auth.renew()
    assert auth.headers() == {"Authorization": "Bearer t2"}
    assert handed == [None, "t1"]


@pytest.mark.parametrize("kms_key", [None, "arn:aws:kms:eu-central-1:111122223333:key/abc"])
def test_a_provider_that_does_not_limit_tokens_has_each_function_fetch_its_own(aws: Aws, kms_key: str | None) -> None:
    settings = Settings(
        bucket="b", table="t", archive=a_deployment(kms_key=kms_key).archive, source=a_source("acme", provider="kazoo")
    )
    assert AwsEngine(settings, boto3.Session(region_name=REGION)).tokens is None


@pytest.mark.parametrize("operation", ["Encrypt", "Decrypt"])
@pytest.mark.parametrize(
    ("status", "code"), [(400, "ThrottlingException"), (400, "DisabledException"), (500, "KMSInternalException")]
)
def test_trouble_of_the_key_is_called_by_its_name_and_is_no_recordings_fault(
    aws: Aws, key: str, clock: FakeClock, operation: str, status: int, code: str
) -> None:
    kms = boto3.client("kms", region_name=REGION)
    tokens = SharedTokens(aws.table, KmsSeal(kms, key, archive="recordings", source="acme"), source="acme", clock=clock)
    ask = Asking(clock)
    if operation == "Decrypt":
        tokens.get(ALICE, ask, None)
    document = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    answer: Any = SimpleNamespace(status_code=status), document
    events: Any = kms.meta.events  # whose answer stands in for that of AWS
    events.register(f"before-call.kms.{operation}", lambda **_: answer)
    with pytest.raises(ArchiveTrouble) as raised:
        tokens.get(ALICE, ask, None)
    assert (raised.value.service, raised.value.code) == (Service.KMS, code)
