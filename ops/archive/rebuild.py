"""The verb `rebuild-ledger`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import cast, get_args

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.clock import Clock
from functions.archiver.ledger.table import Table
from functions.archiver.rebuilding import DOES_NOT_COME_BACK, Came, Rebuilding
from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive
from ops.archive.opening import open_archive
from ops.shell.output import Column, ExitCode, Failure, Output
from ops.shell.texts import counted
from ops.shell.verb import Shared

_SAID_EVERY_SECONDS = 10.0
_PEOPLE_SEE: tuple[Came, ...] = ("archived", "quarantined", "gone", "failed", "held", "erased", "known", "differing")
_ADDED: tuple[Came, ...] = ("archived", "quarantined", "gone", "failed")
_TO_LOOK_AT: tuple[Came, ...] = ("differing", "absent", "altered", "unreadable", "without_sidecar")
_WORDS = {
    "differing": "in the ledger with other bytes than their sidecars say, and left so",
    "absent": "with a sidecar and without an object",
    "altered": "no longer what they were, by the newest report",
    "unreadable": "sidecars that cannot be read",
    "without_sidecar": "objects without a sidecar, whose recordings the next listing finds again",
}


def rebuild(shared: Shared, *, dry_run: bool) -> ExitCode:
    """Fills the ledger of every source; exit code 1 where something is to be looked at. Raises Failure."""
    archive = open_archive(shared, writes=not dry_run)
    output = shared.output(archive.zone)
    if not isinstance(archive, FolderArchive):
        return _tell(output, _all(archive, archive.table, archive.bucket, output, dry_run=dry_run), dry_run=dry_run)
    if dry_run:
        return _tell(output, _all(archive, _as_it_is(archive), archive.bucket, output, dry_run=True), dry_run=True)
    # Imported here: an archive on AWS needs no engine of a folder.
    from ops.local.archive import opened

    with opened(archive.root, "rebuild-ledger", say=output.note, anew=True) as folder:
        return _tell(output, _all(archive, folder.table, folder.bucket, output, dry_run=False), dry_run=False)


class _Empty:
    """In place of a ledger that cannot be read: a rehearsal asks for single items alone."""

    def get(self, pk: str) -> None:
        """Nothing."""


def _as_it_is(archive: FolderArchive) -> Table:
    try:
        return archive.table
    except Failure as trouble:
        if trouble.code is ExitCode.REFUSED:
            raise
        return cast("Table", _Empty())


def _all(archive: Archive, table: Table, bucket: Bucket, output: Output, *, dry_run: bool) -> dict[str, Counter[Came]]:
    found = {}
    for source in archive.sources:
        said = _Progress(output, source)
        rebuilding = Rebuilding(
            source=source, bucket=bucket, table=table, clock=Clock(), dry_run=dry_run, on_progress=said
        )
        found[source] = rebuilding.run()
    return found


class _Progress:
    """Says now and then how far it is."""

    def __init__(self, output: Output, source: str) -> None:
        self._output = output
        self._source = source
        self._at = time.monotonic()

    def __call__(self, counts: Counter[Came]) -> None:
        if time.monotonic() - self._at > _SAID_EVERY_SECONDS:
            self._at = time.monotonic()
            self._output.note(f"{self._source}: {counts['archived'] + counts['known']} recordings so far")


def _tell(output: Output, found: dict[str, Counter[Came]], *, dry_run: bool) -> ExitCode:
    columns = [Column(head="source", importance=9), *(Column(head=name, align="right") for name in _PEOPLE_SEE)]
    output.table(columns, [[source, *(counts[name] for name in _PEOPLE_SEE)] for source, counts in found.items()])
    everything: Counter[Came] = sum(found.values(), Counter[Came]())
    for name in _TO_LOOK_AT:
        if everything[name]:
            output.line(f"{_WORDS[name]}: {everything[name]:,}")
    names: Sequence[Came] = get_args(Came)
    sources = [{"source": source, **{name: counts[name] for name in names}} for source, counts in found.items()]
    output.document({"dry_run": dry_run, "sources": sources, "does_not_come_back": DOES_NOT_COME_BACK})
    added = sum(everything[name] for name in _ADDED)
    would = "would be put back" if dry_run else "put back"
    output.verdict(f"{counted(added)} {would}, {everything['known']:,} known before; not back: {DOES_NOT_COME_BACK}")
    return ExitCode.LOOK if any(everything[name] for name in _TO_LOOK_AT) else ExitCode.DONE
