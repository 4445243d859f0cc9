"""Takes over a folder that an earlier version filled: its ledger was a file of lines, written anew by each run.

    DIR/ledger.jsonl      read here, and nowhere else
    DIR/metadata/…        a sidecar for each archived recording

Keys stay as they are, and what failed stays failed. The bytes are not read: `verify` does that.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from functions.archiver.bucket.sidecar import entry_of, without_document
from functions.archiver.clock import Clock
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.object_keys import day_of
from functions.archiver.recording import Recording, TranscriptState
from ops.local.engine.files import FILE_MODE, FOLDER_MODE, INSIDE, NotPlain, open_plain
from ops.local.engine.folder import content_type_of
from ops.shell.output import ExitCode, Failure
from ops.shell.texts import counted

LEDGER = "ledger.jsonl"
_SAID_EVERY_SECONDS = 10.0

Fields = dict[str, Any]


def check(root: Path) -> None:
    """Whether every line of the folder's ledger can be taken over. Raises Failure with file and line."""
    for _ in _of_ledger(root):
        pass


def take_over(root: Path, table: Table, *, say: Callable[[str], None], stopped: Callable[[], bool]) -> bool:
    """Puts everything that the folder knows into the table. False when it was stopped; the next time it goes on."""
    ledgers: dict[str, Ledger] = {}
    done, said = 0, time.monotonic()
    say(f"taking over the recordings that are in {root}")
    for entry, awaits_transcript in _everything(root):
        if stopped():
            return False
        if entry.source not in ledgers:
            ledgers[entry.source] = Ledger(table, source=entry.source, clock=Clock())
        done += ledgers[entry.source].restore(entry)  # once, although sidecar and ledger both name it
        if awaits_transcript:
            ledgers[entry.source].insert_transcript(entry, due_in=timedelta())
        if time.monotonic() - said > _SAID_EVERY_SECONDS:
            said = time.monotonic()
            say(f"{counted(done)} taken over so far")
    _make_private(root)
    say(f"{counted(done)} taken over")
    return True


def _everything(root: Path) -> Iterator[tuple[Entry, bool]]:
    """Every recording, with whether its transcript is still to come. Sidecars come first: they know more."""
    for folder in sorted((root / "metadata").glob("source=*/date=*")):
        for path in sorted(folder.glob("*.json")):
            try:
                with open_plain(path) as file:
                    body = file.read()
                document = json.loads(body)
                entry = replace(entry_of(document), metadata_sha256=hashlib.sha256(body).hexdigest())
            except (NotPlain, ValueError, KeyError, TypeError):
                continue  # cut short or not ours: the line of the ledger, or a listing, knows of it
            yield without_document(entry), document.get("transcript") == TranscriptState.PENDING.value
    for entry in _of_ledger(root):
        yield entry, False


def _of_ledger(root: Path) -> Iterator[Entry]:
    path = root / LEDGER
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield _entry(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError):
                    sentence = f"{path}:{number}: is not a line of a ledger; mend or remove it, nothing was changed"
                    raise Failure(ExitCode.MISUSE, sentence) from None


def _entry(fields: Fields) -> Entry:
    recorded = datetime.fromisoformat(fields["recorded_at"]) if fields["recorded_at"] else None
    state = State(fields["state"])
    stored = _stored(fields)
    found = recorded or datetime.now(UTC)
    return Entry(
        kind="recording",
        recording=Recording(id=str(fields["recording_id"]), call_id=fields["call_id"], recorded_at=recorded),
        state=State.PENDING if state is State.QUEUED else state,
        source=str(fields["source"]),
        day=day_of(stored.key) if stored else found.date(),
        found_at=datetime.now(UTC),
        discovered_by="schedule",
        attempts=int(fields["attempts"]),
        reason=fields["reason"],
        stored=stored,
        described=state not in (State.PENDING, State.QUEUED),
    )


def _stored(fields: Fields) -> Stored | None:
    if fields["state"] != State.ARCHIVED.value:
        return None
    return Stored(
        key=fields["key"],
        size_bytes=int(fields["bytes"]),
        sha256=fields["sha256"],
        content_type=content_type_of(fields["key"]),
    )


def _make_private(root: Path) -> None:
    """Makes everything in the folder readable by its owner alone."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        if here != root:
            here.chmod(FOLDER_MODE)
        folders[:] = [name for name in folders if name != INSIDE]
        for name in files:
            if not (here / name).is_symlink():
                (here / name).chmod(FILE_MODE)
    root.chmod(FOLDER_MODE)
