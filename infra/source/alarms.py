"""When the alarms of a source ring."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta

from functions.archiver.settings.deployment import Source
from functions.archiver.settings.metrics import NAMESPACE, Metric
from functions.archiver.settings.queue import MAX_RECEIVE_COUNT
from infra.alarms import Rule, Series, metric_of

HOUR = timedelta(hours=1)

LONGEST_WAIT = timedelta(hours=24)
"""Providers keep recordings for at least a month: one that is a day late needs a look but is not yet at risk."""

SOON = timedelta(days=3)
"""So long before the provider deletes a waiting recording somebody is told."""

ERRORS_WITHIN = timedelta(hours=6)
"""The reconciler runs every hour, so a shorter time would not see it fail again and again."""

ERRORS = MAX_RECEIVE_COUNT + 1
"""A single failed run heals itself, and one unreadable message fails as often as it is received."""

REFUSALS = 20
"""So many in a quarter of an hour are no stray scanner: a secret was changed on one side, or somebody guesses."""

LONGEST_PERIOD = timedelta(days=1)
"""Of an alarm's metric."""


def rules(source: Source, functions: Mapping[str, str], dead_letters: str) -> Iterator[tuple[str, Rule]]:
    """Every alarm with its construct's id. `functions` are their names by step, `dead_letters` the queue's name."""
    yield "Stopped", _stopped(source.name, functions["lister"])
    yield "FunctionErrors", _function_errors(source.name, functions)
    yield "DeadLetters", _dead_letters(source.name, dead_letters)
    yield from _troubles(source.name)
    if source.webhook:
        yield "Refusing", _refusing(source.name)
    if source.webhook_quiet_after:
        yield "Quiet", _quiet(source.name, source.webhook_quiet_after)


def _stopped(source: str, lister: str) -> Rule:
    """Lambda's own count: a tick that is not fired has no invocation, so no data must count as bad."""
    invocations = Series(
        namespace="AWS/Lambda",
        name="Invocations",
        dimensions={"FunctionName": lister},
        statistic="Sum",
        period_seconds=300,
    )
    return Rule(
        words="stopped",
        heading="the-tick-stopped",
        summary=f"Source {source} has not been looked after for a quarter of an hour.",
        series={"value": invocations},
        below=True,
        periods=3,
        missing="breaching",
        urgent=True,
    )


def _function_errors(source: str, functions: Mapping[str, str]) -> Rule:
    errors = {
        step: Series(
            namespace="AWS/Lambda",
            name="Errors",
            dimensions={"FunctionName": name},
            statistic="Sum",
            period_seconds=_seconds(ERRORS_WITHIN),
        )
        for step, name in functions.items()
    }
    return Rule(
        words="functions keep failing",
        heading="function-errors",
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
        summary=f"The dead-letter queue of source {source} holds a message that could not be worked on.",
        series={"value": visible},
    )


def _troubles(source: str) -> Iterator[tuple[str, Rule]]:
    yield (
        "Waiting",
        Rule(
            words="a recording waits too long",
            heading="a-recording-waits-too-long",
            summary=f"A recording of source {source} has been due for more than a day.",
            series=metric_of(source, Metric.OLDEST_WAITING_SECONDS, "Minimum", minutes=15),
            threshold=LONGEST_WAIT.total_seconds(),
        ),
    )
    yield (
        "Deletion",
        Rule(
            words="a recording is about to be deleted",
            heading="a-recording-is-about-to-be-deleted",
            summary=f"The provider of source {source} will soon delete a recording that is not archived.",
            series=metric_of(source, Metric.SECONDS_UNTIL_DELETION, "Minimum", minutes=15),
            threshold=SOON.total_seconds(),
            below=True,
            urgent=True,
        ),
    )
    yield (
        "Blocked",
        Rule(
            words="the provider refuses the credentials",
            heading="the-source-is-blocked",
            summary=f"The provider of source {source} refuses the credentials.",
            series=metric_of(source, Metric.SOURCE_BLOCKED, "Minimum", minutes=5),
            periods=3,
            urgent=True,
        ),
    )
    yield (
        "Unclean",
        Rule(
            words="a listing does not come out even",
            heading="a-window-does-not-close",
            summary=f"A listing of source {source} has not come out even for hours.",
            series=metric_of(source, Metric.WINDOWS_UNCLEAN, "Minimum", minutes=6 * 60),
            missing="ignore",
        ),
    )
    yield (
        "Failed",
        Rule(
            words="a recording failed",
            heading="recordings-failed",
            summary=f"A recording of source {source} was given up.",
            series=metric_of(source, Metric.RECORDINGS_FAILED, "Sum", minutes=60),
        ),
    )
    yield (
        "SealChain",
        Rule(
            words="seal chain broken",
            heading="the-seal-chain-is-broken",
            summary=f"The seals of source {source} in the bucket are not those that the ledger notes.",
            series=metric_of(source, Metric.SEAL_CHAIN_BROKEN, "Sum", minutes=120),
            urgent=True,
        ),
    )


def _refusing(source: str) -> Rule:
    return Rule(
        words="webhook requests are refused",
        heading="webhook-requests-are-refused",
        summary=f"Webhook requests for source {source} could not be verified.",
        series=metric_of(source, Metric.WEBHOOK_REFUSED, "Sum", minutes=15),
        threshold=REFUSALS,
    )


def _quiet(source: str, after: timedelta) -> Rule:
    """With a working webhook, listing finds almost nothing new; with a dead one it finds everything."""
    period = _seconds(min(after, LONGEST_PERIOD))
    named = {"events": Metric.WEBHOOK_EVENTS, "found": Metric.RECORDINGS_FOUND}
    series = {
        id_: Series(
            namespace=NAMESPACE, name=metric, dimensions={"source": source}, statistic="Sum", period_seconds=period
        )
        for id_, metric in named.items()
    }
    return Rule(
        words="no webhook events",
        heading="no-webhook-events",
        summary=f"Source {source} gets no webhook events although there are new recordings.",
        series=series,
        expression="IF(FILL(events, 0) == 0 AND FILL(found, 0) > 0, 1, 0)",
        periods=math.ceil(after / LONGEST_PERIOD),
    )


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
