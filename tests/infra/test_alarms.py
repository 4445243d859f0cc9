"""Whatever goes wrong tells a person, and tells them where to read on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from functions.archiver.settings.metrics import NAMESPACE
from infra.synth import template
from tests.infra.template import Resource, Template, a_deployment, flat, refers_to

RUNBOOK = Path("docs/operations.md")
SOURCES = ("acme-uk", "acme-de")


def alarms(archive: Template) -> list[Resource]:
    return [alarm["Properties"] for alarm in archive.of_type("AWS::CloudWatch::Alarm").values()]


def on_metric(archive: Template, name: str, source: str) -> Resource:
    wanted = [{"Name": "source", "Value": source}]
    (alarm,) = (a for a in alarms(archive) if (a["MetricName"], a["Dimensions"]) == (name, wanted))
    assert alarm["Namespace"] == NAMESPACE
    return alarm


def headings() -> set[str]:
    """The anchors of the runbook's headings, made as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_every_alarm_names_an_existing_heading_of_the_runbook(archive: Template) -> None:
    assert alarms(archive)
    for alarm in alarms(archive):
        (anchor,) = re.findall(r"docs/operations\.md#([\w-]+)$", alarm["AlarmDescription"])
        assert anchor in headings()


def test_every_alarm_goes_to_the_topic_when_it_rings_and_when_it_is_over(archive: Template) -> None:
    (topic,) = archive.of_type("AWS::SNS::Topic")
    for alarm in alarms(archive):
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]


def test_every_address_is_subscribed() -> None:
    archive = Template(document=template(a_deployment(alerts=("a@example.com", "b@example.com"))))
    subscriptions = [s["Properties"] for s in archive.of_type("AWS::SNS::Subscription").values()]
    assert {(s["Protocol"], s["Endpoint"]) for s in subscriptions} == {
        ("email", "a@example.com"),
        ("email", "b@example.com"),
    }


def test_cloudwatch_may_publish_although_the_topic_has_a_policy_of_its_own(archive: Template) -> None:
    statements = archive.only("AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = (s for s in statements if s["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"


def test_every_dead_letter_queue_has_an_alarm_on_what_is_in_it(archive: Template) -> None:
    watched = {
        refers_to(alarm["Dimensions"][0]["Value"])
        for alarm in alarms(archive)
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible" and alarm["Threshold"] == 1
    }
    assert watched == archive.queues(dead_letters=True).keys()


def test_every_function_has_an_alarm_on_its_errors(archive: Template) -> None:
    watched = {
        refers_to(alarm["Dimensions"][0]["Value"])
        for alarm in alarms(archive)
        if (alarm.get("Namespace"), alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    }
    assert watched == {function.logical_id for function in archive.functions()}


@pytest.mark.parametrize("source", SOURCES)
def test_a_tick_that_sends_nothing_rings(archive: Template, source: str) -> None:
    # A tick that dies sends no metric at all: no data must count as bad.
    alarm = on_metric(archive, "Ticks", source)
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 15 * 60


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("metric", "threshold"),
    [("OldestWaitingSeconds", 86400), ("RecordingsFailed", 1), ("SourceBlocked", 1), ("WindowsUnclean", 1)],
)
def test_what_the_functions_report_of_a_source_rings(
    archive: Template, source: str, metric: str, threshold: int
) -> None:
    alarm = on_metric(archive, metric, source)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", threshold)


def test_an_alarms_text_names_its_source(archive: Template) -> None:
    for alarm in alarms(archive):
        assert [source for source in SOURCES if source in flat(alarm["AlarmDescription"])]
