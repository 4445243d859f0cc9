"""What the bucket forbids by itself, whoever asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.archive_bucket import for_your_bucket
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Resource, Template, deployed, flat, refers_to

FOLDERS = ("audio", "quarantine", "seals", "holds", "erasures", "accesses")
BREAK_GLASS = "arn:aws:iam::111122223333:role/BreakGlass"


def denied(archive: Template) -> dict[str, Resource]:
    """The policy's own statements by their id."""
    statements = archive.only("AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
    found = {statement["Sid"]: statement for statement in statements if "Sid" in statement}
    for statement in found.values():
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] in ("*", {"AWS": "*"})
        assert [flat(arn) for arn in statement["Resource"]] == [f"<ArchiveBucket.Arn>/{name}/*" for name in FOLDERS]
    return found


def exempt(archive: Template) -> list[Any]:
    found: list[Any] = denied(archive)["NoDeletes"]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    return found


def test_what_is_written_once_cannot_be_written_without_if_none_match(archive: Template) -> None:
    statement = denied(archive)["WriteOnce"]
    assert statement["Action"] == "s3:PutObject"
    # The second key is false for the parts of a multipart upload, which cannot carry the header.
    assert statement["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_no_replica_may_be_written_there(archive: Template) -> None:
    statement = denied(archive)["NoReplicas"]
    assert {*statement["Action"]} == {"s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"}
    assert "Condition" not in statement


def test_only_the_eraser_may_delete(archive: Template) -> None:
    assert denied(archive)["NoDeletes"]["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    (eraser,) = exempt(archive)
    role = archive.resources[refers_to(eraser)]["Properties"]
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "s3:DeleteObjectVersion"
    folders = ("audio", "metadata", "transcripts", "quarantine", "reports")  # reports name what they list
    assert {flat(arn) for arn in statement["Resource"]} == {f"<ArchiveBucket.Arn>/{name}/*" for name in folders}


def test_a_function_can_never_become_the_eraser(archive: Template) -> None:
    role = archive.resources[refers_to(exempt(archive)[0])]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert flat(trust["Principal"]["AWS"]) == "arn:<AWS::Partition>:iam::<AWS::AccountId>:root"
    assert not [function for function in archive.functions() if "sts:AssumeRole" in function.allowed()]


def test_a_role_for_emergencies_is_exempt_too() -> None:
    assert exempt(deployed(a_deployment(a_source(), break_glass_role=BREAK_GLASS)))[1:] == [BREAK_GLASS]
    without = deployed(a_deployment(a_source(), break_glass_role=BREAK_GLASS, access_policies=False))
    assert exempt(without) in (BREAK_GLASS, [BREAK_GLASS])


def test_without_any_such_role_nobody_may_delete() -> None:
    archive = deployed(a_deployment(a_source(), access_policies=False))
    assert "Condition" not in denied(archive)["NoDeletes"]
    assert not [id_ for id_ in archive.of_type("AWS::IAM::Role") if "Eraser" in id_]


@pytest.mark.parametrize("glass", [None, BREAK_GLASS])
def test_only_the_role_for_emergencies_passes_over_a_lock_of_governance_mode(glass: str | None) -> None:
    # An administrator who shortens a lock could have the Eraser do the rest.
    locked = deployed(a_deployment(a_source(), object_lock="governance", break_glass_role=glass))
    statement = denied(locked)["NoBypass"]
    assert statement["Action"] == "s3:BypassGovernanceRetention"
    assert statement.get("Condition") == ({"ArnNotEquals": {"aws:PrincipalArn": [glass]}} if glass else None)
    assert "NoBypass" not in denied(deployed(a_deployment(a_source(), break_glass_role=glass)))


def test_the_bucket_stays_protected_when_the_stack_goes(archive: Template) -> None:
    policy = archive.only("AWS::S3::BucketPolicy")
    assert (policy["DeletionPolicy"], policy["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_sidecars_transcripts_and_reports_stay_writable(archive: Template) -> None:
    for statement in denied(archive).values():
        resources = " ".join(map(flat, statement["Resource"]))
        assert not [name for name in ("metadata", "transcripts", "reports") if name in resources]


@pytest.mark.parametrize(
    "settings", [{}, {"access_policies": False}, {"break_glass_role": BREAK_GLASS, "object_lock": "governance"}]
)
def test_for_a_bucket_of_ones_own_the_same_statements_are_an_output_and_printed(settings: dict[str, Any]) -> None:
    own = a_deployment(a_source(), bucket="calls-of-acme", **settings)
    archive = deployed(own)
    assert not archive.of_type("AWS::S3::BucketPolicy")
    (output,) = (flat(each["Value"]) for id_, each in archive.document["Outputs"].items() if "BucketPolicy" in id_)
    printed = str(for_your_bucket(own))
    listed = json.loads(printed[printed.index("[") : printed.rindex("]") + 1])
    *kept, tls = zip(json.loads(output), listed, strict=True)
    assert {each["Sid"] for each in tls} == {"OnlyTls"}
    for given, said in kept:
        assert (given["Sid"], given["Action"], given["Effect"]) == (said["Sid"], said["Action"], said["Effect"])
        assert [arn.partition(":::")[2] for arn in given["Resource"]] == [f"calls-of-acme/{name}/*" for name in FOLDERS]
        assert [arn.partition(":::")[2] for arn in said["Resource"]] == [f"calls-of-acme/{name}/*" for name in FOLDERS]
        assert given.get("Condition", {}).keys() == said.get("Condition", {}).keys()


def test_nothing_is_printed_for_a_bucket_of_the_stack() -> None:
    assert for_your_bucket(a_deployment(a_source())) is None


def test_a_bucket_of_ones_own_is_used_and_its_missing_rules_are_an_output() -> None:
    archive = deployed(a_deployment(bucket="calls-of-acme"))
    assert not archive.of_type("AWS::S3::Bucket")
    assert archive.function("downloader").environment["BUCKET"] == "calls-of-acme"
    writable = archive.function("downloader").allowed()["s3:PutObject"]
    assert "arn:<AWS::Partition>:s3:::calls-of-acme/audio/source=acme-uk/*" in writable
    texts = [output["Value"] for output in archive.document["Outputs"].values() if isinstance(output["Value"], str)]
    assert [text for text in texts if "multipart uploads after 1 day" in text and "versions after 90 days" in text]
