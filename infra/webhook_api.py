"""The HTTP API in front of the webhook functions: one for the archive, with a few routes for each source."""

from __future__ import annotations

import json

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.alarms import Alerts, Rule
from infra.logical_ids import name_for_good
from infra.source.function import LOGS_KEPT

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
    """The API, its stage and its access log. It keeps its address, because providers are told that by hand."""

    def __init__(self, scope: Construct, id_: str, *, alerts: Alerts, logical_id: str) -> None:
        super().__init__(scope, id_)
        self.api = apigateway.HttpApi(
            self, "Api", api_name=f"{Stack.of(self).stack_name}-webhooks", create_default_stage=False
        )
        name_for_good(self.api, logical_id)
        log = logs.LogGroup(self, "Access", retention=LOGS_KEPT, removal_policy=RemovalPolicy.DESTROY)
        apigateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=REQUESTS_PER_SECOND, throttling_burst_limit=BURST
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log.log_group_arn, format=json.dumps(ACCESS)
            ),
        )
        alerts.alarm(
            self,
            "Failing",
            Rule(
                heading="webhooks-fail",
                summary="Webhook requests could not be taken.",
                metric=self.api.metric_server_error(period=Duration.minutes(15), statistic="Sum"),
                threshold=FAILURES,
            ),
        )

    def serve(self, source: str, function: lambda_.Function) -> str:
        """Routes everything for `source` to its function: by POST or GET, with a secret in the path or without.

        Returns the URL to register.
        """
        integration = integrations.HttpLambdaIntegration(f"{source}-webhook", function, scope_permission_to_route=False)
        methods = [apigateway.HttpMethod.POST, apigateway.HttpMethod.GET]  # some providers can only call a URL
        for path in (f"/webhooks/{source}", f"/webhooks/{source}/{{secret}}"):
            for route in self.api.add_routes(path=path, methods=methods, integration=integration):
                Validations.of(route).acknowledge(
                    Acknowledgment(
                        id="AwsSolutions-APIG4",
                        reason="Providers cannot sign in to AWS: the function verifies the signature or the secret.",
                    )
                )
        return f"{self.api.api_endpoint}/webhooks/{source}"
