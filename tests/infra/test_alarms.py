"""Whatever goes wrong tells a person, in words, and tells them where to read on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from functions.archiver.alerting.trouble import KINDS
from functions.archiver.settings.metrics import NAMESPACE
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Resource, Template, deployed, flat, refers_to

RUNBOOK = Path("docs/operations.md")
SOURCES = ("acme-uk", "acme-de")
OF_A_SOURCE = {
    "stopped",
    "urgent trouble",
    "trouble",
    "functions keep failing",
    "a message could not be worked on",
}
URGENT_WORDS = {"stopped", "urgent trouble"}


def alarms(archive: Template) -> list[Resource]:
    return [alarm["Properties"] for alarm in archive.of_type("AWS::CloudWatch::Alarm").values()]


def named(archive: Template, source: str, words: str) -> Resource:
    (alarm,) = (each for each in alarms(archive) if each["AlarmName"] == f"recordings / {source}: {words}")
    return alarm


def series(alarm: Resource) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of everything that an alarm looks at."""
    stats = (
        [alarm] if "MetricName" in alarm else [q["MetricStat"]["Metric"] for q in alarm["Metrics"] if "MetricStat" in q]
    )
    for stat in stats:
        dimensions = {each["Name"]: refers_to(each["Value"]) for each in stat["Dimensions"]}
        yield stat["Namespace"], stat["MetricName"], dimensions


def headings() -> set[str]:
    """The anchors of the runbook's headings, made as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_every_alarm_names_an_existing_heading_of_the_runbook(listening: Template) -> None:
    assert alarms(listening)
    for alarm in alarms(listening):
        (anchor,) = re.findall(r"docs/operations\.md#([\w-]+)$", alarm["AlarmDescription"])
        assert anchor in headings()


def test_an_alarm_leads_to_the_runbook_of_ones_own_where_there_is_one() -> None:
    archive = deployed(a_deployment(a_source(), runbook_url="https://wiki.example.com/calls"))
    for alarm in alarms(archive):
        assert re.search(r"Read on: https://wiki\.example\.com/calls#[\w-]+$", alarm["AlarmDescription"])


def test_every_alarm_has_a_name_in_words_that_is_its_own(listening: Template) -> None:
    names = [alarm["AlarmName"] for alarm in alarms(listening)]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"recordings / (acme-uk|acme-de|all sources): [a-z][a-z ]+", name)


def test_an_alarm_says_so_when_it_rings_and_when_it_is_over(listening: Template) -> None:
    topics = listening.of_type("AWS::SNS::Topic").keys()
    for alarm in alarms(listening):
        assert alarm["AlarmActions"] == alarm["OKActions"]
        (topic,) = alarm["AlarmActions"]
        assert refers_to(topic) in topics


def test_what_cannot_wait_goes_to_a_topic_of_its_own(listening: Template) -> None:
    by_topic: dict[str, set[str]] = {}
    for alarm in alarms(listening):
        by_topic.setdefault(refers_to(alarm["AlarmActions"][0]), set()).add(alarm["AlarmName"].partition(": ")[2])
    assert len(by_topic) == 2
    assert URGENT_WORDS in by_topic.values()


@pytest.mark.parametrize(
    ("urgent", "told"), [((), {"a@example.com", "b@example.com"}), (("night@example.com",), {"night@example.com"})]
)
def test_urgent_alarms_go_to_the_same_addresses_unless_others_are_named(
    urgent: tuple[str, ...], told: set[str]
) -> None:
    archive = deployed(a_deployment(a_source(), alerts=("a@example.com", "b@example.com"), urgent=urgent))
    topic = refers_to(named(archive, "acme-uk", "stopped")["AlarmActions"][0])
    found: dict[str, set[str]] = {}
    for each in archive.of_type("AWS::SNS::Subscription").values():
        assert each["Properties"]["Protocol"] == "email"
        found.setdefault(refers_to(each["Properties"]["TopicArn"]), set()).add(each["Properties"]["Endpoint"])
    assert found.pop(topic) == told
    assert [*found.values()] == [{"a@example.com", "b@example.com"}]


def test_cloudwatch_may_publish_although_a_topic_has_a_policy_of_its_own(archive: Template) -> None:
    policies = archive.of_type("AWS::SNS::TopicPolicy").values()
    assert len(policies) == len(archive.of_type("AWS::SNS::Topic"))
    for policy in policies:
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        (allowed,) = (s for s in statements if s["Effect"] == "Allow")
        assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert allowed["Action"] == "sns:Publish"


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_nothing_fires_any_more_rings(listening: Template, source: str) -> None:
    # A schedule that is gone leaves no data at all: that must count as bad.
    alarm = named(listening, source, "stopped")
    assert [*series(alarm)] == [
        ("AWS/Lambda", "Invocations", {"FunctionName": listening.function("lister", source).logical_id})
    ]
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["ComparisonOperator"] == "LessThanThreshold"
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 15 * 60


@pytest.mark.parametrize(
    ("schedule", "lists"),
    [
        ("rate(5 minutes)", 1),
        ("rate(1 minute)", 5),
        ("rate(2 minutes)", 3),
        ("rate(1 day)", 1),
        ("cron(0 6 * * ? *)", 1),
    ],
)
def test_a_source_that_only_lists_or_whose_tick_hardly_comes_rings_too(schedule: str, lists: int) -> None:
    alarm = named(deployed(a_deployment(a_source(schedule=schedule))), "acme-uk", "stopped")
    ticks = alarm["Period"] // 60
    assert lists < alarm["Threshold"] <= lists + ticks // 2


def test_no_trouble_is_said_to_be_over_because_nobody_looks_any_more(listening: Template) -> None:
    # Its metric comes with the tick, and may stop with it.
    for source, words in product(SOURCES, ("trouble", "urgent trouble")):
        assert named(listening, source, words)["TreatMissingData"] == "ignore"


@pytest.mark.parametrize("source", SOURCES)
def test_one_alarm_adds_up_the_errors_of_all_functions_of_a_source(listening: Template, source: str) -> None:
    alarm = named(listening, source, "functions keep failing")
    own = {function.logical_id for function in listening.functions() if function.source == source}
    assert {dimensions["FunctionName"] for _, _, dimensions in series(alarm)} == own
    assert {(namespace, name) for namespace, name, _ in series(alarm)} == {("AWS/Lambda", "Errors")}
    (expression,) = (query["Expression"] for query in alarm["Metrics"] if "Expression" in query)
    added = {query["Id"] for query in alarm["Metrics"] if "MetricStat" in query}
    assert expression.split(" + ") == [f"FILL({id_}, 0)" for id_ in re.findall(r"\w+(?=, 0)", expression)]
    assert set(re.findall(r"\w+(?=, 0)", expression)) == added


def test_one_unreadable_message_alone_does_not_ring_for_failing_functions(listening: Template) -> None:
    alarm = named(listening, "acme-uk", "functions keep failing")
    for queue in listening.queues(dead_letters=False).values():
        assert alarm["Threshold"] > queue["Properties"]["RedrivePolicy"]["maxReceiveCount"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_dead_letter_rings(listening: Template, source: str) -> None:
    alarm = named(listening, source, "a message could not be worked on")
    ((namespace, name, dimensions),) = series(alarm)
    assert (namespace, name, alarm["Threshold"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible", 1)
    assert dimensions["QueueName"] in listening.queues(dead_letters=True)
    assert dimensions["QueueName"].startswith(source.replace("-", ""))


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_has_five_alarms_whatever_it_uses(listening: Template, source: str) -> None:
    own = [
        alarm["AlarmName"] for alarm in alarms(listening) if alarm["AlarmName"].startswith(f"recordings / {source}:")
    ]
    assert sorted(own) == sorted(f"recordings / {source}: {words}" for words in OF_A_SOURCE)


def rings(alarm: Resource, level: int) -> bool:
    """Whether it rings at this level of `Trouble`."""
    expression = next((query["Expression"] for query in alarm.get("Metrics", ()) if "Expression" in query), "value")
    low_high = re.fullmatch(r"IF\(value >= (\d+) AND value < (\d+), 1, 0\)", expression)
    value = level if low_high is None else int(int(low_high[1]) <= level < int(low_high[2]))
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    return bool(value >= alarm["Threshold"])


@pytest.mark.parametrize("source", SOURCES)
def test_each_trouble_rings_one_alarm_and_a_source_that_is_well_none(listening: Template, source: str) -> None:
    urgent, other = (named(listening, source, words) for words in ("urgent trouble", "trouble"))
    for alarm in (urgent, other):
        assert [*series(alarm)] == [("RecordingArchive", "Trouble", {"archive": "recordings", "source": source})]
    assert not rings(urgent, 0)
    assert not rings(other, 0)
    for kind in KINDS:
        assert (rings(urgent, kind.level), rings(other, kind.level)) == (kind.urgent, not kind.urgent), kind.name


def test_archives_of_one_account_share_no_metric() -> None:
    looked_at = [
        {(space, name, *sorted(where.items())) for alarm in alarms(archive) for space, name, where in series(alarm)}
        for archive in (deployed(a_deployment(a_source(), name=name, events=True)) for name in ("sales", "support"))
    ]
    ours, theirs = ({each for each in found if each[0] == NAMESPACE} for found in looked_at)
    assert {name for _, name, *_ in ours} == {"Trouble", "EventsUnsent"}
    assert not ours & theirs


@pytest.mark.parametrize("events", [False, True])
def test_every_query_of_an_alarm_has_an_id_of_its_own_and_no_expression_names_itself(events: bool) -> None:
    # CloudWatch refuses such an alarm, and with it the whole stack.
    for alarm in alarms(deployed(a_deployment(a_source(webhook=True), events=events))):
        queries = alarm.get("Metrics", [])
        ids = [query["Id"] for query in queries]
        assert len(set(ids)) == len(ids), alarm["AlarmName"]
        for query in queries:
            named = set(re.findall(r"\b[a-z]\w*", query.get("Expression", "")))
            assert named <= {*ids} - {query["Id"]}
        assert sum(query["ReturnData"] for query in queries) == bool(queries)


def test_an_alarms_text_names_its_source(listening: Template) -> None:
    for alarm in alarms(listening):
        source = alarm["AlarmName"].removeprefix("recordings / ").partition(":")[0]
        assert source == "all sources" or source in flat(alarm["AlarmDescription"])


def test_no_alarm_looks_further_back_than_cloudwatch_does(listening: Template) -> None:
    for alarm in alarms(listening):
        periods = (
            [alarm["Period"]]
            if "Period" in alarm
            else [query["MetricStat"]["Period"] for query in alarm["Metrics"] if "MetricStat" in query]
        )
        assert max(periods) * alarm["EvaluationPeriods"] <= 86400 * (7 if max(periods) >= 3600 else 1)
