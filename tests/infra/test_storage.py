"""What holds for the bucket and the table, whatever else changes."""

from __future__ import annotations

from typing import Any

import pytest

from infra.synth import template
from tests.infra.template import Resource, Template, a_deployment, flat

MODELS = ("AWS::S3::Bucket", "AWS::DynamoDB::Table")


def rules(archive: Template) -> list[Resource]:
    found: list[Resource] = archive.only("AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    return found


def rules_of(**settings: Any) -> list[Resource]:
    return rules(Template(document=template(a_deployment(**settings))))


@pytest.mark.parametrize("type_", MODELS)
def test_bucket_and_table_outlive_their_stack(archive: Template, type_: str) -> None:
    resource = archive.only(type_)
    assert resource["DeletionPolicy"] == "Retain"
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_the_logical_ids_of_bucket_and_table_never_change(archive: Template) -> None:
    # Another id would make CloudFormation begin an empty archive beside the full one.
    assert [*archive.of_type("AWS::S3::Bucket")] == ["ArchiveBucket"]
    assert [*archive.of_type("AWS::DynamoDB::Table")] == ["ArchiveTable"]


def test_the_bucket_is_private_versioned_and_encrypted(archive: Template) -> None:
    properties = archive.only("AWS::S3::Bucket")["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_the_bucket_is_reached_only_through_tls(archive: Template) -> None:
    statements = archive.only("AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
    plain = [s for s in statements if s.get("Condition", {}).get("Bool") == {"aws:SecureTransport": "false"}]
    assert [(s["Effect"], s["Principal"], s["Action"]) for s in plain] == [("Deny", {"AWS": "*"}, "s3:*")]


def test_a_key_of_ones_own_encrypts_the_bucket_and_the_roles_may_use_it() -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/0d1e2f30-0000-4000-8000-000000000000"
    archive = Template(document=template(a_deployment(kms_key=key)))
    (encryption,) = archive.only("AWS::S3::Bucket")["Properties"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    assert encryption["BucketKeyEnabled"] is True
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    for step in ("downloader", "reconciler"):
        allowed = archive.function(step).allowed()
        assert allowed["kms:GenerateDataKey"] == allowed["kms:Decrypt"] == {key}
    assert not [action for action in archive.function("lister").allowed() if action.startswith("kms:")]


def test_everything_expires_together_and_leaves_nothing_behind() -> None:
    (expiry,) = (rule for rule in rules_of(expire_after_days=400) if "ExpirationInDays" in rule)
    assert expiry["ExpirationInDays"] == 400
    assert not {"Prefix", "TagFilters", "ObjectSizeGreaterThan"} & expiry.keys()
    assert expiry["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}


def test_without_an_expiry_only_old_versions_go() -> None:
    found = rules_of()
    assert not [rule for rule in found if "ExpirationInDays" in rule]
    assert [rule["NoncurrentVersionExpiration"] for rule in found if "NoncurrentVersionExpiration" in rule] == [
        {"NoncurrentDays": 90}
    ]


def test_a_tier_moves_audio_of_its_size_and_nothing_else(archive: Template) -> None:
    (tier,) = (rule for rule in rules(archive) if "Transitions" in rule)
    assert tier["Transitions"] == [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 180}]
    assert tier["Prefix"] == "audio/"
    assert int(tier["ObjectSizeGreaterThan"]) == 131072 - 1


def test_what_a_crash_left_of_an_upload_goes_after_a_day_whatever_its_size(archive: Template) -> None:
    (abort,) = (rule for rule in rules(archive) if "AbortIncompleteMultipartUpload" in rule)
    # S3 refuses a filter by size or tag in such a rule; no emulator does.
    assert abort.keys() == {"Id", "Status", "AbortIncompleteMultipartUpload"}
    assert abort["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_the_smallest_size_for_a_transition_is_said_and_not_left_to_a_default(archive: Template) -> None:
    lifecycle = archive.only("AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]
    assert lifecycle["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"


def test_a_bucket_of_ones_own_is_used_and_its_missing_rules_are_printed() -> None:
    document = template(a_deployment(bucket="calls-of-acme"))
    archive = Template(document=document)
    assert not archive.of_type("AWS::S3::Bucket")
    assert archive.function("downloader").environment["BUCKET"] == "calls-of-acme"
    writable = archive.function("downloader").allowed()["s3:PutObject"]
    assert "arn:<AWS::Partition>:s3:::calls-of-acme/audio/source=acme-uk/*" in writable
    outputs = [output["Value"] for output in document["Outputs"].values() if isinstance(output["Value"], str)]
    assert [text for text in outputs if "multipart uploads after 1 day" in text and "versions after 90 days" in text]


def test_the_table_is_on_demand_and_can_be_brought_back(archive: Template) -> None:
    properties = archive.only("AWS::DynamoDB::Table")["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["DeletionProtectionEnabled"] is True
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_table_has_the_keys_and_indexes_that_the_ledger_uses(archive: Template) -> None:
    properties = archive.only("AWS::DynamoDB::Table")["Properties"]

    def keys(schema: list[dict[str, str]]) -> list[tuple[str, str]]:
        return [(key["AttributeName"], key["KeyType"]) for key in schema]

    assert keys(properties["KeySchema"]) == [("pk", "HASH")]
    indexes = {index["IndexName"]: index for index in properties["GlobalSecondaryIndexes"]}
    assert {name: keys(index["KeySchema"]) for name, index in indexes.items()} == {
        "due": [("due_group", "HASH"), ("due_at", "RANGE")],
        "day": [("day", "HASH"), ("pk", "RANGE")],
    }
    assert {index["Projection"]["ProjectionType"] for index in indexes.values()} == {"KEYS_ONLY"}
    types = {each["AttributeName"]: each["AttributeType"] for each in properties["AttributeDefinitions"]}
    assert types == {"pk": "S", "due_group": "S", "due_at": "N", "day": "S"}


def test_bucket_and_table_are_named_by_cloudformation(archive: Template) -> None:
    assert "BucketName" not in archive.only("AWS::S3::Bucket")["Properties"]
    assert "TableName" not in archive.only("AWS::DynamoDB::Table")["Properties"]


def test_the_outputs_name_what_an_operator_needs(archive: Template) -> None:
    values = [flat(output["Value"]) for output in archive.document["Outputs"].values()]
    assert {"<ArchiveBucket>", "<ArchiveTable>"} <= set(values)
