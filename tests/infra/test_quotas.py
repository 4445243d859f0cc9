"""What a synth says of stacks, resources and an account's default quotas."""

from __future__ import annotations

import pytest

from infra.quotas import summary
from infra.synth import templates
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Resource

SOURCE = {
    "AWS::IAM::Role": 4,
    "AWS::ApiGatewayV2::Route": 2,
    "AWS::ApiGatewayV2::Integration": 1,
    "AWS::Lambda::Function": 4,
    "AWS::CloudWatch::Alarm": 5,
    "AWS::Scheduler::Schedule": 3,
}


def stack(counts: dict[str, int]) -> Resource:
    kinds = [type_ for type_, count in counts.items() for _ in range(count)]
    return {"Resources": {f"R{number}": {"Type": type_} for number, type_ in enumerate(kinds)}}


def said(sources: int) -> list[str]:
    stacks = {f"r-{number}": stack(SOURCE) for number in range(sources)}
    return [*summary("r", {"r": stack({"AWS::S3::Bucket": 1}), **stacks})]


def test_a_small_deployment_is_counted_and_passes_no_quota() -> None:
    sizes, counts = said(2)
    assert sizes.startswith("one stack for the archive with 1 resources, 2 for sources with at most 19 each")
    assert "every operation touches one stack" in sizes
    assert counts == (
        "3 stacks, 8 roles, 4 routes of one API, 2 integrations of at most 300, 8 functions, 10 alarms, 6 schedules"
    )


@pytest.mark.parametrize(
    ("sources", "asked_for"),
    [
        (150, set()),
        (151, {"apigateway L-65B5C802"}),
        (251, {"apigateway L-65B5C802", "iam L-FE177D64"}),
        (2000, {"apigateway L-65B5C802", "iam L-FE177D64", "cloudformation L-0485CB21"}),
    ],
)
def test_a_default_quota_that_would_be_passed_is_named_with_its_code(sources: int, asked_for: set[str]) -> None:
    _, _, *warnings = said(sources)
    assert {warning.rpartition("(")[2].removesuffix(")") for warning in warnings} == asked_for
    assert all("ask for more before the deploy" in warning for warning in warnings)


def test_the_types_that_are_counted_are_those_of_the_templates() -> None:
    found = templates(a_deployment(a_source(webhook=True)))
    _, counts = summary("recordings", found)
    assert not [part for part in counts.split(", ") if part.startswith("0 ")]
