"""The stream of the table and the function on it, which are there only where events are wanted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.settings.deployment import Archive
from functions.archiver.settings.environment import ArchiveSettings
from functions.archiver.settings.events import PATTERNS
from infra.synth import templates
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Function, Resource, Template, flat, refers_to

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d1e2f30-0000-4000-8000-000000000000"
MAPPING, TABLE = "AWS::Lambda::EventSourceMapping", "AWS::DynamoDB::Table"


@pytest.fixture(scope="module")
def without() -> Resource:
    return templates(a_deployment(a_source()))["recordings"]


@pytest.fixture(scope="module")
def root() -> Template:
    return Template(document=templates(a_deployment(a_source(), events=True))["recordings"])


@pytest.fixture(scope="module")
def function(root: Template) -> Function:
    (found,) = (each for each in root.functions() if each.step == "events")
    return found


def mapping(root: Template) -> dict[str, Any]:
    properties: dict[str, Any] = root.only(MAPPING)["Properties"]
    return properties


def test_switching_events_on_adds_a_stream_to_the_table_and_replaces_nothing(without: Resource, root: Template) -> None:
    before, after = without["Resources"], root.resources
    assert before.keys() < after.keys()
    changed = {id_ for id_, resource in before.items() if resource != after[id_]}
    (table,) = root.of_type(TABLE)
    parameters, policies = set(root.of_type("AWS::SSM::Parameter")), set(root.of_type("AWS::IAM::ManagedPolicy"))
    assert changed <= {table} | parameters | policies
    properties = dict(after[table]["Properties"])
    assert properties.pop("StreamSpecification") == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert properties == before[table]["Properties"]


def test_no_stack_of_a_source_changes_by_it() -> None:
    source = a_source()
    before, after = (templates(a_deployment(source, events=on))["recordings-acme-uk"] for on in (False, True))
    resources = [dict(each["Resources"]) for each in (before, after)]
    for found in resources:
        for resource in found.values():
            resource.get("Properties", {}).get("Environment", {}).get("Variables", {}).pop("ARCHIVE", None)
    assert resources[0] == resources[1]


def test_the_function_is_fed_by_five_patterns_at_most_which_look_at_the_images_alone(root: Template) -> None:
    filters = [json.loads(each["Pattern"]) for each in mapping(root)["FilterCriteria"]["Filters"]]
    assert 0 < len(filters) <= 5
    assert filters == [{"dynamodb": pattern} for pattern in PATTERNS]
    assert all(len(each["Pattern"]) <= 4096 for each in mapping(root)["FilterCriteria"]["Filters"])


def test_a_batch_that_fails_is_divided_tried_ten_times_again_and_put_aside_in_the_bucket(root: Template) -> None:
    found = mapping(root)
    assert found["BisectBatchOnFunctionError"] is True
    assert found["MaximumRetryAttempts"] == 10
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert flat(found["DestinationConfig"]["OnFailure"]["Destination"]) == "<ArchiveBucket.Arn>"
    assert flat(found["EventSourceArn"]) == "<ArchiveTable.StreamArn>"


def test_only_this_function_gives_partial_answers() -> None:
    source = templates(a_deployment(a_source(), events=True))["recordings-acme-uk"]
    for each in Template(document=source).of_type(MAPPING).values():
        assert "FunctionResponseTypes" not in each["Properties"]


def test_the_function_starts_after_its_role_and_may_read_the_stream_send_and_put_aside(function: Function) -> None:
    allowed = function.allowed()
    stream = {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator")}
    logs = {"logs:CreateLogStream", "logs:PutLogEvents"}
    others = {"dynamodb:ListStreams", "events:PutEvents", "s3:PutObject", "s3:ListBucket"}
    assert allowed.keys() == stream | logs | others
    assert all(allowed[action] == {"<ArchiveTable.StreamArn>"} for action in stream)
    assert allowed["s3:PutObject"] == {"<ArchiveBucket.Arn>/aws/lambda/*"}
    assert allowed["events:PutEvents"] == {
        "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default"
    }
    (statement,) = (each for each in function.statements() if each["Action"] == "events:PutEvents")
    assert statement["Condition"] == {"ForAllValues:StringEquals": {"events:source": ["recordings.recordings"]}}


def test_with_a_key_of_ones_own_what_is_put_aside_can_be_encrypted() -> None:
    found = Template(document=templates(a_deployment(a_source(), events=True, kms_key=KEY))["recordings"])
    (function,) = (each for each in found.functions() if each.step == "events")
    assert function.allowed()["kms:GenerateDataKey"] == {KEY}


def test_the_environment_is_what_the_function_reads(function: Function) -> None:
    settings = ArchiveSettings.from_env(function.environment)
    assert settings.archive == Archive(name="recordings", events=True)
    assert settings.bucket == "ArchiveBucket"


def test_a_batch_that_is_given_up_rings_whether_the_bus_or_the_function_failed(root: Template) -> None:
    (alarm,) = (
        each["Properties"]
        for each in root.of_type("AWS::CloudWatch::Alarm").values()
        if each["Properties"]["AlarmName"] == "recordings / all sources: events are not taken"
    )
    looked_at = {
        query["MetricStat"]["Metric"]["MetricName"]: (
            query["MetricStat"]["Stat"],
            {each["Name"]: refers_to(each["Value"]) for each in query["MetricStat"]["Metric"]["Dimensions"]},
        )
        for query in alarm["Metrics"]
        if "MetricStat" in query
    }
    (function,) = root.functions()
    # Of tries, for one that failed for a hundred events may well be followed by one that did not.
    assert looked_at == {
        "EventsUnsent": ("SampleCount", {"archive": "recordings", "source": "all sources"}),
        "Errors": ("Sum", {"FunctionName": function.logical_id}),
    }
    assert alarm["Threshold"] <= mapping(root)["MaximumRetryAttempts"] + 1
    assert "## Events are not taken\n" in Path("docs/operations.md").read_text(encoding="utf-8")
    assert alarm["AlarmDescription"].endswith("#events-are-not-taken")
    assert [refers_to(each) for each in alarm["AlarmActions"]]


def test_the_archives_parameter_says_whether_there_are_events(without: Resource, root: Template) -> None:
    def said(document: Resource) -> bool:
        (parameter,) = (r for r in document["Resources"].values() if r["Type"] == "AWS::SSM::Parameter")
        return bool(json.loads(flat(parameter["Properties"]["Value"]))["events"])

    assert [said(without), said(root.document)] == [False, True]
