"""Fills a ledger from its bucket alone: for a table that was lost, or a new one on an old bucket.

    metadata/     what is archived and what is in quarantine
    erasures/     what must not come back
    holds/        which cases hold what
    reports/      what had failed or was gone, and whose bytes were no longer right, by the newest report of each day

Attempts, cursors, pauses and what still waited do not come back: listing finds again what is not archived. The chain of
seals is taken up by its next writer.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field, replace
from datetime import date, timedelta
from itertools import groupby, islice
from typing import Any, Literal

from functions.archiver.bucket.bucket import Bucket, NotThere
from functions.archiver.bucket.sidecar import entry_of, without_document
from functions.archiver.clock import Clock, from_iso
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.holds import Holds
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.items import pk_of
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.object_keys import AT_SOURCE, date_in, day_of, digest_of
from functions.archiver.recording import Recording, TranscriptState

DOES_NOT_COME_BACK = "attempts, cursors, pauses and what still waited: listing finds again what is not archived"

THREADS = 16
_AT_ONCE = 256

Came = Literal[
    "archived", "quarantined", "gone", "failed", "erased", "held", "altered", "absent", "known", "differing",
    "unreadable", "without_sidecar",
]  # fmt: skip
"""What was found: put into the ledger under its state, in it already (`known`, or with other bytes: `differing`), a
sidecar that is none, or audio that no sidecar names."""


@dataclass(kw_only=True)
class Rebuilding:
    """Fills one source's ledger. With `dry_run` it only counts."""

    source: str
    bucket: Bucket
    table: Table
    clock: Clock
    dry_run: bool = False
    on_progress: Callable[[Counter[Came]], None] = lambda counts: None

    whole: bool = field(default=True, init=False)
    """Whether the last run came to its end."""

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.table, source=self.source, clock=self.clock)
        self._integrity = Integrity(self.table, source=self.source, clock=self.clock)
        self._holds = Holds(self.table, source=self.source, clock=self.clock, new=False)
        self._cases = self._read_cases()
        self._erased = self._read_erasures()
        self._restored: set[str] = set()

    def run(self) -> Counter[Came]:
        """Everything, a day at a time; how many of what kind. It can be stopped and run again at any time."""
        return self._walk(after="", until=lambda: False)

    def go_on(self, until: Callable[[], bool]) -> Counter[Came]:
        """What is left of it, until it is `whole` or, after any day, `until` says stop: for a function, whose time is
        short. The last day that is done is kept in the table.
        """
        mark = self.table.get(self._mark) or {}
        return self._walk(after=str(mark.get("day", "")), until=until)

    @property
    def _mark(self) -> str:
        return f"{self.source}#rebuilding"

    def _walk(self, *, after: str, until: Callable[[], bool]) -> Counter[Came]:
        counts: Counter[Came] = Counter()
        self._bury(self._erased.done, counts)
        with ThreadPoolExecutor(THREADS) as pool:
            for day, keys in _by_day(self.bucket, self.source):
                if day.isoformat() <= after:
                    continue
                self._day(day, keys, counts, pool)
                self.on_progress(counts)
                if until():
                    self._bury_unfinished(after, day.isoformat(), counts)
                    self.table.update(self._mark, put={"day": day.isoformat()})
                    self.whole = False
                    return counts
        self._bury_unfinished(after, "9999", counts)
        self._from_reports(counts)
        return counts

    # what was erased

    def _bury_unfinished(self, after: str, last: str, counts: Counter[Came]) -> None:
        """Buries recordings that have lost their sidecar to an erasure that was cut short.

        Only of the days that this run has walked.
        """
        ordered = {d: day for d, day in self._erased.ordered.items() if after < day.isoformat() <= last}
        self._bury({d: day for d, day in ordered.items() if d not in self._restored}, counts)

    def _bury(self, erased: Mapping[str, date], counts: Counter[Came]) -> None:
        for digest, day in erased.items():
            counts["erased"] += 1
            if not self.dry_run:
                self._ledger.tombstones.bury_digest(digest, day, "erased")

    # what is archived

    def _day(self, day: date, keys: set[str], counts: Counter[Came], pool: ThreadPoolExecutor) -> None:
        sidecars = iter(sorted(key for key in keys if key.startswith("metadata/")))
        named: set[str] = set()
        while chunk := list(islice(sidecars, _AT_ONCE)):
            for came in pool.map(lambda key: self._sidecar(key, keys), chunk):
                counts.update(came.counts)
                named |= came.keys
        counts["without_sidecar"] += sum(not key.startswith("metadata/") and key not in named for key in keys)

    def _sidecar(self, key: str, keys: set[str]) -> _Came:
        body = self._body(key)
        document = _document_of(body)
        try:
            entry = replace(entry_of(document or {}), metadata_sha256=hashlib.sha256(body).hexdigest())
            if entry.source != self.source or entry.day != day_of(key) or entry.stored is None:
                return _Came(["unreadable"])
            if not entry.place.owns(entry.stored.key):  # a sidecar vouches for no other object
                return _Came(["unreadable"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return _Came(["unreadable"])
        digest = digest_of(self.source, entry.recording.id)
        if digest in self._erased.done:
            return _Came([], {entry.stored.key})
        self._restored.add(digest)
        found = self._put(entry, str((document or {}).get("transcript")))
        found += self._held(entry, self._cases.get(digest, set()))
        if entry.stored.key not in keys:
            found.append("absent")
            if not self.dry_run:
                self._integrity.mark_absent(entry.recording.id, "it is not there")
        return _Came(found, {entry.stored.key})

    def _put(self, entry: Entry, transcript: str) -> list[Came]:
        item = self.table.get(pk_of(self.source, entry.recording.id))
        if item is not None:
            stored = Stored.from_item(item)
            if stored is None and item.get("state") in (State.PENDING, State.QUEUED):
                return ["known"]  # cut short between the object and the ledger: its next turn adopts what is there
            same = stored is not None and entry.stored is not None and _what(stored) == _what(entry.stored)
            return ["known" if same else "differing"]
        if not self.dry_run:
            self._ledger.restore(without_document(entry))
            if transcript == TranscriptState.PENDING.value:
                self._ledger.insert_transcript(entry, due_in=timedelta())
            elif transcript == TranscriptState.COMPLETED.value:
                self._ledger.note_transcript(entry.recording.id)
        return ["quarantined" if entry.state is State.QUARANTINED else "archived"]

    def _held(self, entry: Entry, cases: set[str]) -> list[Came]:
        if not self.dry_run:
            for case in sorted(cases):
                self._holds.hold(entry.recording.id, case)
        return ["held"] if cases else []

    def _read_cases(self) -> Mapping[str, set[str]]:
        """The cases that hold a recording, by its digest. The records of a case are in the order of its statements."""
        held: dict[str, set[str]] = defaultdict(set)
        records = (self._document(key) or {} for key in self.bucket.keys("holds/"))
        for record in sorted(records, key=lambda record: str(record.get("at", ""))):
            for digest in record.get("recordings", ()):
                cases, case = held[str(digest)], str(record.get("case"))
                cases.add(case) if record.get("what") == "hold" else cases.discard(case)
        return held

    def _read_erasures(self) -> _Erased:
        ordered: dict[str, date] = {}
        done: set[str] = set()
        for key in self.bucket.keys("erasures/"):
            if key.startswith(AT_SOURCE):
                continue  # it is in the archive still
            document = self._document(key) or {}
            done |= {str(digest) for digest in document.get("erased", ())}
            for each in document.get("recordings", ()):
                if each["source"] == self.source:
                    ordered[str(each["recording"])] = date.fromisoformat(each["date"])
        return _Erased(ordered={d: day for d, day in ordered.items() if d not in done},
                       done={d: day for d, day in ordered.items() if d in done})  # fmt: skip

    # what is not archived

    def _from_reports(self, counts: Counter[Came]) -> None:
        for day, generated_at in self._days_of_reports():
            for named in [*day.get("differences", ()), *day.get("gone_named", ())]:
                try:
                    came = self._reported(date.fromisoformat(day["date"]), named, generated_at)
                except (KeyError, TypeError, ValueError):
                    continue  # of another version, or cut short: listing finds the recording again
                if came:
                    counts[came] += 1

    def _reported(self, day: date, named: Mapping[str, Any], generated_at: str) -> Came | None:
        state, recording_id = str(named.get("state")), named.get("recording_id")
        if recording_id is None:
            return None
        if state == "altered" and not self.dry_run:
            return "altered" if self._integrity.mark_altered(str(recording_id), str(named.get("reason"))) else None
        if state == "absent" and not self.dry_run:
            return "absent" if self._integrity.mark_absent(str(recording_id), str(named.get("reason"))) else None
        if state not in ("gone", "failed") or self.table.get(pk_of(self.source, str(recording_id))) is not None:
            return None
        if digest_of(self.source, str(recording_id)) in self._erased.done:
            return None
        recorded = named.get("recorded_at")
        entry = Entry(
            kind="recording",
            recording=Recording(
                id=str(recording_id),
                call_id=named.get("call_id"),
                recorded_at=from_iso(recorded) if recorded else None,
            ),
            state=State(state),
            source=self.source,
            day=day,
            found_at=from_iso(generated_at),
            discovered_by="reconcile",
            attempts=int(named.get("attempts") or 0),
            reason=named.get("reason"),
            accepted=bool(named.get("accepted")),
        )
        if not self.dry_run:
            self._ledger.restore(entry)
        return "gone" if state == "gone" else "failed"

    def _days_of_reports(self) -> Iterator[tuple[Mapping[str, Any], str]]:
        """Every day as the newest report that speaks of it has it, with when that was written."""
        seen: set[str] = set()
        keys = [key for key in self.bucket.keys(f"reports/source={self.source}/") if key.endswith(".json")]
        for _, written_on in groupby(reversed(keys), key=day_of):
            documents = [self._document(key) or {} for key in written_on]
            for document in sorted(documents, key=lambda each: str(each.get("generated_at", "")), reverse=True):
                for day in document.get("days", ()):
                    if day.get("date") not in seen:
                        seen.add(str(day.get("date")))
                        yield day, str(document.get("generated_at"))

    def _document(self, key: str) -> Mapping[str, Any] | None:
        return _document_of(self._body(key))

    def _body(self, key: str) -> bytes:
        """Nothing where nothing is there."""
        try:
            with self.bucket.read(key) as pieces:
                return b"".join(pieces)
        except NotThere:
            return b""


def _document_of(body: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


@dataclass(frozen=True, slots=True)
class _Came:
    """The result of one sidecar, and the object that it describes."""

    counts: list[Came]
    keys: Set[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Erased:
    """Digests with their days: what orders named and is not known to be gone, and what is erased."""

    ordered: Mapping[str, date]
    done: Mapping[str, date]


def _what(stored: Stored) -> tuple[str, str, int]:
    return stored.key, stored.sha256, stored.size_bytes


def _by_day(bucket: Bucket, source: str) -> Iterator[tuple[date, set[str]]]:
    """The keys of each day: sidecars, audio and quarantine, what lies behind a delete marker among them."""
    folders = [f"{folder}/source={source}/" for folder in ("audio", "quarantine")]
    versions = ((each.key for each in bucket.versions(folder) if not each.deleted) for folder in folders)
    for text, keys in groupby(
        heapq.merge(bucket.keys(f"metadata/source={source}/"), *versions, key=date_in), key=date_in
    ):
        try:
            yield date.fromisoformat(text), set(keys)
        except ValueError:
            continue  # a folder that is none of ours
