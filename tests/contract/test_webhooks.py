"""What a provider makes of webhook requests: nothing of a body is believed before its sender is verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from functions.archiver.errors import BadEvent, Unverified
from functions.archiver.provider.delivery import Delivery, Hint, Ignored, Reply, Said
from functions.archiver.provider.provider import Provider
from functions.archiver.secret import Secret
from tests.contract.case import Case
from tests.contract.fixture import Handshake, Sample

FORGED = {
    "nothing": b"",
    "an object": b"{}",
    "an array": b"[]",
    "no JSON": b'{"id": ',
    "no text": b"\xff\xfe",
    "deep nesting": b"[" * 100_000,
    "too much": b" " * 2_000_000,
}


def delivery_of(sample: Sample) -> Delivery:
    return Delivery(
        headers=sample.headers,
        query=sample.query,
        body=sample.body,
        path_secret=Secret(sample.path_secret) if sample.path_secret else None,
        received_at=sample.received_at,
        url=sample.url,
    )


def secrets_of(sample: Sample) -> list[Secret]:
    return [Secret(value) for value in sample.secrets]


def refused(provider: Provider, delivery: Delivery, secrets: Sequence[Secret]) -> None:
    with pytest.raises(Unverified):
        provider.event(delivery, secrets)


def test_each_way_of_verification_has_a_sample(case: Case) -> None:
    assert {sample.by for sample in case.fixture.webhooks} == set(case.declaration.webhook)


def test_a_sample_says_what_it_should(case: Case, sample: Sample) -> None:
    said = case.provider().event(delivery_of(sample), secrets_of(sample))
    if sample.hint is None:
        assert isinstance(said, Ignored)
        assert said.reason
    else:
        several = [sample.hint] if isinstance(sample.hint, Mapping) else sample.hint
        assert hints(said) == [Hint(**fields) for fields in several]


def hints(said: Said) -> list[Hint]:
    assert not isinstance(said, Ignored | Reply)
    return [said] if isinstance(said, Hint) else list(said)


def test_a_handshake_is_answered_without_a_question_to_the_provider(case: Case, handshake: Handshake) -> None:
    request = handshake.request
    assert case.provider().event(delivery_of(request), secrets_of(request)) == Reply(**handshake.reply)
    assert case.replay.own.requests == []


def test_a_proven_handshake_is_refused_without_its_proof(case: Case, handshake: Handshake) -> None:
    if handshake.proven:
        bare = replace(delivery_of(handshake.request), headers={}, path_secret=None)
        refused(case.provider(), bare, secrets_of(handshake.request))
        refused(case.provider(), delivery_of(handshake.request), [Secret("another-secret")])


@pytest.mark.parametrize("echoed", ["a" * 5000, "ünïcode", "two\r\nlines"])
def test_a_handshake_echoes_nothing_but_a_few_printable_characters(
    case: Case, handshake: Handshake, echoed: str
) -> None:
    if handshake.proven:
        return  # it could not have been signed
    headers = dict.fromkeys(handshake.request.headers, echoed)
    with pytest.raises((BadEvent, Unverified)):
        case.provider().event(replace(delivery_of(handshake.request), headers=headers), secrets_of(handshake.request))


def test_a_sample_is_verified_while_its_secret_is_rotated(case: Case, sample: Sample) -> None:
    secrets = [Secret("confidential-new-one"), *secrets_of(sample), Secret("b3RoZXI=")]
    alone = case.provider().event(delivery_of(sample), secrets_of(sample))
    assert case.provider().event(delivery_of(sample), secrets) == alone


def test_an_event_asks_nothing(case: Case, sample: Sample) -> None:
    case.provider().event(delivery_of(sample), secrets_of(sample))
    assert case.replay.own.requests == []


def test_another_secret_verifies_nobody(case: Case, sample: Sample) -> None:
    others = {name: Secret("b3RoZXI=") for name in case.fixture.credentials}
    stranger = case.kind(case.http(), case.account(others))
    refused(stranger, delivery_of(sample), [Secret("another-secret")])
    refused(stranger, delivery_of(sample), [])


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_secret_verifies_nobody(case: Case, sample: Sample, empty: str) -> None:
    headers = {name: empty if sample.by == "secret" else value for name, value in sample.headers.items()}
    delivery = replace(delivery_of(sample), headers=headers, path_secret=Secret(empty))
    others = {name: Secret("b3RoZXI=") for name in case.fixture.credentials}
    refused(case.kind(case.http(), case.account(others)), delivery, [Secret("")])


def test_an_event_without_its_proof_is_refused(case: Case, sample: Sample) -> None:
    bare = replace(delivery_of(sample), headers={}, path_secret=None)
    if sample.by == "signature":
        bare = replace(bare, body=bare.body.replace(b"hmac", b"none"))
    for secret in sample.secrets:
        bare = replace(bare, body=bare.body.replace(secret.encode(), b"none"))
    refused(case.provider(), bare, secrets_of(sample))


def test_a_signed_event_that_was_changed_is_refused(case: Case, sample: Sample) -> None:
    if sample.by != "signature":
        return  # a shared secret says nothing about the body
    ids = [id_.encode() for facts in case.fixture.recordings[:1] for id_ in (str(facts["id"]), str(facts["call_id"]))]
    changed = sample.body
    for id_ in ids:
        changed = changed.replace(id_, id_[::-1])
    assert changed != sample.body
    refused(case.provider(), replace(delivery_of(sample), body=changed), secrets_of(sample))


@pytest.mark.parametrize("body", FORGED)
def test_a_body_makes_no_difference_to_a_sender_that_is_not_verified(case: Case, sample: Sample, body: str) -> None:
    delivery = replace(delivery_of(sample), headers={}, query={}, body=FORGED[body], path_secret=None)
    refused(case.provider(), delivery, secrets_of(sample))


@pytest.mark.parametrize("body", FORGED)
def test_a_verified_body_that_makes_no_sense_is_a_bad_event(case: Case, sample: Sample, body: str) -> None:
    if sample.by == "signature":
        return  # it could not have been signed
    if sample.proven_by_its_body:
        return  # there is no proof in it
    delivery = replace(delivery_of(sample), query={}, body=FORGED[body])
    with pytest.raises(BadEvent):
        case.provider().event(delivery, secrets_of(sample))
