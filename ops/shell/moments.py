"""Dates and times of the command line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

import click

from ops.shell.output import ExitCode, Failure

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
"""Beyond these lie typing mistakes, and the ends of the calendar, where zones cannot be reckoned with."""


_UNITS = {"s": 1, "m": 60, "h": 3600}
_LENGTH = re.compile(
    r"(?P<number>\d{1,9}(\.\d{1,3})?)(?P<unit>[smh])?|((?P<hours>\d{1,3}):)?(?P<minutes>\d{1,2}):(?P<seconds>\d{2})"
)


class Moment(click.ParamType[datetime, str]):
    """A date or time in ISO 8601. Without an offset it has no zone yet: `in_zone` gives it the archive's."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Fails with a sentence for a text that is no date."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            example = "2026-01-31 or 2026-01-31T09:30+01:00"
            self.fail(f"{value!r} is not a date or time; write it as {example}", param, ctx)
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            self.fail(f"{value!r} is not in the years {_FIRST_YEAR} to {_LAST_YEAR}", param, ctx)
        return moment


class Length(click.ParamType[float, str]):
    """A length of time in seconds: `90`, `90s`, `5m`, `1h`, or `4:07` and `1:02:03`."""

    name = "length"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Fails with a sentence for a text that is no length."""
        match = _LENGTH.fullmatch(str(value).strip())
        if not match:
            self.fail(f"{value!r} is not a length; write it as 90, 5m, 1h or 4:07", param, ctx)
        if match["number"]:
            return float(match["number"]) * _UNITS[match["unit"] or "s"]
        hours, minutes, seconds = (int(match[name] or 0) for name in ("hours", "minutes", "seconds"))
        return float(hours * 3600 + minutes * 60 + seconds)


def in_zone(moment: datetime, zone: tzinfo = UTC) -> datetime:
    """The moment in UTC, read in `zone` where it names no offset."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def span(
    since: datetime | None, until: datetime | None, *, zone: tzinfo = UTC, default: timedelta, now: datetime
) -> tuple[datetime, datetime]:
    """The span of --from and --to; the last `default` of time where they are left out.

    Raises Failure (MISUSE) where the beginning is not before the end.
    """
    end = in_zone(until, zone) if until else now
    start = in_zone(since, zone) if since else end - default
    if start >= end:
        raise _not_before(start, end, zone)
    return start, end


def days(since: datetime | None, until: datetime | None, *, default: timedelta, today: date) -> tuple[date, date]:
    """The first and the last day, UTC, of --from and --to; `default` before the last where --from is left out.

    Raises Failure (MISUSE) where the first comes after the last.
    """
    last = in_zone(until).date() if until else today
    first = in_zone(since).date() if since else last - default
    if first > last:
        raise Failure(ExitCode.MISUSE, f"--from {first} is after {'--to' if until else 'today,'} {last}")
    return first, last


def refuse_backwards(since: datetime | None, until: datetime | None, zone: tzinfo = UTC) -> None:
    """Where both are given. Raises Failure (MISUSE) where --from comes after --to: nothing could ever be found."""
    if since and until and (start := in_zone(since, zone)) > (end := in_zone(until, zone)):
        raise _not_before(start, end, zone)


def typed(moment: datetime, zone: tzinfo) -> str:
    """The moment as it may be typed: to the minute, in the zone in which it was read."""
    return moment.astimezone(zone).isoformat(timespec="minutes").replace("+00:00", "Z")


def _not_before(start: datetime, end: datetime, zone: tzinfo) -> Failure:
    return Failure(ExitCode.MISUSE, f"--from {typed(start, zone)} is not before --to {typed(end, zone)}")
