"""Sends again what programs may have missed: the events that the ledger's items, as they stand, have been."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import islice

from functions.archiver.events.changes import standing_events
from functions.archiver.events.event import Event
from functions.archiver.events.sending import AT_ONCE, send
from functions.archiver.ledger.conditions import KeyRange
from functions.archiver.ledger.table import Table
from functions.archiver.ledger.tombstones import day_of_tombstones
from ops.archive.archive import Archive
from ops.archive.deployed import DeployedArchive
from ops.archive.folder import FolderArchive
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.texts import counted

READ = (
    *("kind", "source", "state", "recording_id", "call_id", "recorded_at", "found_at", "archived_at", "due_at"),
    *("reason", "held", "story", "key", "version_id", "bytes", "sha256", "content_type", "buried_at"),
)


def replay(archive: Archive, output: Output, first: date, last: date) -> ExitCode:
    """The events of recordings of these days, both included. Raises Failure where the archive sends none."""
    events = _events(archive, first, last)
    types: Counter[str] = Counter()
    failed = _append(archive, events, types) if isinstance(archive, FolderArchive) else _send(archive, events, types)
    sent = types.total()
    if output.as_json:
        output.document({"sent": sent, "types": dict(sorted(types.items())), "failed": failed})
    for name, number in sorted(types.items()):
        output.note(f"{name}: {number:,}")
    in_folder = isinstance(archive, FolderArchive)
    done = f"{counted(sent, 'missing event')} written" if in_folder else f"{counted(sent, 'event')} sent"
    output.verdict(done + (f", {failed:,} not taken by EventBridge" if failed else ""))
    return ExitCode.UNAVAILABLE if failed else ExitCode.DONE


def _events(archive: Archive, first: date, last: date) -> Iterator[Event]:
    bucket = archive.facts.bucket if isinstance(archive, DeployedArchive) else None
    for source in archive.sources:
        for number in range((last - first).days + 1):
            yield from _of_day(archive.table, source, first + timedelta(days=number), bucket)


def _of_day(table: Table, source: str, day: date, bucket: str | None) -> Iterator[Event]:
    """The recordings of a day, and the tombstones of those that were erased."""
    for partition in (f"{source}#{day.isoformat()}", day_of_tombstones(source, day, "erased")):
        keys = [str(key["pk"]) for key in table.query("day", KeyRange(partition))]
        for item in table.get_many(keys, READ).values():
            yield from standing_events(item, bucket=bucket)


def _send(archive: Archive, events: Iterator[Event], types: Counter[str]) -> int:
    assert isinstance(archive, DeployedArchive)
    if not archive.facts.events:
        raise _no_events(archive.name)
    from functions.archiver.aws.engine import EventBridgeBus

    bus, failed = EventBridgeBus(archive.session.client("events"), archive.name), 0
    while chunk := list(islice(events, AT_ONCE)):
        left = send(bus, chunk, sleep=time.sleep)
        failed += len(left)
        types.update(event.type.value for event in chunk)
        types.subtract(event.type.value for event, _ in left)
    return failed


def _append(archive: FolderArchive, events: Iterable[Event], types: Counter[str]) -> int:
    if not archive.table.stream.is_on:
        raise _no_events(archive.name)
    archive.deliver_events()
    types.update(event.type.value for event in archive.event_log.add_missing(events))
    return 0


def _no_events(name: str) -> Failure:
    return Failure(
        ExitCode.MISUSE,
        f"{name} sends no events: set events = true in [archive] of its deployment file, then deploy or run once",
        kind="no_events",
    )
