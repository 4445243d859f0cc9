"""Receives the provider's events for one source, so that a recording is fetched as soon as it is there."""

from __future__ import annotations

import math
from datetime import timedelta

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from functions.archiver.settings.deployment import Source
from functions.archiver.settings.metrics import Metric
from infra.alarms import Rule, metric_of
from infra.ledger_table import DUE
from infra.shared import Shared
from infra.source.function import SourceFunction
from infra.source.lanes import Lanes
from infra.webhook_api import WebhookApi

REFUSALS = 20
"""So many in a quarter of an hour are no stray scanner: a secret was changed on one side, or somebody guesses."""

LONGEST_PERIOD = timedelta(days=1)
"""Of an alarm's metric."""


class Webhook(Construct):
    """The webhook function of one source, its routes and its alarms. `url` is what to register at the provider."""

    def __init__(
        self, scope: Construct, id_: str, *, shared: Shared, source: Source, lanes: Lanes, api: WebhookApi
    ) -> None:
        super().__init__(scope, id_)
        self.function = SourceFunction(
            self,
            "Webhook",
            shared=shared,
            source=source,
            queue=lanes.queue,
            handler="functions.webhook.handler",
            description="Takes the provider's events",
            memory_mib=512,  # less would make the first event of an hour wait for seconds; Kazoo waits for ten
            timeout=Duration.seconds(10),
            statements=[
                *shared.ledger.access(source.name, "GetItem", "BatchGetItem", "PutItem", "UpdateItem", query=(DUE,)),
                lanes.may_send(),
            ],
            errors_within=Duration.minutes(15),
        ).function
        self.url = api.serve(source.name, self.function)
        CfnOutput(self, "Url", value=self.url)
        shared.alerts.alarm(
            self,
            "Refusing",
            Rule(
                heading="webhook-requests-are-refused",
                summary=f"Webhook requests for source {source.name} could not be verified.",
                metric=metric_of(source.name, Metric.WEBHOOK_REFUSED, statistic="Sum", period=Duration.minutes(15)),
                threshold=REFUSALS,
            ),
        )
        if source.webhook_quiet_after:
            shared.alerts.alarm(self, "Quiet", _quiet(source.name, source.webhook_quiet_after))


def _quiet(source: str, after: timedelta) -> Rule:
    """Listing finds what no event told of. A hook that works leaves listing little to find, and a dead one all."""
    period = Duration.seconds(int(min(after, LONGEST_PERIOD).total_seconds()))
    metrics = {
        "events": metric_of(source, Metric.WEBHOOK_EVENTS, statistic="Sum", period=period),
        "found": metric_of(source, Metric.RECORDINGS_FOUND, statistic="Sum", period=period),
    }
    return Rule(
        heading="no-webhook-events",
        summary=f"Source {source} gets no webhook events although there are new recordings.",
        metric=cloudwatch.MathExpression(
            expression="IF(FILL(events, 0) == 0 AND FILL(found, 0) > 0, 1, 0)", using_metrics=metrics, period=period
        ),
        periods=math.ceil(after / LONGEST_PERIOD),
    )
