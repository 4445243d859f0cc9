"""Compares what an archive holds with what its ledger says, and writes what is otherwise into the ledger."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, cast

from functions.archiver.bucket.verifying import Finding, Result, compare, extra
from functions.archiver.clock import Clock
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.items import day_in
from functions.archiver.ledger.table import Item
from functions.archiver.object_keys import date_in
from ops.archive.archive import Archive, no_such_source
from ops.archive.folder import FolderArchive
from ops.archive.opening import open_archive
from ops.local.healing import mark
from ops.plan.prices import prices
from ops.shell.command_line import command_line
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.texts import counted
from ops.shell.verb import Shared
from ops.verify.forgotten import Forgotten
from ops.verify.progress import Progress
from ops.verify.sealed_day import SealedDay
from ops.verify.selection import SelectedItems, Selection
from ops.verify.sidecars import compare_sidecar, settled

if TYPE_CHECKING:
    from ops.archive.deployed import DeployedArchive

NAMED = 20
_REQUESTS_EACH = 3
"""A head and two reads: of the bytes, and of the sidecar, whose size is next to nothing."""

_THREADS = 8
"""Objects of a deployed archive that are read at once."""

_SAID_EVERY_SECONDS = 10.0
_ERASURE = "its erasure was begun and not ended"


def verify(shared: Shared, selection: Selection, *, read: bool, dry_run: bool) -> ExitCode:
    """Says what was compared and what is not as it was; exit code 6 if anything is. Raises Failure."""
    archive = open_archive(shared, writes=not dry_run)
    output = shared.output(archive.zone)
    if not dry_run and isinstance(archive, FolderArchive) and not archive.may_be_written:
        output.note(f"{archive.root} may not be written: what is found is shown, and not noted in the ledger")
        archive, dry_run = open_archive(shared), True
    return Verifying(archive, output, read=read, dry_run=dry_run).run(selection)


class Verifying:
    """One run of the verb over an archive. On AWS a dry run tells what it would cost, and reads nothing."""

    def __init__(self, archive: Archive, output: Output, *, read: bool, dry_run: bool) -> None:
        self._archive = archive
        self._output = output
        self._read = read
        self._dry_run = dry_run
        self._deployed = not isinstance(archive, FolderArchive)
        self._found: dict[Result, list[Finding]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self._said = time.monotonic()
        self._ids: set[str] = set()
        self._notes = read and not dry_run

    def run(self, selection: Selection) -> ExitCode:
        """Everything that is selected. What was stopped goes on where it was, when the same is asked for again."""
        started = time.monotonic()
        sources = self._sources(selection)
        items = SelectedItems(self._archive, selection)
        if self._deployed:
            self._tell_cost(sources, items)
            if self._dry_run:
                return self._tell(time.monotonic() - started)
        kept = Progress(self._archive.name, selection, read=self._read) if self._deployed else None
        if kept and kept.take_up(self._counts, self._found):
            self._output.note(f"going on where the last run stopped: {self._counts['checked']} recordings are done")
        for source in sources:
            self._source(source, selection, items, kept)
        missing = sorted(set(selection.ids) - self._ids)
        if missing:
            raise Failure(
                ExitCode.NOT_FOUND,
                f"{self._archive.name} holds no recording {missing[0]!r}",
                next_=command_line("find", missing[0]),
            )
        if kept:
            kept.forget()
        return self._tell(time.monotonic() - started)

    def _sources(self, selection: Selection) -> list[str]:
        if selection.source is None:
            return list(self._archive.sources)
        if selection.source not in self._archive.sources:
            raise no_such_source(self._archive.name, selection.source, self._archive.sources)
        return [selection.source]

    def _tell_cost(self, sources: list[str], items: SelectedItems) -> None:
        """Before the first byte is read."""
        sizes = [int(item["bytes"]) for source in sources for _, of_day in items.days(source) for item in of_day]
        size = sum(sizes) if self._read else 0
        what = f"{counted(len(sizes))}, {size / 1e9:.2f} GB"
        region = str(cast("DeployedArchive", self._archive).session.region_name)
        try:
            found = prices(region)
        except Failure:
            self._output.note(f"reading {what}; {region} is not in the price file, so nobody knows what it costs")
            return
        cost, transfer = found.reading.of(len(sizes), size, requests_each=_REQUESTS_EACH if self._read else 1)
        self._output.note(
            f"reading {what}: at most ${cost:.2f}, and ${transfer:.2f} for the transfer from outside of AWS "
            f"({region}, {found.date})"
        )

    def _source(self, source: str, selection: Selection, items: SelectedItems, kept: Progress | None) -> None:
        with ThreadPoolExecutor(_THREADS if self._deployed else 1) as pool:
            for day, of_day in items.days(source):
                self._ids |= {str(item["recording_id"]) for item in of_day}
                if kept and kept.is_done(source, day):
                    continue
                self._day(source, day, of_day, pool)
                if kept:
                    kept.keep(source, day, self._counts, self._found)
        if selection.is_whole:
            for finding in extra(self._archive.bucket, source, items.everything(source)):
                if selection.takes_day(date_in(finding.key), self._archive.zone):
                    self._note(finding)
            self._look_for_forgotten(source, selection, items)

    def _look_for_forgotten(self, source: str, selection: Selection, items: SelectedItems) -> None:
        def takes_day(day: str) -> bool:
            return selection.takes_day(day, self._archive.zone)

        meant = (item for item in items.everything(source) if takes_day(day_in(item)))
        forgotten = Forgotten(
            bucket=self._archive.bucket, table=self._archive.table, source=source, takes_day=takes_day
        )
        for finding in forgotten.among(meant):
            self._found["absent"].append(finding)

    def _day(self, source: str, day: str, items: list[Item], pool: ThreadPoolExecutor) -> None:
        integrity = Integrity(self._archive.table, source=source, clock=Clock())
        sealed, same = SealedDay(self._archive.bucket, source, day), list[str]()
        looked = pool.map(lambda item: self._look_at(item, sealed), items)
        for item, (finding, of_sidecar) in zip(items, looked, strict=True):
            if (finding.result != "same" or of_sidecar) and self._is_being_erased(finding):
                self._note(replace(finding, result="undecided", why=_ERASURE))
                continue
            self._counts["unsealed"] += not sealed.holds(item)
            self._note(finding, of_sidecar)
            if not self._dry_run and (finding.result != "same" or (self._read and item["state"] != "archived")):
                mark(integrity, finding)
            if finding.result == "same" and of_sidecar is None:
                same.append(finding.recording_id)
        self._note_verified(integrity, same, pool)

    def _is_being_erased(self, wrong: Finding) -> bool:
        """Whether somebody is erasing it, or was cut short while doing so: then something of it is gone rightly."""
        return bool(self._archive.ledger(wrong.source).tombstones.erased([wrong.recording_id]))

    def _look_at(self, item: Item, sealed: SealedDay) -> tuple[Finding, Finding | None]:
        """One recording, and what is wrong with its sidecar, which is read wherever bytes are."""
        bucket = self._archive.bucket
        finding = sealed.compared(item, compare(bucket, item, read=self._read))
        of_sidecar = compare_sidecar(bucket, item, sealed.sidecar_of(item)) if self._read else None
        if of_sidecar is not None and of_sidecar.result == "altered":
            of_sidecar = compare_sidecar(bucket, settled(self._archive.table, item), sealed.sidecar_of(item))
        return finding, of_sidecar

    def _note_verified(self, integrity: Integrity, ids: Sequence[str], pool: ThreadPoolExecutor) -> None:
        """Notes a comparison in the ledger; without the right to write there, the comparison still counts."""
        if not self._notes:
            return
        try:
            for _ in pool.map(integrity.note_verified, ids):
                pass
        except ArchiveTrouble as trouble:
            self._notes = False
            self._output.note(f"the ledger could not note the time of this comparison, whose result stands: {trouble}")

    def _note(self, finding: Finding, of_sidecar: Finding | None = None) -> None:
        self._counts["checked"] += finding.result != "extra"
        self._counts["same"] += finding.result == "same" and of_sidecar is None
        self._counts["bytes_read"] += finding.bytes_read
        for each in (finding, of_sidecar):
            if each is not None and each.result != "same":
                self._found[each.result].append(each)
        if time.monotonic() - self._said > _SAID_EVERY_SECONDS:
            self._said = time.monotonic()
            self._output.note(f"{counted(self._counts['checked'])} compared so far")

    def _tell(self, seconds: float) -> ExitCode:
        for source, number in Counter(source for source, _ in self._wrong_ones()).items():
            match = "matches its" if number == 1 else "match their"
            self._output.line(f"{source}: {counted(number)} no longer {match} digest:")
            for finding in [f for f in self._wrong() if f.source == source][:NAMED]:
                self._output.line(f"  {finding.recording_id} is {finding.result}: {finding.why} ({finding.key})")
        for finding in self._forgotten()[:NAMED]:
            self._output.line(f"{finding.source}: {finding.why} ({finding.key})")
        for result in ("undecided", "extra"):
            for finding in self._found[result][:NAMED]:
                self._output.line(f"{finding.source}: {finding.key} is {result}: {finding.why}")
        self._output.document(self._document(seconds))
        wrong = len(self._wrong_ones())
        forgotten = self._forgotten()
        rest = f", of {counted(len(forgotten), 'day')} some not in the ledger" if forgotten else ""
        rest += "".join(f", {len(self._found[r])} {r}" for r in ("undecided", "extra") if self._found[r])
        how = "read" if self._read else "compared by size"
        self._output.verdict(
            f"{counted(self._counts['checked'])} {how}: {self._counts['same']} as archived, {wrong} not{rest}"
            + (f"; next: {self._output.again(next_)}" if (next_ := self._next()) else "")
        )
        if wrong or forgotten:
            return ExitCode.ALTERED
        return ExitCode.LOOK if rest else ExitCode.DONE

    def _next(self) -> str | None:
        """The command to type after this, about the worst that was found."""
        if wrong := self._wrong():
            return command_line("show", wrong[0].recording_id)
        if forgotten := self._forgotten():
            day = date.fromisoformat(date_in(forgotten[0].key))
            return self._reconcile(forgotten[0].source, f" --from {day} --to {day + timedelta(days=1)}")
        if extra := self._found["extra"]:
            return self._reconcile(extra[0].source)  # takes in what the provider knows, and names the rest
        undecided = self._found["undecided"]
        if any(each.why == _ERASURE for each in undecided):
            return "recordings erase --deferred"
        return f"recordings verify --source {undecided[0].source}" if undecided else None

    def _reconcile(self, source: str, period: str = "") -> str:
        files = "" if self._deployed else " --deployment FILE --secrets FILE"
        return f"recordings reconcile {source}{period}{files}"

    def _wrong_ones(self) -> list[tuple[str, str]]:
        """Each recording once, also where both its bytes and its sidecar are wrong."""
        return list(dict.fromkeys((finding.source, finding.recording_id) for finding in self._wrong()))

    def _wrong(self) -> list[Finding]:
        return [each for each in (*self._found["altered"], *self._found["absent"]) if each.recording_id]

    def _forgotten(self) -> list[Finding]:
        """Days of which recordings are gone with their rows, so that nobody knows their ids."""
        return [each for each in self._found["absent"] if not each.recording_id]

    def _document(self, seconds: float) -> Mapping[str, Any]:
        named = {
            result: [_as_json(f) for f in self._found[result]] for result in ("altered", "absent", "extra", "undecided")
        }
        return {
            "checked": self._counts["checked"],
            "bytes_read": self._counts["bytes_read"],
            "same": self._counts["same"],
            **named,
            "unsealed": self._counts["unsealed"],
            "seconds": round(seconds, 3),
        }


def _as_json(finding: Finding) -> dict[str, str | None]:
    return {
        "source": finding.source,
        "recording_id": finding.recording_id or None,
        "key": finding.key,
        "why": finding.why,
    }
