"""Each role can do its job for its own source and nothing else."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from functions.providers import load
from infra.shared import Shared
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Function, Template, deployed, flat

SOURCES = ("acme-uk", "acme-de")
STEPS = ("lister", "downloader", "reconciler")

SECRET = "arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:recordings/{source}-??????"

ITEMS = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
CONSUME = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"}
OWN_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
EVERY = {*OWN_LOG, *ITEMS, "dynamodb:Query", "sqs:SendMessage", "secretsmanager:GetSecretValue"}

ACTIONS = {
    "lister": EVERY | {"sns:Publish", "s3:GetObject", "s3:ListBucket", "s3:ListBucketVersions"},
    "downloader": EVERY
    | CONSUME
    | {"dynamodb:DeleteItem", "s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket"},
    "reconciler": EVERY | {"s3:PutObject", "s3:GetObject", "s3:ListBucketVersions"},
}
LEADING_KEYS = "dynamodb:LeadingKeys"
INDEXES = {"lister": {"due"}, "downloader": {"due"}, "reconciler": {"due", "day"}}
ARCHIVED = ("audio", "quarantine", "metadata", "transcripts")


@pytest.fixture(params=[(step, source) for step in STEPS for source in SOURCES], ids="-".join)
def function(request: pytest.FixtureRequest, archive: Template) -> Function:
    step, source = request.param
    return archive.function(step, source)


def prefixes(source: str, folders: tuple[str, ...]) -> set[str]:
    return {f"<ArchiveBucket.Arn>/{folder}/source={source}/*" for folder in folders}


def test_a_role_has_exactly_the_actions_of_its_job(function: Function) -> None:
    assert function.allowed().keys() == ACTIONS[function.step]
    assert "ManagedPolicyArns" not in function.role["Properties"]


def test_no_action_is_a_pattern(function: Function) -> None:
    assert not [action for action in function.allowed() if "*" in action]


def test_a_role_reads_the_secret_of_its_source_alone(function: Function) -> None:
    assert function.allowed()["secretsmanager:GetSecretValue"] == {SECRET.format(source=function.source)}


def test_a_role_reaches_the_queue_of_its_source_alone(function: Function) -> None:
    own = f"<{function.environment['QUEUE_URL']}.Arn>"
    sqs = {action: resources for action, resources in function.allowed().items() if action.startswith("sqs:")}
    assert set().union(*sqs.values()) == {own}


def test_a_role_reaches_the_items_of_its_source_alone(function: Function) -> None:
    statements = [s for s in function.statements() if "dynamodb:" in flat(s["Action"])]
    assert statements
    for statement in statements:
        (keys,) = statement["Condition"]["ForAllValues:StringLike"].values()
        assert all(key.startswith(f"{function.source}#") for key in keys)
        assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
    # The condition holds for a request without a key, so a scan would see everything.
    assert "dynamodb:Scan" not in function.allowed()


@pytest.mark.parametrize("source", SOURCES)
def test_a_downloader_changes_what_it_works_on_and_the_pace_and_deletes_no_recording(
    archive: Template, source: str
) -> None:
    # Hostile bytes reach it: cursors, seals, totals and tombstones are none of its business.
    patterns = {
        action: {key.removeprefix(f"{source}#") for key in each["Condition"]["ForAllValues:StringLike"][LEADING_KEYS]}
        for each in archive.function("downloader", source).statements()
        if "dynamodb:" in flat(each["Action"])
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    follow_ups = {"lookup#*", "transcript#*"}
    assert patterns["dynamodb:DeleteItem"] == follow_ups
    written = {"recording#*", *follow_ups, "pace*", "token"}
    assert patterns["dynamodb:PutItem"] == patterns["dynamodb:UpdateItem"] == written


def test_a_role_queries_the_indexes_that_its_job_needs(function: Function) -> None:
    expected = {f"<ArchiveTable.Arn>/index/{name}" for name in INDEXES[function.step]}
    assert function.allowed()["dynamodb:Query"] == expected
    assert set().union(*(function.allowed()[action] for action in ITEMS)) == {"<ArchiveTable.Arn>"}


@pytest.mark.parametrize("source", SOURCES)
def test_a_downloader_writes_and_finds_its_own_recordings_and_can_delete_none(archive: Template, source: str) -> None:
    downloader = archive.function("downloader", source)
    allowed = downloader.allowed()
    own = prefixes(source, ARCHIVED)
    assert allowed["s3:PutObject"] == own
    # What an earlier attempt may have left; a transcript is written and never looked for, and no document has parts.
    assert allowed["s3:AbortMultipartUpload"] == prefixes(source, ("audio", "quarantine"))
    looked_at = ("audio", "quarantine", "metadata")
    assert allowed["s3:GetObject"] == prefixes(source, looked_at)
    (listing,) = (s for s in downloader.statements() if s["Action"] == "s3:ListBucket")
    assert flat(listing["Resource"]) == "<ArchiveBucket.Arn>"
    assert listing["Condition"] == {
        "StringLike": {"s3:prefix": [f"{folder}/source={source}/*" for folder in looked_at]}
    }


@pytest.mark.parametrize("source", SOURCES)
def test_a_lister_reads_what_is_written_of_its_recordings_and_no_byte_of_audio(archive: Template, source: str) -> None:
    lister = archive.function("lister", source)
    common = ["holds/*", "erasures/*"]
    described = [f"{folder}/source={source}/*" for folder in ("metadata", "reports")] + common
    assert lister.allowed()["s3:GetObject"] == {f"<ArchiveBucket.Arn>/{pattern}" for pattern in described}
    seen = {
        flat(statement["Action"]): statement["Condition"]["StringLike"]["s3:prefix"]
        for statement in lister.statements()
        if "s3:List" in flat(statement["Action"])
    }
    assert seen == {
        "s3:ListBucket": described,
        "s3:ListBucketVersions": [f"{folder}/source={source}/*" for folder in ("audio", "quarantine")],
    }


@pytest.mark.parametrize("source", SOURCES)
def test_a_reconciler_writes_reports_and_seals_and_reads_nothing_else(archive: Template, source: str) -> None:
    allowed = archive.function("reconciler", source).allowed()
    assert allowed["s3:PutObject"] == allowed["s3:GetObject"] == prefixes(source, ("reports", "seals"))


@pytest.mark.parametrize("source", SOURCES)
def test_a_reconciler_lists_the_versions_of_its_own_audio_and_seals_alone(archive: Template, source: str) -> None:
    function = archive.function("reconciler", source)
    (statement,) = (each for each in function.statements() if each["Action"] == "s3:ListBucketVersions")
    folders = [f"{folder}/source={source}/*" for folder in ("audio", "quarantine", "seals")]
    assert statement["Condition"] == {"StringLike": {"s3:prefix": folders}}


def test_a_role_writes_only_its_own_log(function: Function) -> None:
    group = function.properties["LoggingConfig"]["LogGroup"]["Ref"]
    assert set().union(*(function.allowed()[action] for action in OWN_LOG)) == {f"<{group}.Arn>"}


@pytest.mark.parametrize("shares", [True, False])
def test_a_token_can_be_encrypted_for_its_own_source_alone_and_only_where_it_is_shared(
    monkeypatch: pytest.MonkeyPatch, shares: bool
) -> None:
    declaration = replace(load("kazoo").declaration, shares_token=shares)
    monkeypatch.setattr("infra.shared.load", lambda _: SimpleNamespace(declaration=declaration))
    arn = "arn:aws:kms:eu-central-1:111122223333:key/abc"
    shared = cast("Shared", SimpleNamespace(archive=a_deployment(kms_key=arn).archive))
    given = [each.to_statement_json() for each in Shared.may_share_token(shared, a_source("acme-uk"))]
    context = {"kms:EncryptionContext:archive": "recordings", "kms:EncryptionContext:source": "acme-uk"}
    allowed = {
        "Effect": "Allow",
        "Action": ["kms:Encrypt", "kms:Decrypt"],
        "Resource": arn,
        "Condition": {"StringEquals": context},
    }
    assert given == ([allowed] if shares else [])


def test_whoever_uses_a_bucket_of_ones_own_may_see_whether_it_keeps_versions() -> None:
    source = a_source(webhook=True)
    theirs, ours = (deployed(a_deployment(source, bucket=bucket)).functions() for bucket in ("calls-of-acme", None))
    users = {function.step for function in ours if any(action.startswith("s3:") for action in function.allowed())}
    may_see = {function.step for function in theirs if "s3:GetBucketVersioning" in function.allowed()}
    assert may_see == users == {"lister", "downloader", "reconciler"}
    assert not [function.step for function in ours if "s3:GetBucketVersioning" in function.allowed()]
