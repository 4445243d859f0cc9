"""When the alarms of a source ring."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from functions.archiver.settings.deployment import Source
from functions.archiver.settings.metrics import URGENT_TROUBLE, Metric
from functions.archiver.settings.queue import MAX_RECEIVE_COUNT
from infra.alarms import Rule, Series, metric_of, metric_of_function

HOUR = timedelta(hours=1)

LOOKED_AT_MINUTES = 5
TICKS_NEEDED = 2
"""Of the five that come in these minutes."""

ERRORS_WITHIN = timedelta(hours=6)
"""The reconciler runs every hour, so a shorter time would not see it fail again and again."""

ERRORS = MAX_RECEIVE_COUNT + 1
"""A single failed run heals itself, and one unreadable message fails as often as it is received."""


def rules(archive: str, source: Source, functions: Mapping[str, str], dead_letters: str) -> Iterator[tuple[str, Rule]]:
    """Every alarm with its construct's id. `functions` are their names by step, `dead_letters` the queue's name."""
    told = {"value": metric_of(archive, source.name, Metric.TROUBLE, "Maximum", minutes=5)}
    yield "Stopped", _stopped(source, functions["lister"])
    yield "FunctionErrors", _function_errors(source.name, functions)
    yield "DeadLetters", _dead_letters(source.name, dead_letters)
    yield "UrgentTrouble", _urgent_trouble(source.name, told)
    yield "Trouble", _trouble(source.name, told)


def _stopped(source: Source, lister: str) -> Rule:
    """Lambda's own count: a tick that is not fired has no invocation, so no data must count as bad.

    The lister is also fired to list, and a source that only lists is not looked after: some ticks have to be among
    what fires it.
    """
    invocations = metric_of_function(lister, "Invocations", minutes=LOOKED_AT_MINUTES)
    return Rule(
        words="stopped",
        heading="the-tick-stopped",
        command=f"recordings doctor {source.name}",
        summary=f"Source {source.name} has not been looked after for a quarter of an hour.",
        series={"value": invocations},
        threshold=_most_listings(source.schedule) + TICKS_NEEDED,
        below=True,
        periods=3,
        missing="breaching",
        urgent=True,
    )


def _most_listings(schedule: str) -> int:
    """How often a schedule fires the lister while `stopped` looks; a cron expression is taken for a rare one."""
    rate = re.fullmatch(r"rate\(([0-9]+) minutes?\)", schedule)
    return -(-LOOKED_AT_MINUTES // int(rate[1])) if rate else 1


def _function_errors(source: str, functions: Mapping[str, str]) -> Rule:
    minutes = ERRORS_WITHIN // timedelta(minutes=1)
    errors = {step: metric_of_function(name, "Errors", minutes=minutes) for step, name in functions.items()}
    return Rule(
        words="functions keep failing",
        heading="function-errors",
        command=f"recordings doctor {source}",
        summary=f"Functions of source {source} failed {ERRORS} times or more within {ERRORS_WITHIN // HOUR} hours.",
        series=errors,
        expression=" + ".join(f"FILL({step}, 0)" for step in errors),
        threshold=ERRORS,
    )


def _dead_letters(source: str, queue: str) -> Rule:
    visible = Series(
        namespace="AWS/SQS",
        name="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue},
        statistic="Maximum",
        period_seconds=300,
    )
    return Rule(
        words="a message could not be worked on",
        heading="dead-letters",
        command=f"recordings doctor {source}",
        summary=f"The dead-letter queue of source {source} holds a message that could not be worked on.",
        series={"value": visible},
    )


def _urgent_trouble(source: str, told: Mapping[str, Series]) -> Rule:
    """The tick says only what has held for a while, so one period is enough. No tick does not mean no trouble."""
    return Rule(
        words="urgent trouble",
        heading="trouble",
        command=f"recordings status {source}",
        summary=f"Source {source} is blocked, about to lose recordings, or its bytes are not what they were.",
        series=told,
        threshold=URGENT_TROUBLE,
        missing="ignore",
        urgent=True,
    )


def _trouble(source: str, told: Mapping[str, Series]) -> Rule:
    """Only what is not urgent, so that no trouble sends two mails."""
    return Rule(
        words="trouble",
        heading="trouble",
        command=f"recordings status {source}",
        summary=f"Source {source} needs a look by day: it is behind or unsure, or a recording failed.",
        series=told,
        expression=f"IF(value >= 1 AND value < {URGENT_TROUBLE}, 1, 0)",
        missing="ignore",
    )
