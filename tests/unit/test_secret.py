"""A secret has no text form, whatever somebody does to it."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from functions.archiver.provider.provider import Account
from functions.archiver.secret import Secret, masked

VALUE = "s3cret-value"
SECRET = Secret(VALUE)


@dataclass
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "text",
    [
        str,
        repr,
        "{}".format,
        "{!r:>20}".format,
        lambda secret: f"{secret}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - one of the ways to make a text of it
        lambda secret: str([secret]),
        lambda secret: str({"key": secret}),
        lambda secret: str(Holder(secret)),
        lambda secret: str(Exception(secret)),
        lambda secret: json.dumps({"key": secret}, default=str),
    ],
)
def test_it_never_shows_its_value(text: Callable[[Secret], str]) -> None:
    assert VALUE not in text(SECRET)
    assert "***" in text(SECRET)


def test_an_account_shows_none_of_its_credentials() -> None:
    account = Account(source="acme", base_url="https://acme.example", credentials={"key": SECRET})
    assert VALUE not in repr(account)


def test_it_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("with %s and %r", SECRET, SECRET)
    assert VALUE not in caplog.text
    assert "***" in caplog.text


@pytest.mark.parametrize("serialise", [pickle.dumps, json.dumps, copy.deepcopy])
def test_it_is_never_serialised(serialise: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as raised:
        serialise(SECRET)
    assert VALUE not in str(raised.value)


def test_it_holds_nothing_that_a_look_at_its_attributes_shows() -> None:
    assert not hasattr(SECRET, "__dict__")


def test_it_is_revealed_when_asked_for() -> None:
    assert SECRET.reveal() == VALUE


def test_two_of_the_same_value_are_equal_and_hash_alike() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != Secret("b")
    assert SECRET != VALUE


def test_a_text_from_outside_is_masked() -> None:
    assert masked(f"refused {VALUE}: {VALUE}", [SECRET]) == "refused ***: ***"


def test_an_empty_secret_masks_nothing() -> None:
    assert masked("plain", [Secret("")]) == "plain"
