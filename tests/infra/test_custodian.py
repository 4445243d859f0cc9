"""The policy for people who hold, release, erase and export."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Template, deployed, flat, refers_to

MAX_CHARACTERS = 6144
"""Of a managed policy."""


@pytest.fixture(scope="module")
def template() -> Template:
    return deployed(a_deployment(a_source(), export_key="arn:aws:kms:eu-west-1:111122223333:key/0d1e2f30-0000"))


def statements(template: Template) -> list[dict[str, Any]]:
    (policy,) = [
        each["Properties"] for id_, each in template.of_type("AWS::IAM::ManagedPolicy").items() if "Custodian" in id_
    ]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def actions(template: Template) -> set[str]:
    return {
        action
        for each in statements(template)
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }


def test_it_holds_and_releases_and_becomes_the_eraser_but_deletes_no_object(template: Template) -> None:
    allowed = actions(template)
    assert {"s3:PutObjectLegalHold", "sts:AssumeRole", "kms:Sign"} <= allowed
    assert not [action for action in allowed if action.startswith("s3:Delete") or "Bypass" in action]
    assert not [action for action in allowed if "*" in action]


def test_it_writes_records_and_its_own_accesses_and_no_recording(template: Template) -> None:
    (put,) = [each for each in statements(template) if each["Action"] == "s3:PutObject"]
    folders = {flat(arn).partition("/")[2].split("/")[0] for arn in put["Resource"]}
    assert folders == {"holds", "erasures", "reports", "accesses"}
    (own,) = [arn for arn in map(flat, put["Resource"]) if "accesses" in arn]
    assert own.endswith("/accesses/date=????-??-??/${aws:userid}/*")


def test_it_finds_no_other_archive_whose_name_begins_alike(template: Template) -> None:
    (found,) = [each for each in statements(template) if "ssm:GetParameters" in each["Action"]]
    names = [flat(arn).rpartition("parameter/")[2] for arn in found["Resource"]]
    assert names == ["recording-archive/recordings", "recording-archive/recordings/*"]


def test_an_output_names_it_beside_the_other_policies(template: Template) -> None:
    outputs = template.document["Outputs"].items()
    named = {id_: refers_to(each["Value"]) for id_, each in outputs if "Policy" in id_}
    assert named.keys() == {"OperatorPolicyArn", "ListenerPolicyArn", "CustodianPolicyArn"}
    assert {*named.values()} == template.of_type("AWS::IAM::ManagedPolicy").keys()


def test_every_change_of_the_ledger_is_narrowed_to_kinds_of_items(template: Template) -> None:
    for each in statements(template):
        if each["Action"] in ("dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:DeleteItem"):
            patterns = each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            assert all(pattern.startswith("*#") for pattern in patterns)


def test_it_fits_a_managed_policy(template: Template) -> None:
    text = json.dumps(statements(template), separators=(",", ":"), default=str)
    assert len(text) < MAX_CHARACTERS


def test_without_policies_for_people_there_is_none() -> None:
    plain = deployed(a_deployment(a_source(), access_policies=False))
    assert not [id_ for id_ in plain.of_type("AWS::IAM::ManagedPolicy") if "Custodian" in id_]
