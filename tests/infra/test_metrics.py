"""Every metric has one name, is emitted, and is watched by an alarm or known not to be."""

from __future__ import annotations

from pathlib import Path

from functions.archiver.settings.metrics import NAMESPACE, Metric
from tests.infra.template import Resource, Template

NOBODY_WATCHES = {
    Metric.RECORDINGS_ARCHIVED,
    Metric.BYTES_ARCHIVED,
    Metric.WEBHOOK_ACCEPTED,
    Metric.WEBHOOK_IGNORED,
    Metric.RECORDINGS_QUARANTINED,
    Metric.DAYS_INCOMPLETE,
    Metric.S3_ERRORS,
    Metric.KMS_ERRORS,
    Metric.DYNAMODB_ERRORS,
    Metric.SQS_ERRORS,
}
"""The one list of metrics that no alarm is for."""


def _alarms(listening: Template) -> list[Resource]:
    return [alarm["Properties"] for alarm in listening.of_type("AWS::CloudWatch::Alarm").values()]


def watched(listening: Template) -> set[Metric]:
    """Every metric of ours that an alarm looks at, by itself or in an expression."""
    stats = [alarm for alarm in _alarms(listening) if "MetricName" in alarm]
    stats += [
        query["MetricStat"]["Metric"]
        for alarm in _alarms(listening)
        for query in alarm.get("Metrics", [])
        if "MetricStat" in query
    ]
    return {Metric(stat["MetricName"]) for stat in stats if stat["Namespace"] == NAMESPACE}


def test_the_metrics_that_alarms_watch_are_emitted_by_the_functions(listening: Template) -> None:
    code = " ".join(file.read_text(encoding="utf-8") for file in Path("functions").rglob("*.py"))
    assert not [metric for metric in watched(listening) if f"Metric.{metric.name}" not in code]


def test_a_metric_is_watched_or_stands_in_the_list_of_those_that_are_not(listening: Template) -> None:
    assert watched(listening) | NOBODY_WATCHES == set(Metric)
    assert not watched(listening) & NOBODY_WATCHES
