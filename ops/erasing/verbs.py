"""The verbs `erase` and `erasures`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from functions.archiver.object_keys import digest_of
from functions.archiver.settings.events import FAILED, FAILED_KEPT_DAYS
from ops.accesses.recording import Recorder
from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive
from ops.archive.opening import open_archive
from ops.erasing.erasing import Candidate, Erasing, Outcome
from ops.erasing.orders import Order, Orders
from ops.find.selection import Selection, selected
from ops.holds.verbs import first
from ops.index.from_ledger import row_of
from ops.index.rows import Row
from ops.local.archive import alone
from ops.shell.output import Column, ExitCode, Failure, Output
from ops.shell.questions import confirm
from ops.shell.texts import are, counted
from ops.shell.verb import Shared

RECOVERY = timedelta(days=35)
"""How far back DynamoDB's point-in-time recovery reaches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EraseOptions:
    """The options of `erase`. With `deferred` what earlier orders left, under their basis and ticket."""

    selection: Selection
    basis: str | None
    ticket: str | None
    deferred: bool
    confirmed: int | None
    dry_run: bool
    break_glass: bool


def erase(shared: Shared, wanted: EraseOptions) -> ExitCode:
    """Shows what goes and what stays for now; erases it once its count is confirmed. Raises Failure."""
    _check(wanted)
    archive = open_archive(shared, writes=not wanted.dry_run)
    output = shared.output(archive.zone)
    if isinstance(archive, FolderArchive) and not wanted.dry_run:
        with alone(archive.root, "erase"):
            return _erase(shared, archive, output, wanted)
    return _erase(shared, archive, output, wanted)


def _check(wanted: EraseOptions) -> None:
    given = (wanted.basis, wanted.ticket)
    if wanted.deferred and (any(given) or wanted.selection.ids or wanted.selection.given):
        raise Failure(ExitCode.MISUSE, "--deferred completes earlier orders: give nothing else with it")
    if not wanted.deferred and not all(given):
        raise Failure(ExitCode.MISUSE, "give --basis and --ticket: the record of an erasure has both")


def _erase(shared: Shared, archive: Archive, output: Output, wanted: EraseOptions) -> ExitCode:
    open_orders: dict[str, set[str]] = {}
    if wanted.deferred:
        orders = [order for order in Orders(archive.bucket).all() if order.open]
        open_orders = {order.name: order.open for order in orders}
        rows = rows_of(archive, set().union(*open_orders.values()))
        if not wanted.dry_run:
            Erasing(archive).note_erased(orders, rows)
    else:
        rows = selected(archive, shared, wanted.selection, output.progress)
    if not rows:
        output.document(_document(None, 0, [], dry_run=wanted.dry_run))
        output.verdict("no recording matches: nothing was erased")
        return ExitCode.DONE if wanted.deferred else ExitCode.LOOK
    erasing = Erasing(archive, break_glass=wanted.break_glass)
    found = erasing.look(rows)
    kept = [each for each in found if each.why]
    go_on = confirm(
        output,
        _plan(output, found),
        count=len(found),
        noun="recording",
        confirmed=wanted.confirmed,
        dry_run=wanted.dry_run,
    )
    if not go_on:
        output.document(_document(None, len(found), kept, dry_run=True))
        return ExitCode.DONE
    going = [(each.row.source, each.row.recording_id) for each in found if each.why is None]
    Recorder(archive).record_all("erase", going, f"{wanted.basis} {wanted.ticket}" if wanted.ticket else "deferred")
    if wanted.deferred:
        outcome = erasing.resume(open_orders, found)
    else:
        outcome = erasing.order(found, basis=str(wanted.basis), ticket=str(wanted.ticket))
    return _tell(archive, output, outcome, len(found))


def rows_of(archive: Archive, digests: set[str]) -> list[Row]:
    """The recordings behind digests, as far as the ledger still has them: all of it is read."""
    if not digests:
        return []
    now = datetime.now(UTC)
    rows = (row for item in archive.table.scan() if (row := row_of(item, now)))
    return [row for row in rows if digest_of(row.source, row.recording_id) in digests]


def _plan(output: Output, found: Sequence[Candidate]) -> Iterator[str]:
    goes = [each for each in found if each.why is None]
    if goes:
        yield f"{len(goes)} to erase, with every version of audio, sidecar and transcript:"
        yield from first([f"  {each.row.source}  {each.row.recording_id}  {_when(output, each)}" for each in goes])
    stays = [each for each in found if each.why]
    if stays:
        yield f"{len(stays)} that cannot go yet:"
        yield from first([f"  {each.row.source}  {each.row.recording_id}  {_why(output, each)}" for each in stays])


def _when(output: Output, found: Candidate) -> str:
    return output.time(found.row.recorded_at) if found.row.recorded_at else str(found.row.day)


def _why(output: Output, found: Candidate) -> str:
    return f"{found.why} until {output.time(found.until)}" if found.until else str(found.why)


def _document(
    order: str | None, count: int, deferred: Sequence[Candidate], *, dry_run: bool, erased: int = 0
) -> dict[str, object]:
    return {
        "order": order,
        "found": count,
        "erased": erased,
        "deferred": [
            {
                "source": each.row.source,
                "recording_id": each.row.recording_id,
                "why": each.why or "locked",
                "until": each.until,
            }
            for each in deferred
        ],
        "dry_run": dry_run,
    }


def _tell(archive: Archive, output: Output, outcome: Outcome, count: int) -> ExitCode:
    output.document(_document(outcome.order, count, outcome.deferred, dry_run=False, erased=outcome.erased))
    for each in outcome.deferred:
        output.note(f"still there: {each.row.source}  {each.row.recording_id}  {_why(output, each)}")
    for line in _out_of_reach(archive, output, outcome):
        output.line(line)
    if outcome.deferred:
        later = output.again("recordings erase --deferred")
        counts = f"{outcome.erased} erased, {len(outcome.deferred)} deferred"
        output.verdict(f"{counts}; when nothing keeps them any more: {later}")
        return ExitCode.REFUSED
    output.verdict(f"{outcome.erased} erased; order {outcome.order}")
    return ExitCode.DONE


def _out_of_reach(archive: Archive, output: Output, outcome: Outcome) -> Iterator[str]:
    """Copies that no command of ours can erase, and until when they are there."""
    if not outcome.erased:
        return
    yield "Not reached by this:"
    if not isinstance(archive, FolderArchive):
        until = output.time(datetime.now(UTC) + RECOVERY)
        yield f"  the table's point-in-time recovery, until {until}; logs of the functions, as long as they are kept"
        yield f"  changes that EventBridge did not take, under {FAILED}/ in the bucket for {FAILED_KEPT_DAYS} days"
    else:
        yield "  backups of the folder, and deleted blocks of its disk"
    yield "  indexes on other machines, until `recordings index` or `find` runs there; exports that were handed out"
    if not outcome.index_is_clean:
        yield "  the log of this machine's index, until the program that reads from it ends"


def erasures(shared: Shared) -> ExitCode:
    """Lists the orders and what is still to go of them. Raises Failure."""
    archive = open_archive(shared)
    output = shared.output(archive.zone)
    orders = Orders(archive.bucket).all()
    if output.as_json:
        for order in orders:
            output.row(_row(order))
    elif orders:
        columns = [Column(head=head, importance=importance) for head, importance in _COLUMNS.items()]
        output.table(columns, [_cells(output, order) for order in orders])
    still = sum(len(order.open) for order in orders)
    rest = f"{counted(still)} {are(still)} still to go"
    output.verdict(f"{counted(len(orders), 'order')}; {rest}" if orders else "nothing was ever erased")
    return ExitCode.LOOK if still else ExitCode.DONE


_COLUMNS = {"at": 9, "basis": 8, "ticket": 8, "erased": 7, "open": 7, "until": 6, "by": 3, "order": 2}


def _until(order: Order) -> datetime | None:
    """When the last lock ends, of what is still to go."""
    return max((each.until for each in order.deferred if each.until and each.digest in order.open), default=None)


def _row(order: Order) -> dict[str, object]:
    return {
        "order": order.name,
        "at": order.at,
        "by": order.who,
        "basis": order.basis,
        "ticket": order.ticket,
        "count": len(order.recordings),
        "erased": len(order.recordings) - len(order.open),
        "open": len(order.open),
        "until": _until(order),
    }


def _cells(output: Output, order: Order) -> list[object]:
    row = _row(order)
    told = [row[name] for name in ("basis", "ticket", "erased", "open")]
    return [output.time(order.at), *told, output.time(_until(order)), order.who, order.name]
