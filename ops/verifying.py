"""Compares what an archive holds with what its ledger says, and writes what is otherwise into the ledger."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from functions.archiver.bucket.verifying import Finding, Result, compare, extra
from functions.archiver.clock import Clock
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.table import Item
from ops.archive.archive import no_such_source
from ops.archive.folder import FolderArchive
from ops.archive.opening import open_archive
from ops.local.healing import is_kept, mark
from ops.moments import in_zone
from ops.output import ExitCode, Failure, Output
from ops.verb import Shared

NAMED = 20
_SAID_EVERY_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which recordings. `sample` of them are chosen at random; the same `seed` chooses the same ones."""

    ids: tuple[str, ...] = ()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    sample: int | None = None
    seed: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it takes whole days, so that objects of no recording can be told."""
        return not self.ids and self.sample is None

    def of(self, items: Iterable[Item], zone: tzinfo) -> Iterator[Item]:
        """Those that are meant, of one source."""
        for item in items:
            named = not self.ids or item["recording_id"] in self.ids
            if named and self.takes_day(str(item["day"]).rpartition("#")[2], zone):
                yield item

    def takes_day(self, day: str, zone: tzinfo) -> bool:
        """Whether a day (UTC) is within --from and --to."""
        first = in_zone(self.since, zone).date().isoformat() if self.since else ""
        last = in_zone(self.until, zone).date().isoformat() if self.until else "9999"
        return first <= day <= last


def verify(shared: Shared, selection: Selection, *, read: bool, dry_run: bool) -> ExitCode:
    """Says what was compared and what is not as it was; exit code 6 if anything is. Raises Failure."""
    archive = open_archive(shared, writes=not dry_run)
    if not isinstance(archive, FolderArchive):
        raise Failure(ExitCode.MISUSE, f"{archive.name} is on AWS, and this version verifies folders: give -a FOLDER")
    output = shared.output(archive.zone)
    return Verifying(archive, output, read=read, dry_run=dry_run).run(selection)


class Verifying:
    """One run of the verb over a folder."""

    def __init__(self, archive: FolderArchive, output: Output, *, read: bool, dry_run: bool) -> None:
        self._archive = archive
        self._output = output
        self._read = read
        self._dry_run = dry_run
        self._found: dict[Result, list[Finding]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self._said = time.monotonic()

    def run(self, selection: Selection) -> ExitCode:
        """Everything that is selected."""
        started = time.monotonic()
        for source in self._sources(selection):
            self._source(source, selection)
        missing = sorted(set(selection.ids) - self._ids)
        if missing:
            raise Failure(ExitCode.NOT_FOUND, f"{self._archive.name} holds no recording {missing[0]!r}")
        return self._tell(time.monotonic() - started)

    def _sources(self, selection: Selection) -> list[str]:
        self._ids: set[str] = set()
        if selection.source is None:
            return list(self._archive.sources)
        if selection.source not in self._archive.sources:
            raise no_such_source(self._archive.name, selection.source, self._archive.sources)
        return [selection.source]

    def _source(self, source: str, selection: Selection) -> None:
        integrity = Integrity(self._archive.table, source=source, clock=Clock())
        kept = filter(is_kept, selection.of(self._archive.table.by_day(source), self._archive.zone))
        for item in _sampled(kept, selection):
            self._ids.add(str(item["recording_id"]))
            finding = compare(self._archive.bucket, item, read=self._read)
            self._note(finding)
            if not self._dry_run and (finding.result != "same" or (self._read and item["state"] != "archived")):
                mark(integrity, finding)
        if selection.is_whole:
            everything = self._archive.table.by_day(source)
            for finding in extra(self._archive.bucket, source, everything):
                if next(
                    selection.of([{"day": f"#{_day_of(finding.key)}", "recording_id": ""}], self._archive.zone), None
                ):
                    self._note(finding)

    def _note(self, finding: Finding) -> None:
        self._counts["checked"] += finding.result != "extra"
        self._counts["same"] += finding.result == "same"
        self._counts["bytes_read"] += finding.bytes_read
        if finding.result != "same":
            self._found[finding.result].append(finding)
        if time.monotonic() - self._said > _SAID_EVERY_SECONDS:
            self._said = time.monotonic()
            self._output.note(f"{self._counts['checked']} recordings compared so far")

    def _tell(self, seconds: float) -> ExitCode:
        for source, number in Counter(f.source for f in (*self._found["altered"], *self._found["absent"])).items():
            self._output.line(f"{source}: {number} recordings no longer match their digest:")
            for finding in [f for f in self._wrong() if f.source == source][:NAMED]:
                self._output.line(f"  {finding.recording_id} is {finding.result}: {finding.why} ({finding.key})")
        for result in ("undecided", "extra"):
            for finding in self._found[result][:NAMED]:
                self._output.line(f"{finding.source}: {finding.key} is {result}: {finding.why}")
        self._output.document(self._document(seconds))
        wrong = len(self._wrong())
        rest = "".join(f", {len(self._found[r])} {r}" for r in ("undecided", "extra") if self._found[r])
        how = "read" if self._read else "compared by size"
        self._output.verdict(
            f"{self._counts['checked']} recordings {how}: {self._counts['same']} as archived, {wrong} not{rest}"
        )
        if wrong:
            return ExitCode.ALTERED
        return ExitCode.LOOK if rest else ExitCode.DONE

    def _wrong(self) -> list[Finding]:
        return [*self._found["altered"], *self._found["absent"]]

    def _document(self, seconds: float) -> Mapping[str, Any]:
        named = {
            result: [_named(f) for f in self._found[result]] for result in ("altered", "absent", "extra", "undecided")
        }
        return {
            "checked": self._counts["checked"],
            "bytes_read": self._counts["bytes_read"],
            "same": self._counts["same"],
            **named,
            "unsealed": 0,
            "seconds": round(seconds, 3),
        }


def _named(finding: Finding) -> dict[str, str | None]:
    return {
        "source": finding.source,
        "recording_id": finding.recording_id or None,
        "key": finding.key,
        "why": finding.why,
    }


def _sampled(items: Iterator[Item], selection: Selection) -> Iterable[Item]:
    """All, or so many at random by reservoir, in memory no more than those."""
    if selection.sample is None:
        return items
    chance = random.Random(selection.seed)  # noqa: S311 - a sample, no secret
    chosen: list[Item] = []
    for number, item in enumerate(items):
        if number < selection.sample:
            chosen.append(item)
        elif (place := chance.randint(0, number)) < selection.sample:
            chosen[place] = item
    return chosen


def _day_of(key: str) -> str:
    return key.partition("/date=")[2][:10]
