"""The verb `get`: original bytes to a file, checked, and the access recorded before the first of them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import IO

from functions.archiver.bucket.bucket import NotThere, Unreadable
from functions.archiver.entry import State, Stored
from functions.archiver.ledger.items import entry_of, pk_of
from ops.accesses.access import NotRecorded, What
from ops.accesses.recording import Recorder
from ops.archive.archive import Archive
from ops.archive.opening import open_archive
from ops.archive.targets import checked_target
from ops.find.names import row_meant
from ops.index.rows import Row
from ops.recording.dossier import KEPT
from ops.shell.command_line import command_line
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.texts import bytes_text
from ops.shell.verb import Shared

LONGEST_LINK_SECONDS = 12 * 3600
"""Of a link that signed credentials make; those of a role end sooner by themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GetOptions:
    """The options of `get`."""

    out: str = "."
    reason: str = ""
    as_url: bool = False
    seconds: int = 900
    restore: bool = False


def get(shared: Shared, what: str, asked: GetOptions) -> ExitCode:
    """Raises Failure: NOT_FOUND, REFUSED, UNAVAILABLE, and ALTERED where the bytes are not those that were archived."""
    if asked.out == "-" and shared.as_json and not (asked.as_url or asked.restore):
        raise Failure(ExitCode.MISUSE, "--out - writes the recording to standard output: leave --json out")
    archive = open_archive(shared)
    output = shared.output(archive.zone)
    row = row_meant(archive, what, output.progress)
    stored = _stored(archive, row)
    if asked.restore:
        return _restore(archive, row, stored, output)
    if asked.as_url:
        return _link(archive, row, stored, asked, output)
    return _fetch(archive, row, stored, asked, output)


def _stored(archive: Archive, row: Row) -> Stored:
    item = archive.table.get(pk_of(row.source, row.recording_id))
    entry = entry_of(item) if item else None
    if entry is None:
        raise Failure(ExitCode.NOT_FOUND, f"{row.recording_id!r} is no longer in the ledger", kind="no_recording")
    if entry.state is State.ABSENT:
        raise Failure(ExitCode.ALTERED, f"the bytes of {row.recording_id} are no longer in the archive", kind="absent")
    if entry.stored is None or entry.state not in KEPT:
        why = f": {entry.reason}" if entry.reason else ""
        raise Failure(
            ExitCode.NOT_FOUND,
            f"the archive has no bytes of {row.recording_id}; it is {entry.state.value}{why}",
            next_=command_line("show", row.recording_id),
            kind="no_bytes",
        )
    return entry.stored


def _record(archive: Archive, row: Row, what: What, reason: str) -> None:
    try:
        Recorder(archive).record(what, row.source, row.recording_id, reason)
    except NotRecorded as trouble:
        raise Failure(
            ExitCode.UNAVAILABLE,
            f"your access could not be written down, so nothing is given: {trouble}",
            kind="not_recorded",
        ) from None


# bytes


def _fetch(archive: Archive, row: Row, stored: Stored, asked: GetOptions, output: Output) -> ExitCode:
    target = None if asked.out == "-" else _target(archive, asked.out, stored)
    _record(archive, row, "download", asked.reason)
    try:
        with archive.bucket.read(stored.key, version_id=stored.version_id) as pieces:
            return _write(pieces, row, stored, target, output)
    except NotThere:
        sentence = f"the bytes of {row.recording_id} are no longer in the archive"
        raise Failure(ExitCode.ALTERED, sentence, next_="recordings verify", kind="absent") from None
    except Unreadable:
        raise Failure(
            ExitCode.REFUSED,
            f"{row.recording_id} lies in a storage class that cannot be read at once",
            next_=command_line("get --restore", row.recording_id),
            kind="cold",
        ) from None


def _target(archive: Archive, given: str, stored: Stored) -> Path:
    out = Path(given)
    in_folder = out.is_dir() or given.endswith("/")  # a folder that is not there is no name for a file
    target = checked_target(out / stored.key.rpartition("/")[2] if in_folder else out, "--out", archive)
    if target.exists():
        raise Failure(ExitCode.REFUSED, f"{target} is there already: give another --out", kind="exists")
    return target


def _write(pieces: Iterator[bytes], row: Row, stored: Stored, target: Path | None, output: Output) -> ExitCode:
    digest, size = hashlib.sha256(), 0
    with _open_target(target) as (file, name):
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    same = digest.hexdigest() == stored.sha256
    where = _name_at_last(name, target, same=same)
    output.document(
        {
            "source": row.source,
            "recording_id": row.recording_id,
            "file": str(where) if where else None,
            "url": None,
            "bytes": size,
            "sha256": digest.hexdigest(),
            "same": same,
        }
    )
    if not same:
        what = f"the bytes of {row.recording_id} are not those that were archived"
        raise Failure(ExitCode.ALTERED, f"{what}; they are in {where or 'the output'}", kind="altered")
    say = output.note if target is None else output.verdict
    say(f"{where or row.recording_id}: {bytes_text(size)}, the same bytes as were archived (SHA-256 {stored.sha256})")
    return ExitCode.DONE


@contextmanager
def _open_target(target: Path | None) -> Iterator[tuple[IO[bytes], Path | None]]:
    """Standard output, or a file under another name that goes if anything breaks off."""
    if target is None:
        yield sys.stdout.buffer, None
        sys.stdout.buffer.flush()
        return
    unfinished = target.with_name(f".{target.name[:200]}-{token_hex(4)}")
    try:
        with unfinished.open("xb") as file:
            unfinished.chmod(0o600)
            yield file, unfinished
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _name_at_last(unfinished: Path | None, target: Path | None, *, same: bool) -> Path | None:
    if unfinished is None or target is None:
        return None
    name = target if same else target.with_name(f"{target.name}.altered")
    unfinished.rename(name)
    return name


# on AWS


def _link(archive: Archive, row: Row, stored: Stored, asked: GetOptions, output: Output) -> ExitCode:
    from ops.archive.deployed import DeployedArchive

    if not isinstance(archive, DeployedArchive):
        raise Failure(ExitCode.MISUSE, "a folder has no links: leave --url out", kind="no_links")
    if not 1 <= asked.seconds <= LONGEST_LINK_SECONDS:
        raise Failure(ExitCode.MISUSE, "--for has to be from one second to 12 hours")
    _record(archive, row, "url", asked.reason)
    url = archive.link(stored.key, stored.version_id, seconds=asked.seconds)
    fields = {"source": row.source, "recording_id": row.recording_id, "file": None, "url": url}
    output.document(fields | {"bytes": stored.size_bytes, "sha256": stored.sha256, "same": None})
    output.line(url)
    output.note(
        f"whoever has this link can fetch the recording for {asked.seconds // 60} minutes, and no access is recorded"
    )
    return ExitCode.DONE


def _restore(archive: Archive, row: Row, stored: Stored, output: Output) -> ExitCode:
    from ops.archive.deployed import DeployedArchive

    if not isinstance(archive, DeployedArchive):
        raise Failure(ExitCode.MISUSE, "a folder has no storage classes: leave --restore out", kind="no_classes")
    archive.restore(stored.key, stored.version_id)
    fields = {"source": row.source, "recording_id": row.recording_id, "file": None, "url": None}
    output.document(fields | {"bytes": stored.size_bytes, "sha256": stored.sha256, "same": None})
    output.verdict(f"{row.recording_id} is being restored for {archive.RESTORED_DAYS} days; it takes up to 12 hours")
    return ExitCode.DONE
