"""Object Lock: in the template only where the deployment asks for it, and what is said of it."""

from __future__ import annotations

import pytest

from app import notices
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Template, deployed

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d1e2f30-0000-4000-8000-000000000000"
LOCK, DAYS = "s3:PutObjectRetention", "s3:object-lock-remaining-retention-days"


@pytest.fixture(scope="module")
def locked() -> Template:
    return deployed(a_deployment(a_source(expire_after_days=365), expire_after_days=2555, object_lock="governance"))


def test_the_bucket_gets_it_without_a_default_rule_and_without_being_replaced(locked: Template) -> None:
    properties = locked.only("AWS::S3::Bucket")["Properties"]
    assert properties["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    assert "ObjectLockEnabled" not in properties


def test_without_it_nobody_may_lock_or_hold() -> None:
    plain = deployed(a_deployment(a_source()))
    assert "ObjectLockConfiguration" not in plain.only("AWS::S3::Bucket")["Properties"]
    for function in plain.functions():
        assert not {LOCK, "s3:PutObjectLegalHold"} & function.allowed().keys()


def test_the_downloader_locks_audio_for_the_source_s_term_and_only_holds(locked: Template) -> None:
    statements = list(locked.function("downloader").statements())
    (lock,) = [each for each in statements if each["Action"] == LOCK]
    assert lock["Condition"] == {"NumericLessThanEquals": {DAYS: "366"}}
    assert {arn.split("/")[1] for arn in locked.function("downloader").allowed()[LOCK]} == {"audio", "quarantine"}
    (hold,) = [each for each in statements if each["Action"] == "s3:PutObjectLegalHold"]
    assert hold["Condition"] == {"StringEquals": {"s3:object-lock-legal-hold": "ON"}}


def test_the_reconciler_locks_seals_alone_and_others_lock_nothing(locked: Template) -> None:
    assert {arn.split("/")[1] for arn in locked.function("reconciler").allowed()[LOCK]} == {"seals"}
    for step in ("lister", "webhook"):
        assert all(LOCK not in each.allowed() for each in locked.functions() if each.step == step)


def test_it_is_said_what_a_lock_means_for_erasure_and_for_card_codes() -> None:
    governance = "\n".join(notices(a_deployment(a_source(), object_lock="governance", expire_after_days=30)))
    assert "30 days nobody but break_glass_role" in governance
    assert "PCI" not in governance
    compliance = "\n".join(
        notices(
            a_deployment(
                a_source(),
                object_lock="compliance",
                compliance_cannot_be_undone=True,
                kms_key=KEY,
                expire_after_days=30,
            )
        )
    )
    assert "PCI DSS 3.3.1" in compliance
    assert "archive.kms_key" in compliance
    own = "\n".join(notices(a_deployment(a_source(), object_lock="governance", bucket="calls-of-acme")))
    assert "put-object-lock-configuration --bucket calls-of-acme" in own
