"""`recordings plan`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ops.shell.output import Column, ExitCode, Failure, Output
from ops.shell.verb import Shared, Topic, verb

if TYPE_CHECKING:
    from ops.plan.plan import Plan
    from ops.plan.prices import Prices

AMOUNT = click.FloatRange(min=0, min_open=True, max=1e7)


def _number(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuses nan, which is in every range."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("must be a number", context, parameter)
    return value


@verb(
    topic=Topic.START,
    example="recordings plan acme-uk -a deployments/mine.toml --calls-per-day 3000 --mean-seconds 180",
)
@click.argument("source", required=False)
@click.option("--calls-per-day", type=AMOUNT, callback=_number, metavar="N", help="Recordings a day.")
@click.option("--mean-seconds", type=AMOUNT, callback=_number, metavar="N", help="How long a recording is on average.")
@click.option(
    "--measure", metavar="SOURCE", help="Take both from what the provider lists for yesterday (a few requests)."
)
@click.option("--secrets", metavar="FILE", type=click.Path(), help="With --measure, in place of Secrets Manager.")
def command(
    shared: Shared,
    *,
    source: str | None,
    calls_per_day: float | None,
    mean_seconds: float | None,
    measure: str | None,
    secrets: str | None,
) -> ExitCode:
    """Estimate whether the pace catches up before the provider deletes, and what the archive will cost.

    SOURCE may be left out where there is only one. Prices are those of ops/plan/prices.toml.
    """
    from ops.plan.load import DailyLoad, load_of, measure_load, planned_source
    from ops.plan.plan import BYTES_A_SECOND, plan
    from ops.plan.prices import prices

    if measure is None and (calls_per_day is None or mean_seconds is None):
        raise Failure(ExitCode.MISUSE, "give --calls-per-day and --mean-seconds, or --measure SOURCE")
    deployment, chosen = planned_source(shared, measure or source)
    if measure is not None:
        found = measure_load(shared, deployment, chosen, secrets)
    else:
        assert calls_per_day is not None
        assert mean_seconds is not None
        found = DailyLoad(calls_per_day=calls_per_day, bytes_each=mean_seconds * BYTES_A_SECOND)
    priced = prices(shared.region or "us-east-1")
    if deployment.events:
        priced = replace(priced, recording=priced.recording + priced.event)
    result = plan(load_of(deployment, chosen, found), priced)
    _say(shared.output(), chosen.name, found.calls_per_day, found.bytes_each, result, priced)
    return ExitCode.LOOK if result.lost or result.catches_up_in_days is None else ExitCode.DONE


def _say(output: Output, source: str, calls_per_day: float, bytes_each: float, result: Plan, priced: Prices) -> None:
    output.document(
        {
            "source": source,
            "calls_per_day": calls_per_day,
            "bytes_each": round(bytes_each),
            "backlog": round(result.backlog),
            "requests_per_day": {
                "needed": round(result.requests_needed_per_day),
                "allowed": round(result.requests_allowed_per_day),
            },
            "catches_up_in_days": result.catches_up_in_days,
            "lost": round(result.lost),
            "prices": {"date": priced.date.isoformat(), "region": priced.region},
            "classes": [
                {
                    "class": name,
                    "put_backlog_dollars": round(result.put_backlog_dollars[name], 2),
                    "month_dollars": {str(years): round(dollars, 2) for years, dollars in months.items()},
                }
                for name, months in result.month_dollars.items()
            ],
        }
    )
    output.line(f"{source}: {calls_per_day:,.0f} recordings a day, {bytes_each / 1e6:,.2f} MB each")
    output.line(
        f"pace: {result.requests_needed_per_day:,.0f} of {result.requests_allowed_per_day:,.0f} requests a day needed"
    )
    output.line(f"dollars in {priced.region}, prices of {priced.date}, by storage class:")
    heads = ("class", "the backlog", "a month after 1 year", "after 3 years", "after 7 years")
    columns = [Column(head=heads[0], importance=9), *(Column(head=head, align="right") for head in heads[1:])]
    rows = [
        [name, f"{result.put_backlog_dollars[name]:,.2f}", *(f"{dollars:,.2f}" for dollars in months.values())]
        for name, months in result.month_dollars.items()
    ]
    output.table(columns, rows)
    output.verdict(_verdict(source, result))


def _verdict(source: str, result: Plan) -> str:
    if result.catches_up_in_days is None:
        return f"{source} never catches up: raise requests_per_minute with the provider's consent"
    days = f"{source} has caught up with {result.backlog:,.0f} recordings after {result.catches_up_in_days:,.1f} days"
    if result.lost:
        return f"{days}, and the provider deletes about {result.lost:,.0f} before their turn: raise requests_per_minute"
    return f"{days}, before the provider deletes any"
