"""The evaluator of policies that judges the calls of tests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.policies import Names, Need, Policies, needs

ARN = "arn:aws:s3:::b/audio/source=a/*"
KEY = "arn:aws:s3:::b/k"
ITEM = {"Key": {"pk": {"S": "a#1"}}}
GET_SECRET = "secretsmanager:GetSecretValue"
NAMES = Names(bucket="b", table_arn="arn:table", queue_arn="arn:queue", secret_arn="arn:secret")


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:PutObject", "Resource": ARN, **more}


def need(**more: Any) -> Need:
    return Need(**{"caller": "f", "action": "s3:PutObject", "resource": "arn:aws:s3:::b/audio/source=a/1", **more})


def allows(wanted: Need, *role: dict[str, Any], of_resources: tuple[dict[str, Any], ...] = ()) -> bool:
    return Policies({"f": role}, of_resources).allows(wanted)


def test_what_nothing_allows_is_denied() -> None:
    assert not allows(need())
    assert allows(need(), allow())
    assert not allows(need(action="s3:GetObject"), allow())
    assert not allows(need(resource="arn:aws:s3:::b/audio/source=b/1"), allow())


def test_a_deny_goes_before_every_allow_wherever_it_stands() -> None:
    deny = {**allow(), "Effect": "Deny"}
    assert not allows(need(), allow(), deny)
    assert not allows(need(), allow(), of_resources=(deny,))
    assert not allows(need(), of_resources=(allow(),))


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"ForAllValues:StringLike": {"k": ["a#*"]}}, {"k": ("a#1", "a#2")}, True),
        ({"ForAllValues:StringLike": {"k": ["a#*"]}}, {"k": ("a#1", "b#2")}, False),
        ({"ForAllValues:StringLike": {"k": ["a#*"]}}, {}, True),
        ({"StringLike": {"k": ["x/*"]}}, {"k": ("x/1",)}, True),
        ({"StringLike": {"k": ["x/*"]}}, {}, False),
        ({"StringEquals": {"k": "x"}}, {"k": ("x",)}, True),
        ({"StringEquals": {"k": "x"}}, {"k": ("y",)}, False),
        ({"Null": {"k": "true"}}, {}, True),
        ({"Null": {"k": "true"}}, {"k": ("*",)}, False),
        ({"Null": {"k": "true"}, "Bool": {"c": "true"}}, {"c": ("true",)}, True),
        ({"Null": {"k": "true"}, "Bool": {"c": "true"}}, {"c": ("false",)}, False),
        ({"ArnNotEquals": {"p": ["arn:eraser"]}}, {"p": ("arn:other",)}, True),
        ({"ArnNotEquals": {"p": ["arn:eraser"]}}, {"p": ("arn:eraser",)}, False),
    ],
)
def test_a_statement_counts_where_all_its_conditions_hold(
    condition: dict[str, Any], context: dict[str, tuple[str, ...]], holds: bool
) -> None:
    assert allows(need(context=context), allow(Condition=condition)) is holds


def test_what_it_does_not_know_it_does_not_guess() -> None:
    with pytest.raises(NotImplementedError):
        allows(need(), {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"})
    with pytest.raises(KeyError):
        allows(need(), allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))


@pytest.mark.parametrize(
    ("service", "operation", "request_", "action", "resource", "context"),
    [
        ("s3", "UploadPart", {"Key": "k"}, "s3:PutObject", KEY, ("s3:ObjectCreationOperation", "false")),
        (
            "s3",
            "PutObject",
            {"Key": "k", "IfNoneMatch": "*"},
            "s3:PutObject",
            KEY,
            ("s3:if-none-match", "*"),
        ),
        ("s3", "HeadObject", {"Key": "k"}, "s3:GetObject", KEY, None),
        ("s3", "GetObject", {"Key": "k", "VersionId": "v"}, "s3:GetObjectVersion", KEY, None),
        ("s3", "ListObjectsV2", {"Prefix": "p/"}, "s3:ListBucket", "arn:aws:s3:::b", ("s3:prefix", "p/")),
        ("sqs", "SendMessageBatch", {}, "sqs:SendMessage", "arn:queue", None),
        (
            "dynamodb",
            "GetItem",
            {"Key": {"pk": {"S": "a#1"}}},
            "dynamodb:GetItem",
            "arn:table",
            ("dynamodb:LeadingKeys", "a#1"),
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": "s"},
            "secretsmanager:GetSecretValue",
            "arn:secret:s-AbC123",
            None,
        ),
        (
            "dynamodb",
            "Query",
            {
                "IndexName": "due",
                "KeyConditionExpression": "(#n0 = :v0 AND #n1 <= :v1)",
                "ExpressionAttributeValues": {":v0": {"S": "a#fresh"}, ":v1": {"N": "1"}},
            },
            "dynamodb:Query",
            "arn:table/index/due",
            ("dynamodb:LeadingKeys", "a#fresh"),
        ),
    ],
)
def test_what_a_call_needs_is_read_from_its_request(
    service: str,
    operation: str,
    request_: dict[str, Any],
    action: str,
    resource: str,
    context: tuple[str, str] | None,
) -> None:
    (found,) = needs(NAMES, "f", service, operation, request_)
    assert (found.action, found.resource) == (action, resource)
    assert context is None or found.context[context[0]] == (context[1],)
