"""What holds for the bucket and the table, whatever else changes."""

from __future__ import annotations

import pytest

from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Template, deployed, flat

MODELS = ("AWS::S3::Bucket", "AWS::DynamoDB::Table")


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
    archive = deployed(a_deployment(kms_key=key))
    (encryption,) = archive.only("AWS::S3::Bucket")["Properties"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    assert encryption["BucketKeyEnabled"] is True
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    for step in ("downloader", "reconciler"):
        allowed = archive.function(step).allowed()
        assert allowed["kms:GenerateDataKey"] == allowed["kms:Decrypt"] == {key}
    # The lister reads sidecars to fill a new table, and encrypts nothing in the bucket.
    assert used_through(archive, "lister")["s3"] == {"kms:Decrypt"}


def used_through(archive: Template, step: str) -> dict[str, set[str]]:
    """What a function may do with the key, by the service that does it in its name."""
    found: dict[str, set[str]] = {}
    for each in archive.function(step).statements():
        actions = {each["Action"]} if isinstance(each["Action"], str) else {*each["Action"]}
        if any(action.startswith("kms:") for action in actions):
            service = flat(each["Condition"]["StringEquals"]["kms:ViaService"]).partition(".")
            assert service[2] == "<AWS::Region>.<AWS::URLSuffix>"
            found.setdefault(service[0], set()).update(actions)
    return found


def test_a_key_of_ones_own_encrypts_the_ledger_too_and_nobody_uses_it_but_through_a_service() -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/0d1e2f30-0000-4000-8000-000000000000"
    archive = deployed(a_deployment(a_source("acme-uk", webhook=True), kms_key=key))
    encryption = archive.only("AWS::DynamoDB::Table")["Properties"]["SSESpecification"]
    assert encryption == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    for step in ("lister", "downloader", "reconciler", "webhook"):
        assert used_through(archive, step)["dynamodb"] >= {"kms:Decrypt", "kms:Encrypt"}
    assert used_through(archive, "webhook").keys() == {"dynamodb"}


def test_no_role_and_no_person_uses_a_key_of_ones_own_but_through_a_service_and_for_tokens() -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/0d1e2f30-0000-4000-8000-000000000000"
    source = a_source("pbx", provider="kazoo", webhook=True, delete_after_days=30, delete_secret="recordings/delete")
    archive = deployed(a_deployment(source, kms_key=key, events=True, object_lock="governance"))
    documents = [
        policy["PolicyDocument"]
        for role in archive.of_type("AWS::IAM::Role").values()
        for policy in role["Properties"].get("Policies", [])
    ] + [policy["Properties"]["PolicyDocument"] for policy in archive.of_type("AWS::IAM::ManagedPolicy").values()]
    used = [each for document in documents for each in document["Statement"] if key in str(each["Resource"])]
    assert len(used) > 10
    for each in used:
        through = {*each.get("Condition", {}).get("StringEquals", {})}
        tokens = {"kms:EncryptionContext:archive", "kms:EncryptionContext:source"}
        assert through in ({"kms:ViaService"}, tokens) or each["Action"] == "kms:DescribeKey", each


def test_a_ledger_without_a_key_of_ones_own_has_that_of_aws(archive: Template) -> None:
    assert "SSESpecification" not in archive.only("AWS::DynamoDB::Table")["Properties"]


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
