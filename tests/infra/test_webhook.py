"""Webhooks: routes for the sources that want them, a brake on what strangers cost, and logs without secrets."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.synth import findings, synthesise
from ops.local.moto.template import Template as LocalTemplate
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Function, Resource, Template, deployed, flat, refers_to
from tests.infra.test_alarms import headings
from tests.infra.test_roles import EVERY, INDEXES, SECRET

LISTENING = a_source("acme-uk", webhook=True, webhook_quiet_after=timedelta(hours=6))
SILENT = a_source("acme-de")


@pytest.fixture(scope="module")
def archive(listening: Template) -> Template:
    return listening


@pytest.fixture(scope="module")
def function(archive: Template) -> Function:
    return archive.function("webhook")


def alarm(archive: Template, heading: str) -> Resource:
    alarms: list[Resource] = [each["Properties"] for each in archive.of_type("AWS::CloudWatch::Alarm").values()]
    (found,) = (each for each in alarms if each["AlarmDescription"].endswith(f"#{heading}"))
    return found


def test_a_source_that_wants_webhooks_has_two_routes_and_others_have_none(archive: Template) -> None:
    keys = {route["Properties"]["RouteKey"] for route in archive.of_type("AWS::ApiGatewayV2::Route").values()}
    paths = ("/webhooks/acme-uk", "/webhooks/acme-uk/{secret}")
    assert keys == {f"ANY {path}" for path in paths}


def test_routes_lead_to_the_sources_own_function(archive: Template, function: Function) -> None:
    routes = LocalTemplate(archive.document).routes()
    assert {route.function for route in routes} == {function.logical_id}
    assert [f.source for f in archive.functions() if f.step == "webhook"] == ["acme-uk"]


def test_without_a_source_that_wants_webhooks_there_is_nothing_to_call() -> None:
    archive = deployed(a_deployment(SILENT))
    # The API is there, so that the first webhook changes no export, and answers 404 to all.
    types = [each["Type"] for each in archive.resources.values()]
    assert not {"AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration", "AWS::Lambda::Permission"} & {*types}
    assert types.count("AWS::ApiGatewayV2::Api") == 1


def test_the_function_may_note_and_send_for_its_source_and_nothing_else(function: Function) -> None:
    allowed = function.allowed()
    assert allowed.keys() == EVERY
    assert allowed["sqs:SendMessage"] == {f"<{function.environment['QUEUE_URL']}.Arn>"}
    assert allowed["secretsmanager:GetSecretValue"] == {SECRET.format(source="acme-uk")}
    assert allowed["dynamodb:Query"] == {f"<ArchiveTable.Arn>/index/{name}" for name in INDEXES["lister"]}
    for statement in function.statements():
        if "dynamodb:" in flat(statement["Action"]):
            writes = "UpdateItem" in flat(statement["Action"])
            own = ["recording#*", "lookup#*", "health"] if writes else ["*"]
            keys = [f"acme-uk#{name}" for name in own]
            assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}


def test_only_this_api_may_call_the_function(archive: Template, function: Function) -> None:
    (permission,) = (
        each["Properties"]
        for each in archive.of_type("AWS::Lambda::Permission").values()
        if refers_to(each["Properties"]["FunctionName"]) == function.logical_id
    )
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert flat(permission["SourceArn"]).endswith(":<ArchiveWebhookApi>/*/*/*")


def test_the_address_is_the_root_of_the_stage_and_lasts(archive: Template) -> None:
    assert [*archive.of_type("AWS::ApiGatewayV2::Api")] == ["ArchiveWebhookApi"]
    stage = archive.only("AWS::ApiGatewayV2::Stage")["Properties"]
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    outputs: dict[str, Any] = archive.document["Outputs"]
    urls = [flat(output["Value"]) for output in outputs.values() if "/webhooks/" in flat(output["Value"])]
    assert [url.removeprefix("<ArchiveWebhookApi.ApiEndpoint>") for url in urls] == ["/webhooks/acme-uk"]


def test_a_flood_is_held_back_before_it_costs(archive: Template) -> None:
    settings = archive.only("AWS::ApiGatewayV2::Stage")["Properties"]["DefaultRouteSettings"]
    assert 0 < settings["ThrottlingRateLimit"] <= 100
    assert 0 < settings["ThrottlingBurstLimit"] <= 500


def test_the_access_log_names_the_route_and_never_path_query_or_body(archive: Template) -> None:
    stage = archive.only("AWS::ApiGatewayV2::Stage")["Properties"]["AccessLogSettings"]
    log = archive.resources[refers_to(stage["DestinationArn"])]
    assert (log["Type"], log["Properties"]["RetentionInDays"]) == ("AWS::Logs::LogGroup", 90)
    told = set(json.loads(stage["Format"]).values())
    assert {"$context.routeKey", "$context.status"} <= told
    assert not [name for name in told if re.search(r"path|query|body|header|authorizer", name, re.IGNORECASE)]


def test_each_alarm_names_an_existing_heading_of_the_runbook() -> None:
    assert {"webhooks-fail", "webhook-requests-are-refused", "no-webhook-events"} <= headings()


def test_answers_that_are_errors_ring(archive: Template) -> None:
    found = alarm(archive, "webhooks-fail")
    assert (found["Namespace"], found["MetricName"]) == ("AWS/ApiGateway", "5xx")
    assert found["Dimensions"] == [{"Name": "ApiId", "Value": {"Ref": "ArchiveWebhookApi"}}]


def test_no_rule_finds_anything_that_is_not_acknowledged(tmp_path: Path) -> None:
    synthesise(a_deployment(LISTENING), tmp_path, bundle=False)
    assert findings(tmp_path) == []
