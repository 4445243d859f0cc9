"""The HTTP API in front of the webhook functions: one for the archive, with two routes for each source."""

from __future__ import annotations

import json

from aws_cdk import Acknowledgment, ArnFormat, RemovalPolicy, Stack, Validations
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.alarms import Alerts, Rule, Series
from infra.shared import Exported

LOGS_KEPT = logs.RetentionDays.THREE_MONTHS

REQUESTS_PER_SECOND = 50
BURST = 200
"""What a stranger can make the archive pay for. A provider's events come nowhere near."""

FAILURES = 5

ACCESS = {
    "time": "$context.requestTimeEpoch",
    "request": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
    "from": "$context.identity.sourceIp",
    "failure": "$context.integrationErrorMessage",
}
"""One line for each request. The route's key stands for the path, which may hold a secret as the query may."""


class WebhookApi(Construct):
    """The API, its stage and its access log. It keeps its address, because providers are told that by hand.

    It is there also while no source wants webhooks, and then has no route: the sources' stacks import its id, and an
    export that comes and goes would stand in the way of a deploy.
    """

    def __init__(self, scope: Construct, id_: str, *, archive: str, logical_id: str) -> None:
        super().__init__(scope, id_)
        api = apigateway.CfnApi(self, "Api", name=f"{archive}-webhooks", protocol_type="HTTP")
        api.override_logical_id(logical_id)
        self.api_id, self.endpoint = api.ref, api.attr_api_endpoint
        log = logs.LogGroup(self, "Access", retention=LOGS_KEPT, removal_policy=RemovalPolicy.DESTROY)
        apigateway.CfnStage(
            self,
            "Stage",
            api_id=self.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=REQUESTS_PER_SECOND, throttling_burst_limit=BURST
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log.log_group_arn, format=json.dumps(ACCESS)
            ),
        )

    def watch(self, alerts: Alerts) -> None:
        """Has an alarm ring when requests fail on our side."""
        failures = Series(
            namespace="AWS/ApiGateway",
            name="5xx",
            dimensions={"ApiId": self.api_id},
            statistic="Sum",
            period_seconds=900,
        )
        alerts.alarm(
            self,
            "Failing",
            "all sources",
            Rule(
                words="webhook requests fail",
                heading="webhooks-fail",
                command="recordings status",
                summary="Webhook requests could not be taken.",
                series={"value": failures},
                threshold=FAILURES,
            ),
        )


def serve(scope: Construct, exported: Exported, source: str, function: lambda_.Function) -> str:
    """Routes everything for `source` to its function, with a secret in the path or without.

    The routes take every method, and the function answers 405 to those that no provider uses. Returns the public URL.
    """
    arn = Stack.of(scope).format_arn(
        service="execute-api",
        resource=exported.api_id,
        resource_name="*/*/*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
    lambda_.CfnPermission(
        scope,
        "Permission",
        action="lambda:InvokeFunction",
        function_name=function.function_arn,
        principal="apigateway.amazonaws.com",
        source_arn=arn,
    )
    integration = apigateway.CfnIntegration(
        scope,
        "Integration",
        api_id=exported.api_id,
        integration_type="AWS_PROXY",
        integration_uri=function.function_arn,
        payload_format_version="2.0",
    )
    for id_, path in {"Route": f"/webhooks/{source}", "SecretRoute": f"/webhooks/{source}/{{secret}}"}.items():
        route = apigateway.CfnRoute(
            scope,
            id_,
            api_id=exported.api_id,
            route_key=f"ANY {path}",
            authorization_type="NONE",
            target=f"integrations/{integration.ref}",
        )
        Validations.of(route).acknowledge(
            Acknowledgment(
                id="AwsSolutions-APIG4",
                reason="Providers cannot sign in to AWS: the function verifies the signature or the secret.",
            )
        )
    return f"{exported.api_endpoint}/webhooks/{source}"
