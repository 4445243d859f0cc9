"""Heals recordings whose bytes have changed.

The altered file is set aside under `altered/`, never overwritten and never removed. Then the provider is asked: bytes
of the noted SHA-256 make the recording archived again; others, or none, leave it as it is, for a person.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta

from functions.archiver.archiving.completeness import pour_what_comes
from functions.archiver.bucket.bucket import Conflict
from functions.archiver.bucket.upload import Occupied
from functions.archiver.bucket.verifying import Finding, compare
from functions.archiver.clock import Clock
from functions.archiver.errors import Misconfigured, Outcome
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.items import entry_of
from functions.archiver.ledger.table import Item, Table, items_of_day
from functions.archiver.runtime import Runtime
from ops.local.books import Books
from ops.local.engine.files import make_folder, sync_folder
from ops.local.engine.folder import FolderBucket
from ops.local.functions import LocalContext

ASIDE = "altered"
_NEEDED = ("source", "day", "recording_id", "state", "key", "bytes", "sha256", "version_id")


class Healing:
    """Looks after one source's kept recordings in a folder."""

    def __init__(self, runtime: Runtime, books: Books, bucket: FolderBucket) -> None:
        self._runtime = runtime
        self._books = books
        self._bucket = bucket
        self._source = runtime.settings.source.name
        self._integrity = Integrity(runtime.table, source=self._source, clock=Clock())
        self.healed: list[str] = []

    def take_up(self, stopped: Callable[[], bool]) -> None:
        """Asks the provider for whatever is altered or absent; `healed` then says what is archived again."""
        tally = self._books.tally(self._source)
        if not any(state in ("altered", "absent") for state, _ in tally):
            return
        for state in ("altered", "absent"):
            for item in self._books.of_state(self._source, state):
                if stopped():
                    return
                self._heal(item)

    def _heal(self, item: Item) -> None:
        recording_id = str(item["recording_id"])
        if self._runtime.ledger.tombstones.erased([recording_id]):
            return  # its erasure was cut short: it is meant to go, and nothing of it may come back
        if compare(self._bucket, item, read=True).result != "same":
            self._set_aside(str(item["key"]))
            if not self._fetch(item):
                return
        if self._integrity.mark_sound(recording_id, "its noted bytes are there again"):
            self.healed.append(f"{self._source}: {recording_id!r} was {item['state']} and is archived again")

    def _set_aside(self, key: str) -> None:
        """Moves whatever lies at the key, without a look at it."""
        path = self._bucket.names.path(key)
        if not os.path.lexists(path):
            return
        aside = self._bucket.root / ASIDE / path.relative_to(self._bucket.root)
        make_folder(aside.parent)
        names = (aside.with_name(f"{aside.name}{'' if number == 1 else f'.{number}'}") for number in range(1, 1000))
        path.rename(next(name for name in names if not os.path.lexists(name)))
        sync_folder(path.parent)

    def _fetch(self, item: Item) -> bool:
        """Whether the provider has sent the noted bytes, and they are in their place."""
        entry = entry_of(item)
        upload = self._runtime.store.upload(entry)
        try:
            provider = self._runtime.begin(LocalContext()).provider()
            recording = provider.describe(entry.recording.id)
            with provider.open(recording) as opened:
                verdict, _ = pour_what_comes(opened.body, upload, opened.body.length)  # its digest proves it
            if verdict.audio is None or upload.digest().sha256_hex != item["sha256"]:
                return False
            return upload.finish(verdict.audio).key == str(item["key"])
        except (Outcome, Misconfigured, Occupied, Conflict, LookupError):
            return False  # it stays as it is, and the next run asks again
        finally:
            upload.abort()

    def look(self) -> list[Finding]:
        """Compares name and size of the days that are reconciled; no byte is read. What is not as noted is marked."""
        sound = (item for item in self._recent() if item["state"] in ("archived", "quarantined"))
        found = (compare(self._bucket, item, read=False) for item in sound)
        wrong = [finding for finding in found if finding.result in ("altered", "absent")]
        going = self._runtime.ledger.tombstones.erased([finding.recording_id for finding in wrong])
        wrong = [finding for finding in wrong if finding.recording_id not in going]
        for finding in wrong:
            mark(self._integrity, finding)
        return wrong

    def _recent(self) -> Iterator[Item]:
        today = self._runtime.clock.now().date()
        for number in range(self._runtime.settings.source.reconcile // timedelta(days=1) + 1):
            yield from kept_items(self._runtime.table, self._source, today - timedelta(days=number))


def mark(integrity: Integrity, finding: Finding) -> bool:
    """Writes what was found into the ledger; whether that changed anything."""
    match finding.result:
        case "altered":
            return integrity.mark_altered(finding.recording_id, finding.why)
        case "absent":
            return integrity.mark_absent(finding.recording_id, finding.why)
        case "same":
            return integrity.mark_sound(finding.recording_id, "its noted bytes are there again")
        case _:
            return False


def kept_items(table: Table, source: str, day: date) -> Iterator[Item]:
    """The items of one day's recordings that the archive should hold."""
    return filter(is_kept, items_of(table, source, day))


def items_of(table: Table, source: str, day: date, *, also: Sequence[str] = ()) -> Iterator[Item]:
    """The items of one day's recordings, with what a comparison needs and these attributes `also`."""
    return items_of_day(table, source, day, list(dict.fromkeys((*_NEEDED, *also))))


def is_kept(item: Item) -> bool:
    """Whether the ledger says that the archive holds its bytes, or should."""
    return item["state"] in ("archived", "quarantined", "altered", "absent") and "sha256" in item
