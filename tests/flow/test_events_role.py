"""The function of events needs one right that nobody gives it on the way, and has it for its own archive alone."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from functions.archiver.aws.engine import announcer_of
from functions.archiver.settings.deployment import Archive
from functions.archiver.settings.environment import ArchiveSettings
from infra.synth import templates
from tests.doubles.aws import REGION
from tests.doubles.http_server import HttpServer, Reply
from tests.doubles.stream import a_record
from tests.harness.deployments import a_deployment, a_source
from tests.harness.policies import Names, Policies, Recorder
from tests.infra.template import Template, flat

NAMES = Names(
    bucket="bucket",
    table_arn=f"arn:aws:dynamodb:{REGION}:123456789012:table/Table",
    queue_arn="",
    secret_arn="",
    archive="recordings",
)
BY_LAMBDA = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
             "s3:PutObject", "s3:ListBucket", "logs:CreateLogStream", "logs:PutLogEvents"}  # fmt: skip
"""Done by the event source mapping and by Lambda, in the function's name."""


def role() -> Policies:
    """The template's role with its names filled in."""
    root = Template(document=templates(a_deployment(a_source(), events=True))["recordings"])
    (function,) = (each for each in root.functions() if each.step == "events")
    known = {"<AWS::Partition>": "aws", "<AWS::Region>": REGION, "<AWS::AccountId>": "123456789012"}

    def filled(statement: dict[str, Any]) -> dict[str, Any]:
        listed = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        resources = [flat(each) for each in listed]
        for placeholder, real in known.items():
            resources = [each.replace(placeholder, real) for each in resources]
        return {**statement, "Resource": resources}

    return Policies({"events": [filled(each) for each in function.statements()]}, [])


@pytest.mark.parametrize(("archive", "allowed"), [("recordings", True), ("somebody-elses", False)])
def test_sending_events_is_all_that_the_handler_asks_of_aws(
    monkeypatch: pytest.MonkeyPatch, archive: str, allowed: bool
) -> None:
    recorder, policies = Recorder(lambda: NAMES), role()
    before = {"pk": "acme#recording#1", "kind": "recording", "state": "queued", "source": "acme", "recording_id": "1"}
    with HttpServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", server.url)
        server.on("/", Reply(body=json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": "x"}]}).encode()))
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        recorder.listen(session, "events")
        announcer = announcer_of(ArchiveSettings(bucket="bucket", archive=Archive(name=archive)), session)
        assert announcer.take([a_record(before, {**before, "state": "gone"}, 1)]) == []
    assert [each.action for each in recorder.needs] == ["events:PutEvents"]
    assert [policies.allows(each) for each in recorder.needs] == [allowed]
    assert {action for _, action in policies.granted() - {("events", "events:PutEvents")}} == BY_LAMBDA
