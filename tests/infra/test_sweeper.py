"""The function that deletes at the source: where it exists, and that its role can harm nothing else."""

from __future__ import annotations

import json

import pytest

from functions.archiver.errors import Misconfigured
from functions.archiver.ledger.at_source import ATTRIBUTES
from functions.archiver.object_keys import AT_SOURCE
from infra.source.sweeper import MARKS, RECORDS
from infra.synth import templates
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Template, deployed

DELETING = a_source("acme-uk", delete_after_days=30, delete_secret="recordings/delete")
SECRET = "arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:recordings/delete-??????"
STEPS = ("lister", "sweeper")
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"


@pytest.fixture(scope="module")
def stack() -> Template:
    return deployed(a_deployment(DELETING, a_source("acme-de"), object_lock="governance"))


def test_it_exists_for_sources_that_ask_for_it_alone(stack: Template) -> None:
    assert {function.source for function in stack.functions() if function.step == "sweeper"} == {"acme-uk"}


def test_it_is_fired_every_hour_to_do_its_round_once_a_day(stack: Template) -> None:
    fired = stack.schedules_of(stack.function("sweeper"))
    assert {json.loads(text)["action"]: when for text, when in fired.items()} == {"sweep": "rate(1 hour)"}


def test_its_failures_ring_the_alarm_of_all_functions(stack: Template) -> None:
    alarms = stack.of_type("AWS::CloudWatch::Alarm").values()
    errors = [json.dumps(each) for each in alarms if "functions keep failing" in json.dumps(each)]
    assert sum("sweeper" in text for text in errors) == 1


def test_the_secret_that_may_delete_is_its_alone_and_it_reads_no_other(stack: Template) -> None:
    readers = {
        (function.step, secret)
        for function in stack.functions()
        if function.source == "acme-uk"
        for secret in function.allowed()["secretsmanager:GetSecretValue"]
    }
    assert [step for step, secret in readers if secret == SECRET] == ["sweeper"]
    assert [secret for step, secret in readers if step == "sweeper"] == [SECRET]


def test_its_role_has_exactly_the_actions_of_its_job(stack: Template) -> None:
    assert stack.function("sweeper").allowed().keys() == {
        *("logs:CreateLogStream", "logs:PutLogEvents", "secretsmanager:GetSecretValue"),
        *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:UpdateItem"),
        *("s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:ListBucketVersions"),
        *("s3:GetBucketObjectLockConfiguration", "s3:PutObject"),
    }


def test_it_writes_nothing_into_the_bucket_but_its_records(stack: Template) -> None:
    own = {"<ArchiveBucket.Arn>/erasures/at-source/source=acme-uk/*"}
    assert stack.function("sweeper").allowed()["s3:PutObject"] == own
    assert f"{RECORDS}/" == AT_SOURCE


def test_of_a_recordings_item_it_writes_its_marks_alone(stack: Template) -> None:
    statements = [each for each in stack.function("sweeper").statements() if each["Action"] == "dynamodb:UpdateItem"]
    marks, own = (each["Condition"] for each in statements)
    assert marks == {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": list(MARKS)},
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["acme-uk#recording#*"]},
    }
    keys = ["acme-uk#sweeper", "acme-uk#health", "acme-uk#pace*"]
    assert own == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
    assert MARKS == ATTRIBUTES


def test_it_shares_no_token_with_functions_that_have_another_secret() -> None:
    kazoo = a_source("pbx", provider="kazoo", delete_after_days=30, delete_secret="recordings/delete")
    stack = deployed(a_deployment(kazoo, object_lock="governance", kms_key=KEY))
    shared = {step: "kms:EncryptionContext:source" in str(stack.function(step, "pbx").statements()) for step in STEPS}
    assert shared["sweeper"] is False
    assert stack.function("sweeper", "pbx").allowed().keys() >= {"kms:Decrypt", "kms:GenerateDataKey"}


@pytest.mark.parametrize(
    ("archive", "why"),
    [({}, "needs object_lock"), ({"object_lock": "governance", "bucket": "my-bucket"}, "a bucket of your own")],
)
def test_a_stack_whose_bucket_would_not_keep_the_last_copy_is_refused(archive: dict[str, str], why: str) -> None:
    with pytest.raises(Misconfigured, match=f"^sources.acme-uk.delete_at_source: .*{why}"):
        templates(a_deployment(DELETING, **archive))
