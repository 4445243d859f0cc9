"""Seals are signed by a key that nothing but a person can end, and only where the deployment wants it."""

from __future__ import annotations

import pytest

from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Template, deployed


@pytest.fixture(scope="module")
def signing() -> Template:
    return deployed(a_deployment(sign=True))


def test_without_sign_there_is_no_key_and_nobody_may_sign(archive: Template) -> None:
    assert not archive.of_type("AWS::KMS::Key")
    assert not [action for action in archive.function("reconciler", "acme-uk").allowed() if action.startswith("kms:")]


def test_the_key_signs_on_p256_and_stays_when_the_stack_goes(signing: Template) -> None:
    key = signing.only("AWS::KMS::Key")
    assert (key["Properties"]["KeySpec"], key["Properties"]["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert signing.only("AWS::KMS::Alias")["Properties"]["AliasName"] == "alias/recordings-seals"


def test_a_deployment_can_neither_end_nor_disable_the_key(signing: Template) -> None:
    statements = signing.only("AWS::KMS::Key")["Properties"]["KeyPolicy"]["Statement"]
    (denied,) = (each for each in statements if each["Effect"] == "Deny")
    assert denied["Action"] == ["kms:ScheduleKeyDeletion", "kms:DisableKey"]


def test_a_reconciler_signs_digests_with_this_archive_s_key_and_no_other_function_does(signing: Template) -> None:
    statements = [
        each
        for each in signing.function("reconciler", "acme-uk").statements()
        if each["Action"] in ("kms:Sign", "kms:GetPublicKey")
    ]
    alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/recordings-seals"}}
    by_digest = {"StringEquals": {"kms:MessageType": "DIGEST", "kms:SigningAlgorithm": "ECDSA_SHA_256"}}
    assert [each["Condition"] for each in statements] == [{**alias, **by_digest}, alias]
    for step in ("lister", "downloader"):
        assert "kms:Sign" not in signing.function(step, "acme-uk").allowed()


def test_the_alias_goes_with_its_stack_so_that_a_later_one_may_have_it(signing: Template) -> None:
    assert signing.only("AWS::KMS::Alias").get("DeletionPolicy", "Delete") == "Delete"


def test_a_reconciler_locks_seals_as_long_as_the_archive_s_term_and_a_day_for_clocks_that_differ(
    archive: Template,
) -> None:
    assert "s3:PutObjectRetention" not in archive.function("reconciler", "acme-uk").allowed()
    locking = deployed(a_deployment(a_source("acme-uk"), object_lock="governance")).function("reconciler", "acme-uk")
    (statement,) = (each for each in locking.statements() if each["Action"] == "s3:PutObjectRetention")
    assert statement["Condition"] == {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": "3651"}}
    assert locking.allowed()["s3:PutObjectRetention"] == {"<ArchiveBucket.Arn>/seals/source=acme-uk/*"}
