"""The verbs `hold`, `release` and `holds`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence

from ops.accesses.recording import Recorder
from ops.archive.archive import Archive
from ops.archive.opening import open_archive
from ops.find.find import cell
from ops.find.selection import Selection, selected
from ops.holds.cases import LONGEST_REASON, Case, Cases, checked_case, no_such_case
from ops.holds.placing import Holding, HoldResult
from ops.shell.command_line import command_line
from ops.shell.output import Column, ExitCode, Output
from ops.shell.questions import confirm
from ops.shell.texts import are, counted
from ops.shell.verb import Shared

NAMED = 20
_FIELDS = ("case", "state", "count", "placed_at", "placed_by", "reason", "released_at", "released_by", "release_reason")


def hold(shared: Shared, *, case: str, reason: str, selection: Selection) -> ExitCode:
    """Puts the selected recordings on hold. Raises Failure."""
    archive = open_archive(shared, writes=True)
    output = shared.output(archive.zone)
    case = checked_case(case)
    holding = Holding(archive)
    holding.refuse_without_lock()
    rows = selected(archive, shared, selection, output.progress)
    if not rows:
        output.document({"case": case, "recordings": 0, "versions": 0, "nothing_kept": 0})
        output.verdict("no recording matches: nothing was put on hold")
        return ExitCode.LOOK
    recordings = [(row.source, row.recording_id) for row in rows]
    Recorder(archive).record_all("hold", recordings, f"case {case}")
    done = holding.hold(case, reason[:LONGEST_REASON], rows, selection.kept())
    output.document(_document(done))
    undo = output.again(command_line("release", case=case, reason="TEXT"))
    output.verdict(f"{_result_text(archive, done)} on hold for {case!r}; undone by: {undo}")
    return ExitCode.DONE


def _result_text(archive: Archive, done: HoldResult) -> str:
    what, verb = counted(done.recordings), are(done.recordings)
    if not archive.bucket.locks:
        return f"{what} {verb}"
    unkept = f", {done.nothing_kept} with nothing kept yet" if done.nothing_kept else ""
    return f"{what} ({done.versions} versions{unkept}) {verb}"


def _document(done: HoldResult) -> dict[str, object]:
    return {
        "case": done.case,
        "recordings": done.recordings,
        "versions": done.versions,
        "nothing_kept": done.nothing_kept,
    }


def release(shared: Shared, *, case: str, reason: str, confirmed: int | None, dry_run: bool) -> ExitCode:
    """Ends a case's hold, once its count is confirmed. Raises Failure."""
    archive = open_archive(shared, writes=not dry_run)
    output = shared.output(archive.zone)
    known = Cases(archive.bucket).get(checked_case(case))
    if known is None:
        raise no_such_case(archive.name, case)
    holding = Holding(archive)
    held = holding.held_by(known.name)
    ids = [f"{kept.source}  {kept.recording_id}" for kept in held]
    plan = [f"case {known.name!r}: {known.placed.reason}", *first(ids)]
    if not confirm(
        output,
        plan,
        count=len(held),
        noun="recording",
        confirmed=confirmed,
        dry_run=dry_run,
        answers=[known.name],
    ):
        output.document({"case": known.name, "recordings": len(held), "versions": 0, "dry_run": True})
        return ExitCode.DONE
    recordings = [(kept.source, kept.recording_id) for kept in held]
    Recorder(archive).record_all("release", recordings, f"case {known.name}")
    done = holding.release(known, reason[:LONGEST_REASON], held)
    output.document({"case": done.case, "recordings": done.recordings, "versions": done.versions, "dry_run": False})
    output.verdict(f"case {known.name!r} holds nothing any more; recordings released: {done.recordings}")
    return ExitCode.DONE


def first(lines: Sequence[str]) -> Iterator[str]:
    """The first few of many lines, and how many more there are."""
    yield from lines[:NAMED]
    if len(lines) > NAMED:
        yield f"… and {len(lines) - NAMED} more"


def holds(shared: Shared, *, case: str | None, as_csv: bool) -> ExitCode:
    """Lists the cases, closed ones too. Raises Failure."""
    archive = open_archive(shared)
    output = shared.output(archive.zone)
    cases = [each for each in Cases(archive.bucket).all() if case is None or each.name == case]
    if case is not None and not cases:
        raise no_such_case(archive.name, case)
    rows = [_row(each) for each in cases]
    if output.as_json:
        for row in rows:
            output.row(row)
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_FIELDS)
        writer.writerows([cell(row[name], output) for name in _FIELDS] for row in rows)
    else:
        _table(output, cases)
    said = output.note if as_csv else output.verdict
    on_hold = sum(each.is_open for each in cases)
    said(f"{on_hold} of {counted(len(cases), 'case')} on hold" if cases else "no case was ever opened")
    return ExitCode.DONE


def _row(case: Case) -> dict[str, object]:
    placed, last = case.placed, case.records[-1]
    released = None if case.is_open else last
    return {
        "case": case.name,
        "state": _state(case),
        "count": len(case.recordings),
        "placed_at": placed.at,
        "placed_by": placed.who,
        "reason": placed.reason,
        "released_at": released.at if released else None,
        "released_by": released.who if released else None,
        "release_reason": released.reason if released else None,
    }


def _state(case: Case) -> str:
    return "held" if case.is_open else "released"


def _table(output: Output, cases: Sequence[Case]) -> None:
    columns = [
        Column(head="case", importance=9),
        Column(head="state", importance=8),
        Column(head="count", importance=7, align="right"),
        Column(head="since", importance=6),
        Column(head="by", importance=4),
        Column(head="reason", importance=3),
    ]
    shown = [
        (
            each.name,
            _state(each),
            len(each.recordings),
            output.time(each.placed.at),
            each.placed.who,
            each.placed.reason,
        )
        for each in cases
    ]
    if shown:
        output.table(columns, shown)
