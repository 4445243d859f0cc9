"""Alarms: when they ring, where they go, and how each finds its page in the runbook."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from functions.archiver.settings.deployment import Archive
from functions.archiver.settings.metrics import NAMESPACE, Metric

Missing = Literal["notBreaching", "breaching", "ignore"]
Statistic = Literal["Sum", "Maximum", "SampleCount"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A metric of CloudWatch, taken together over `period_seconds` by `statistic`. Dimensions may hold tokens."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: Statistic
    period_seconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """When an alarm rings: the value is at or above (with `below`: below) the threshold in all of `periods`.

    The value is the only one of `series`, or what `expression` makes of them by their ids. `words` name the alarm,
    `heading` is its heading in the runbook, `summary` one sentence for the mail, and `command` what to type first.
    """

    words: str
    heading: str
    summary: str
    command: str
    series: Mapping[str, Series]
    expression: str | None = None
    threshold: float = 1
    periods: int = 1
    below: bool = False
    missing: Missing = "notBreaching"
    urgent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Alerts:
    """Where the alarms of one archive go: the ARNs of two topics, and where the runbook can be read."""

    archive: str
    runbook: str
    alerts_arn: str
    urgent_arn: str = field(repr=False)

    def alarm(self, scope: Construct, id_: str, subject: str, rule: Rule) -> None:
        """An alarm that tells its topic when it rings and when it is over. `subject` is a source or the archive."""
        topic = self.urgent_arn if rule.urgent else self.alerts_arn
        cloudwatch.CfnAlarm(
            scope,
            id_,
            alarm_name=f"{self.archive} / {subject}: {rule.words}",
            alarm_description=f"{rule.summary} First: {rule.command} -a {self.archive}. "
            f"Read on: {self.runbook}#{rule.heading}",
            **_value(rule),
            threshold=rule.threshold,
            evaluation_periods=rule.periods,
            comparison_operator="LessThanThreshold" if rule.below else "GreaterThanOrEqualToThreshold",
            treat_missing_data=rule.missing,
            alarm_actions=[topic],
            ok_actions=[topic],
        )


def _value(rule: Rule) -> dict[str, Any]:
    if rule.expression is None:
        (series,) = rule.series.values()
        return {
            "namespace": series.namespace,
            "metric_name": series.name,
            "dimensions": _dimensions(series),
            "statistic": series.statistic,
            "period": series.period_seconds,
        }
    queries = [
        cloudwatch.CfnAlarm.MetricDataQueryProperty(
            id=id_,
            return_data=False,
            metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
                metric=cloudwatch.CfnAlarm.MetricProperty(
                    namespace=series.namespace, metric_name=series.name, dimensions=_dimensions(series)
                ),
                period=series.period_seconds,
                stat=series.statistic,
            ),
        )
        for id_, series in rule.series.items()
    ]
    result = cloudwatch.CfnAlarm.MetricDataQueryProperty(id="result", expression=rule.expression, return_data=True)
    return {"metrics": [result, *queries]}


def _dimensions(series: Series) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
    return [cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in series.dimensions.items()]


class Topics(Construct):
    """Two topics, each with a mail subscription for every address: what can wait till morning, and what cannot."""

    def __init__(self, scope: Construct, id_: str, *, archive: Archive) -> None:
        super().__init__(scope, id_)
        self.alerts = self._topic("Alerts", archive.alerts)
        self.urgent = self._topic("Urgent", archive.urgent_addresses)

    def _topic(self, id_: str, addresses: Sequence[str]) -> sns.Topic:
        # Not encrypted: CloudWatch cannot publish through the key that AWS manages for SNS, a key of one's own costs a
        # dollar a month, and an alarm's text holds no recording and no secret.
        topic = sns.Topic(self, id_, enforce_ssl=True)
        # A topic with a policy loses the unwritten one that lets the account's own alarms publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        for address in addresses:
            # Not numbered: an address that took another's number would be subscribed under both for a moment, which is
            # one subscription to SNS, and lose it with the number that goes.
            digest = hashlib.sha256(address.encode()).hexdigest()[:8]
            sns.CfnSubscription(
                self, f"{id_}Mail{digest}", topic_arn=topic.topic_arn, protocol="email", endpoint=address
            )
        return topic


def metric_of_function(function: str, name: Literal["Errors", "Invocations"], *, minutes: int) -> Series:
    """One of Lambda's own counts of a function."""
    return Series(
        namespace="AWS/Lambda",
        name=name,
        dimensions={"FunctionName": function},
        statistic="Sum",
        period_seconds=60 * minutes,
    )


def metric_of(archive: str, source: str, metric: Metric, statistic: Statistic, *, minutes: int) -> Series:
    """One of the metrics that the functions emit for a source of an archive."""
    return Series(
        namespace=NAMESPACE,
        name=metric,
        dimensions={"archive": archive, "source": source},
        statistic=statistic,
        period_seconds=60 * minutes,
    )
