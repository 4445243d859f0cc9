"""Questions about functions, schedules, lanes and mails. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal, cast

from functions.archiver.clock import Clock
from functions.archiver.health import in_words
from functions.archiver.vitals import VitalsReader
from ops.archive.deployed import DeployedArchive
from ops.first_deployment.answer import Answer

LOOKED_BACK = timedelta(days=14)
HOUR_SECONDS = 3600

RUNTIME = "python3.14"
ARCHITECTURE = "arm64"


class Functions:
    """Asks Lambda, CloudWatch and SNS of one archive; `sources` are its sources' names. `clock` is this machine's."""

    def __init__(self, archive: DeployedArchive, sources: list[str], clock: Clock) -> None:
        self._archive = archive
        self._sources = sources
        self._clock = clock

    def run(self) -> Answer:
        """On the runtime that no package here has; the other checks invoke them."""
        wrong = []
        names = [name for source in self._sources for name in self._archive.source(source).functions.values()]
        client = self._archive.session.client("lambda")
        for name in names:
            found = client.get_function_configuration(FunctionName=name)
            on = f"{found['Runtime']} on {', '.join(found['Architectures'])}"
            if on != f"{RUNTIME} on {ARCHITECTURE}" or found.get("State", "Active") != "Active":
                wrong.append(f"{name} is {found.get('State')}, {on}")
        for source in self._sources:
            self._archive.invoke(self._archive.source(source).functions["lister"], {"action": "bounds"})
        if wrong:
            return Answer("no", "; ".join(wrong))
        return Answer("yes", f"{len(names)} functions are active on {RUNTIME}, {ARCHITECTURE}, and the listers answer")

    def are_fired(self) -> Answer:
        """The role of the schedules may invoke nothing without the tag, so a tick shows that the tag is seen."""
        silent, ages = [], []
        for source in self._sources:
            ticked = VitalsReader(self._archive.table, source=source, clock=self._clock).read().signs.ticked_at
            age = None if ticked is None else self._clock.now() - ticked
            if age is None or age > self._archive.tick_interval:
                silent.append(source)
            else:
                ages.append(age)
        if silent:
            return Answer("no", f"no schedule looks after {', '.join(silent)}: wait a few minutes after a deploy")
        return Answer("yes", f"the longest silent source was looked after {in_words(max(ages))} ago")

    def work_side_by_side(self) -> Answer:
        """By the most invocations at once that Lambda has counted for a downloader."""
        several = {source: self._lanes(source) for source in self._sources if self._lanes(source) > 1}
        if not several:
            return Answer("open", "no source has max_parallel_downloads above 1")
        most = {source: self._most_at_once(source) for source in several}
        words = ", ".join(f"{source}: {most[source]:.0f} at once of {lanes} lanes" for source, lanes in several.items())
        if any(most[source] > lanes for source, lanes in several.items()):
            return Answer("no", words)
        return Answer("yes" if max(most.values()) > 1 else "open", words)

    def _lanes(self, source: str) -> int:
        return self._archive.settings(source).source.max_parallel_downloads

    def _most_at_once(self, source: str) -> float:
        function = self._archive.source(source).functions["downloader"]
        return max(self._metric("AWS/Lambda", "ConcurrentExecutions", "FunctionName", function, "Maximum"), default=0)

    def send_mails(self) -> Answer:
        """By what SNS says that it delivered."""
        topics = sorted({arn.rpartition(":")[2] for arn in self._archive.facts.topics.values()})
        told = {
            name: sum(sum(self._metric("AWS/SNS", name, "TopicName", topic, "Sum")) for topic in topics)
            for name in ("NumberOfNotificationsDelivered", "NumberOfNotificationsFailed")
        }
        delivered, failed = told.values()
        if failed:
            return Answer("no", f"{delivered:.0f} messages were delivered and {failed:.0f} failed")
        if delivered:
            return Answer("yes", f"{delivered:.0f} messages were delivered: see that they are in the inbox")
        return Answer("open", f"nothing was sent yet: ring one with {self._ring()}")

    def _ring(self) -> str:
        words = f"{self._archive.name} / {self._sources[0]}: "
        pages = self._archive.session.client("cloudwatch").describe_alarms(AlarmNamePrefix=words, MaxRecords=1)
        name = next((each["AlarmName"] for each in pages["MetricAlarms"]), "NAME")
        return f"aws cloudwatch set-alarm-state --alarm-name '{name}' --state-value ALARM --state-reason test"

    def _metric(
        self, namespace: str, name: str, dimension: str, value: str, statistic: Literal["Maximum", "Sum"]
    ) -> Iterator[float]:
        now = self._clock.now()
        found = self._archive.session.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": dimension, "Value": value}],
            StartTime=now - LOOKED_BACK,
            EndTime=now + timedelta(minutes=1),
            Period=HOUR_SECONDS,
            Statistics=[statistic],
        )
        return (cast("float", dict(each)[statistic]) for each in found["Datapoints"])
