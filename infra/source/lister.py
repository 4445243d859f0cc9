"""Finds recordings: lists the provider on the source's schedule, and puts what is due into the lanes every minute."""

from __future__ import annotations

from aws_cdk import Duration
from constructs import Construct

from functions.archiver.settings.deployment import Source
from functions.archiver.settings.metrics import Metric
from infra.alarms import MISSING_CHANGES_NOTHING, MISSING_IS_BAD, Rule, metric_of
from infra.ledger_table import DUE
from infra.shared import Shared
from infra.source.function import SourceFunction
from infra.source.lanes import Lanes
from infra.source.schedules import Schedules

TICK = "rate(1 minute)"

LONGEST_WAIT = Duration.hours(24)
"""Providers keep recordings for a month at the least; a day lost is the time to look, not yet the time to worry."""


SOON = Duration.days(3)
"""So long before the provider deletes a waiting recording somebody is told."""


class Lister(Construct):
    """The lister of one source, its two schedules and the alarms on what it reports."""

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, source: Source, lanes: Lanes) -> None:
        super().__init__(scope, id_)
        self.function = SourceFunction(
            self,
            "Lister",
            shared=shared,
            source=source,
            queue=lanes.queue,
            handler="functions.lister.handler",
            description="Lists recordings and puts what is due into the lanes",
            memory_mib=256,
            timeout=Duration.minutes(15),
            statements=[
                *shared.ledger.access(source.name, "GetItem", "BatchGetItem", "PutItem", "UpdateItem", query=(DUE,)),
                lanes.may_send(),
            ],
            errors_within=Duration.minutes(15),
        ).function
        schedules = Schedules(self, "Schedules", function=self.function)
        schedules.add("List", source.schedule, {"action": "list"})
        schedules.add("Dispatch", TICK, {"action": "dispatch"})
        for id_of_alarm, rule in _rules(source.name).items():
            shared.alerts.alarm(self, id_of_alarm, rule)


def _rules(source: str) -> dict[str, Rule]:
    return {
        "Stopped": Rule(
            heading="the-tick-stopped",
            summary=f"Source {source} has not been looked after for a quarter of an hour.",
            metric=metric_of(source, Metric.TICKS, statistic="Sum", period=Duration.minutes(5)),
            below=True,
            periods=3,
            missing=MISSING_IS_BAD,
        ),
        "Waiting": Rule(
            heading="a-recording-waits-too-long",
            summary=f"A recording of source {source} has been due for more than a day.",
            metric=metric_of(source, Metric.OLDEST_WAITING_SECONDS, statistic="Minimum", period=Duration.minutes(15)),
            threshold=LONGEST_WAIT.to_seconds(),
        ),
        "Deletion": Rule(
            heading="a-recording-is-about-to-be-deleted",
            summary=f"The provider of source {source} will soon delete a recording that is not archived.",
            metric=metric_of(source, Metric.SECONDS_UNTIL_DELETION, statistic="Minimum", period=Duration.minutes(15)),
            threshold=SOON.to_seconds(),
            below=True,
        ),
        "Blocked": Rule(
            heading="the-source-is-blocked",
            summary=f"The provider of source {source} refuses the credentials.",
            metric=metric_of(source, Metric.SOURCE_BLOCKED, statistic="Minimum", period=Duration.minutes(5)),
            periods=3,
        ),
        "Unclean": Rule(
            heading="a-window-does-not-close",
            summary=f"A listing of source {source} has not come out even for hours.",
            metric=metric_of(source, Metric.WINDOWS_UNCLEAN, statistic="Minimum", period=Duration.hours(6)),
            missing=MISSING_CHANGES_NOTHING,
        ),
    }
