"""The input of `recordings plan`: a source's settings, and its load as given or as the provider lists it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from functions.archiver.settings.archive import Archive
from functions.archiver.settings.source import Source
from functions.archiver.settings.toml_file import read
from functions.providers import load
from ops.archive.archive import no_such_source
from ops.archive.opening import open_deployed
from ops.archive.where import deployment_file
from ops.plan.plan import BYTES_A_SECOND, Load
from ops.provider.connection import Connection
from ops.provider.operations import list_recordings
from ops.shell.output import ExitCode, Failure
from ops.shell.verb import Shared

_UNKNOWN_RETENTION = timedelta(days=180)
"""How far back a source is taken to reach whose provider tells no time."""

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyLoad:
    """The load of a day."""

    calls_per_day: float
    bytes_each: float


def planned_source(shared: Shared, name: str | None) -> tuple[Archive, Source]:
    """The source and its archive, by the deployment file or as they are deployed.

    Raises Misconfigured, and Failure: MISUSE where it is not clear which source is meant, NOT_FOUND for none.
    """
    file = deployment_file(shared.archive)
    if file is None:
        archive = open_deployed(shared)
        settings = archive.settings(_chosen(name, list(archive.sources), archive.name))
        return settings.archive, settings.source
    deployment = read(file)
    chosen = _chosen(name, [source.name for source in deployment.sources], str(file))
    return deployment.archive, next(source for source in deployment.sources if source.name == chosen)


def _chosen(name: str | None, there: list[str], where: str) -> str:
    if name is None and len(there) != 1:
        raise Failure(ExitCode.MISUSE, f"which source? {where} has {', '.join(there)}")
    if name is not None and name not in there:
        raise no_such_source(where, name, there)
    return name or there[0]


def load_of(archive: Archive, source: Source, found: DailyLoad) -> Load:
    """The source's load at so many recordings."""
    declaration = load(source.provider).declaration
    since_start = max(datetime.now(UTC) - source.start, timedelta())
    return Load(
        calls_per_day=found.calls_per_day,
        bytes_each=found.bytes_each,
        requests_per_minute=source.requests_per_minute,
        listings_per_day=_listings_per_day(source.schedule),
        page_size=declaration.page_size,
        history=min(since_start, declaration.retention or _UNKNOWN_RETENTION),
        retention=declaration.retention,
        kept_days=source.term_days(archive),
    )


def _listings_per_day(schedule: str) -> float:
    rate = _RATE.fullmatch(schedule)
    if rate is None:
        return 24.0  # a cron expression: mostly once an hour or less
    return timedelta(days=1) / (int(rate[1]) * timedelta(**{f"{rate[2]}s": 1}))


def measure_load(shared: Shared, archive: Archive, source: Source, secrets: str | None) -> DailyLoad:
    """From what the provider lists of yesterday, UTC. Raises Outcome; Failure where it lists nothing."""
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    connection = Connection(
        shared=shared,
        source=source.name,
        deployment=deployment_file(shared.archive),
        secrets=Path(secrets) if secrets else None,
    )
    rows = list(list_recordings(connection.provider(), end - timedelta(days=1), end))
    if not rows:
        raise Failure(ExitCode.LOOK, f"{source.name} has no recordings of yesterday: give --calls-per-day instead")
    sizes = [float(size) for row in rows if isinstance(size := row.get("size_bytes"), int)]
    spans = [float(span) for row in rows if isinstance(span := row.get("duration_seconds"), (int, float))]
    if sizes:
        mean = sum(sizes) / len(sizes)
    elif spans:
        mean = sum(spans) / len(spans) * BYTES_A_SECOND
    else:
        raise Failure(ExitCode.LOOK, f"{source.name} gives no sizes: give --calls-per-day and --mean-seconds instead")
    return DailyLoad(calls_per_day=len(rows), bytes_each=mean)
