"""Every metric has one name, is emitted, and is watched by an alarm or looked at by who follows the runbook."""

from __future__ import annotations

import re
from pathlib import Path

from functions.archiver.settings.metrics import NAMESPACE, Metric
from tests.infra.template import Resource, Template

RUNBOOK = Path("docs/operations.md")


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


def test_the_functions_emit_no_metric_that_neither_an_alarm_nor_the_runbook_looks_at(listening: Template) -> None:
    named = set(re.findall(r"`(\w+)`", RUNBOOK.read_text(encoding="utf-8")))
    unwatched = set(Metric) - watched(listening) - named
    assert not unwatched


def test_every_metric_is_emitted() -> None:
    code = " ".join(file.read_text(encoding="utf-8") for file in Path("functions").rglob("*.py"))
    assert not [metric for metric in Metric if f"Metric.{metric.name}" not in code]
