"""Schedules and mappings of a source's functions, the same as the stack makes on AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass

from functions.archiver.settings.deployment import Source
from functions.archiver.settings.schedule import DISPATCH, RECONCILE, SWEEP

FUNCTIONS = ("lister", "downloader", "reconciler", "webhook", "sweeper")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scheduled:
    """A schedule: `expression` and the JSON text that its target, a function, gets."""

    function: str
    expression: str
    input: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A route of the HTTP API, such as `POST /webhooks/acme-uk`, and the function behind it."""

    key: str
    function: str


def schedules_of(source: Source) -> list[Scheduled]:
    """The schedules of one source's functions."""
    sweeps = [Scheduled(function="sweeper", expression=SWEEP, input=json.dumps({"action": "sweep"}))]
    return [
        Scheduled(function="lister", expression=source.schedule, input=json.dumps({"action": "list"})),
        Scheduled(function="lister", expression=DISPATCH, input=json.dumps({"action": "dispatch"})),
        Scheduled(function="reconciler", expression=RECONCILE, input="{}"),
        *(sweeps if source.delete_after_days else []),
    ]


def routes_of(source: Source) -> list[Route]:
    """The routes to one source's webhook function, which is named after the source; none without webhooks."""
    if not source.webhook:
        return []
    paths = (f"/webhooks/{source.name}", f"/webhooks/{source.name}/{{secret}}")
    return [Route(key=f"ANY {path}", function=source.name) for path in paths]
