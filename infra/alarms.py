"""Alarms: where they go, and how each finds its page in the runbook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from functions.archiver.settings.metrics import NAMESPACE, Metric

RUNBOOK = "docs/operations.md"

MISSING_IS_FINE = cloudwatch.TreatMissingData.NOT_BREACHING
MISSING_IS_BAD = cloudwatch.TreatMissingData.BREACHING
MISSING_CHANGES_NOTHING = cloudwatch.TreatMissingData.IGNORE


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """When an alarm rings: the metric is at or above (with `below`: below) the threshold in all of `periods`.

    `heading` is its heading in the runbook, `summary` one sentence for the mail.
    """

    heading: str
    summary: str
    metric: cloudwatch.IMetric
    threshold: float = 1
    periods: int = 1
    below: bool = False
    missing: cloudwatch.TreatMissingData = MISSING_IS_FINE


class Alerts(Construct):
    """The topic that all alarms go to, with a mail subscription for each address."""

    def __init__(self, scope: Construct, id_: str, *, addresses: Sequence[str]) -> None:
        super().__init__(scope, id_)
        # Not encrypted: CloudWatch cannot publish through the key that AWS manages for SNS, a key of one's own costs a
        # dollar a month, and an alarm's text holds no recording and no secret.
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True)
        # A topic with a policy loses the unwritten one that lets the account's own alarms publish.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        for address in addresses:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))

    def alarm(self, scope: Construct, id_: str, rule: Rule) -> cloudwatch.Alarm:
        """An alarm that tells the topic when it rings and when it is over."""
        comparison = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            scope,
            id_,
            alarm_description=f"{rule.summary} What to do: {RUNBOOK}#{rule.heading}",
            metric=rule.metric,
            threshold=rule.threshold,
            evaluation_periods=rule.periods,
            comparison_operator=comparison.LESS_THAN_THRESHOLD
            if rule.below
            else comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=rule.missing,
        )
        action = actions.SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        return alarm


def metric_of(source: str, metric: Metric, *, statistic: str, period: Duration) -> cloudwatch.Metric:
    """One of the metrics that the functions emit for a source."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=metric.value,
        dimensions_map={"source": source},
        statistic=statistic,
        period=period,
    )
