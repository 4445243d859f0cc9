"""Rotation, sources without a secret, and trouble with secrets and AWS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doubles.aws import TABLE
from tests.harness.webhooks import HOOK, SENDERS, SESSION, Hook, sharing

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
