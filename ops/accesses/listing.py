"""The verb `accesses`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from functions.archiver.object_keys import digest_of
from ops.accesses.access import Access
from ops.accesses.recording import log_of
from ops.archive.opening import open_archive
from ops.find.find import cell
from ops.shell.moments import span
from ops.shell.output import Column, ExitCode, Output
from ops.shell.verb import Shared

FIELDS = ("at", "who", "what", "source", "recording_id", "recording", "reason", "version")
_COLUMNS = (
    Column(head="at", importance=5),
    Column(head="who", importance=3),
    Column(head="what", importance=4),
    Column(head="recording", importance=2),
    Column(head="reason", importance=1),
)
_NAMED = 20
_DEFAULT = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessFilter:
    """Which records. `recording` is an id or a digest; `who` a part of a name, in any case."""

    who: str | None = None
    recording: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, access: Access) -> bool:
        """Whether it is one of whom and what is asked for."""
        if self.who and self.who.casefold() not in access.who.casefold():
            return False
        return (
            not self.recording
            or self.recording in (access.recording_id, access.recording)
            or (access.recording == digest_of(access.source, self.recording))
        )


def accesses(shared: Shared, wanted: AccessFilter, *, as_csv: bool) -> ExitCode:
    """Prints records, oldest first; exit code 6 where the log is not what it was written as. Raises Failure."""
    archive = open_archive(shared)
    output = shared.output(archive.zone)
    zone = shared.zone or archive.zone
    start, end = span(wanted.since, wanted.until, zone=zone, default=_DEFAULT, now=datetime.now(UTC))
    records = log_of(archive).read(start.date(), end.date())
    shown = [access for access in records.accesses if start <= access.at <= end and wanted.fits(access)]
    if output.as_json:
        for access in shown:
            output.row(_fields(access))
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows([cell(value, output) for value in _fields(access).values()] for access in shown)
    elif shown:
        output.table(_COLUMNS, [tuple(_cells(access, output)) for access in shown])
    return _verdict(output, len(shown), records.broken, as_csv=as_csv)


def _verdict(output: Output, count: int, broken: Sequence[str], *, as_csv: bool) -> ExitCode:
    say = output.note if as_csv else output.verdict
    for sentence in broken[:_NAMED]:
        say(sentence)
    what = f"{count:,} {'access' if count == 1 else 'accesses'}"
    say(f"{what}; the log is not what it was written as" if broken else what)
    return ExitCode.ALTERED if broken else ExitCode.DONE


def _fields(access: Access) -> dict[str, object]:
    return {name: getattr(access, name) for name in FIELDS}


def _cells(access: Access, output: Output) -> Iterator[str]:
    yield output.minute(access.at)
    yield _last_of(access.who)
    yield access.what
    yield access.recording_id or f"{access.recording[:12]}…"
    yield access.reason or "–"


def _last_of(who: str) -> str:
    """The part of an ARN that tells people apart."""
    return who.rpartition(":")[2] if who.startswith("arn:") else who
