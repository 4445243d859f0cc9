"""How the sources of an archive fare: what `recordings status` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.archiver.alerting.notes import announcements_key
from functions.archiver.alerting.trouble import Trouble, announced_trouble
from functions.archiver.clock import Clock
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.health import Health, SourceState, health_of, in_words
from functions.archiver.ledger.totals import Counts
from functions.archiver.listing.backfill import Backfills
from functions.archiver.sweeping.book import Round, last_round
from functions.archiver.vitals import Vitals, VitalsReader
from ops.archive.archive import Archive
from ops.erasing.orders import Order, Orders, still_open
from ops.shell.output import Column, ExitCode, Failure, Output
from ops.shell.texts import are, counted
from ops.status.imported import is_imported

REQUESTS_EACH = 2
"""A recording takes about so many: one that lists or finds it, one for its audio."""

_CHANGED = ("altered", "absent")
_NEVER = timedelta.max


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceStatus:
    """Everything about one source; without `vitals` and `counts` it could not be asked.

    `alarms` are the words of those that ring, `erasures` the orders with something left; None where nobody could tell.
    `trouble` is what people were told of that is no state of the source.
    `deletion` is the last round of deletions at the source; None where there was none.
    """

    source: str
    health: Health
    vitals: Vitals | None = None
    counts: Counts | None = None
    complete_until: datetime | None = None
    alarms: Sequence[str] | None = None
    backfill: Mapping[str, Any] | None = None
    erasures: Sequence[Mapping[str, Any]] | None = None
    trouble: Trouble | None = None
    deletion: Round | None = None

    @property
    def changed(self) -> int:
        """How many recordings are not as they were archived."""
        return sum(self.counts.numbers[name] for name in _CHANGED) if self.counts else 0

    @property
    def catches_up_at(self) -> datetime | None:
        """When what waits will be archived at the present pace; None where nothing waits or the pace is not known."""
        if self.vitals is None or self.counts is None or not self.counts.numbers["waiting"]:
            return None
        rate, waiting = self.vitals.rate, self.counts.numbers["waiting"]
        if not rate.allowed:
            return None
        by_rate = waiting * REQUESTS_EACH * 60 / rate.allowed
        by_lanes = waiting * (rate.work_seconds or 0) / (rate.lanes or 1)
        return self.vitals.signs.now + timedelta(seconds=max(by_rate, by_lanes))

    @property
    def next(self) -> str | None:
        """The first command to type; None where nothing is to be done."""
        for name in _CHANGED:
            if self.counts and self.counts.numbers[name]:
                return f"recordings find --source {self.source} --state {name}"
        return self.health.state.first_command(self.source)

    def _trouble(self, output: Output) -> dict[str, str] | None:
        if self.trouble is None:
            return None
        kind = self.trouble.kind
        return {"name": kind.name, "reason": self.trouble.reason, "next": output.again(kind.first_command(self.source))}

    def document(self, output: Output) -> dict[str, Any]:
        """As `status --json` has it; commands are for the archive of `output`."""
        signs = self.vitals.signs if self.vitals else None
        rate = self.vitals.rate if self.vitals else None
        margin = signs.deletion_margin if signs else None
        return {
            "source": self.source,
            "state": self.health.state.value,
            "reason": self.health.reason,
            "until": self.health.until,
            "counts": dict(self.counts.numbers) if self.counts else None,
            "as_of": self.counts.as_of if self.counts else None,
            "oldest_due": signs.oldest_due if signs else None,
            "deletion_margin_seconds": round(margin.total_seconds()) if margin is not None else None,
            "rate": {"used": rate.used, "allowed": rate.allowed} if rate else None,
            "catches_up_at": self.catches_up_at,
            "listed_until": signs.listed_until if signs else None,
            "complete_until": self.complete_until,
            "backfill": self.backfill,
            "erasures": list(self.erasures) if self.erasures is not None else None,
            "trouble": self._trouble(output),
            "deletion_at_source": self.deletion.document() if self.deletion else None,
            "alarms": list(self.alarms) if self.alarms is not None else None,
            "next": output.again(self.next) if self.next else None,
        }


def statuses(archive: Archive, sources: Sequence[str], output: Output) -> Iterator[SourceStatus]:
    """Each source in turn. One that cannot be asked is unknown, and the others go on."""
    try:
        ringing: Mapping[str, Sequence[str]] | None = archive.ringing()
    except Failure as failure:
        output.note(failure.message)
        ringing = None
    orders = _orders(archive, output)
    for source in sources:
        try:
            found = _status(archive, source, ringing.get(source, ()) if ringing is not None else None)
            yield replace(found, erasures=still_open(orders, source) if orders is not None else None)
        except ArchiveTrouble as trouble:
            yield SourceStatus(source=source, health=Health(state=SourceState.UNKNOWN, reason=str(trouble)))


def _orders(archive: Archive, output: Output) -> list[Order] | None:
    """Every erasure that was ordered."""
    try:
        return Orders(archive.bucket).all()
    except (ArchiveTrouble, Failure) as trouble:
        output.note(f"whether an erasure is still to be done is not known: {trouble}")
        return None


def _status(archive: Archive, source: str, alarms: Sequence[str] | None) -> SourceStatus:
    reader = VitalsReader(archive.table, source=source, clock=Clock())
    vitals = reader.read()
    signs = replace(vitals.signs, imported=is_imported(archive, source, vitals))
    return SourceStatus(
        source=source,
        health=health_of(signs, ticks_every=archive.tick_interval),
        vitals=vitals,
        counts=archive.counts(source),
        complete_until=reader.complete_until(vitals.signs.listed_until),
        alarms=alarms,
        backfill=_backfill(archive, source, vitals),
        trouble=announced_trouble(archive.table.get(announcements_key(source))),
        deletion=last_round(archive.table, source),
    )


def _backfill(archive: Archive, source: str, vitals: Vitals) -> dict[str, Any] | None:
    """The one that goes on, and how far it is."""
    asked = Backfills(archive.table, source=source).open()
    if asked is None:
        return None
    walk = vitals.progress.walks.get(asked.walk_name)
    return {"from": asked.start, "to": asked.end, "by": asked.by, "listed_until": walk.position if walk else None}


def exit_code(found: Sequence[SourceStatus]) -> ExitCode:
    """0 where nobody has to look, 6 where bytes are not what they were."""
    if any(each.changed for each in found):
        return ExitCode.ALTERED
    return ExitCode.DONE if all(each.health.state.is_well for each in found) else ExitCode.LOOK


def tell(output: Output, found: Sequence[SourceStatus]) -> None:
    """The table, a sentence about each source that somebody has to look at, and the verdict."""
    output.table(_COLUMNS, [_row(output, each) for each in found])
    for each in found:
        if each.changed:
            changed = f"{counted(each.changed)} {are(each.changed)} not as archived"
            output.line(f"{each.source}: {changed}; next: {output.again(each.next or '')}")
        if each.health.reason:
            command = output.again(each.health.state.first_command(each.source) or "")
            reason = each.health.reason.removeprefix(f"{each.health.state} ")
            output.line(f"{each.source}: {each.health.state}: {reason}; next: {command}")
        if each.backfill:
            until = output.time(each.backfill["listed_until"])
            output.line(f"{each.source}: backfill to {output.time(each.backfill['to'])}, listed until {until}")
        for left in each.erasures or ():
            output.line(f"{each.source}: {_left_of(output, left)}; next: {output.again('recordings erase --deferred')}")
        if each.trouble:
            command = output.again(each.trouble.kind.first_command(each.source))
            output.line(f"{each.source}: {each.trouble.kind.name}: {each.trouble.reason}; next: {command}")
        if each.deletion and each.deletion.stopped and not each.trouble:
            output.line(f"{each.source}: deletion at the source stopped: {each.deletion.stopped}")
        for alarm in each.alarms or ():
            output.line(f"{each.source}: alarm: {alarm}")
    output.verdict(verdict(found))


def deletion_in_words(output: Output, last: Round) -> str:
    """The result of the last round of deletions at the source, and the number that the next one may delete."""
    at = output.time(last.ended_at or last.begun_at)
    done = "a rehearsal" if last.rehearsal else f"{last.deleted} deleted"
    parts = [f"{at}: {done}", f"{last.eligible} more may go", f"at most {last.limit} a day"]
    parts += [f"{last.gone} were gone there already"] if last.gone else []
    parts += [f"{number} stay: {why}" for why, number in sorted(last.left.items())]
    return ", ".join([*parts, *([f"stopped: {last.stopped}"] if last.stopped else [])])


def verdict(found: Sequence[SourceStatus]) -> str:
    """The last sentence."""
    if changed := sum(each.changed for each in found):
        return f"{counted(changed)} {are(changed)} not as archived, named above"
    ill = [each.source for each in found if not each.health.state.is_well]
    if ill:
        return f"to look at: {', '.join(ill)}"
    return f"{len(found)} source{'s' * (len(found) != 1)}, nothing to look at"


_COLUMNS = [
    Column(head="source", importance=9),
    Column(head="state", importance=9),
    Column(head="waiting", importance=8, align="right"),
    Column(head="failed", importance=8, align="right"),
    Column(head="oldest due", importance=5),
    Column(head="deletes in", importance=6),
    Column(head="rate", importance=3),
    Column(head="complete until", importance=4),
]


def _row(output: Output, each: SourceStatus) -> list[str]:
    if each.vitals is None or each.counts is None:
        return [each.source, each.health.state.value, *["?"] * (len(_COLUMNS) - 2)]
    signs, rate = each.vitals.signs, each.vitals.rate
    return [
        each.source,
        each.health.state.value,
        str(each.counts.numbers["waiting"]),
        str(each.counts.numbers["failed"]),
        in_words(signs.now - signs.oldest_due) if signs.oldest_due else "–",
        _time_left(signs.deletion_margin),
        f"{'?' if rate.used is None else f'{rate.used:.0f}'}/{rate.allowed:g}" if rate.allowed else "?",
        output.minute(each.complete_until) if each.complete_until else "–",
    ]


def _left_of(output: Output, order: Mapping[str, Any]) -> str:
    until = f", locked until {output.time(order['until'])}" if order["until"] else ""
    left = f"{counted(order['open'])} {are(order['open'])}"
    return f"{left} still to be erased ({order['ticket']}, order {order['order']}){until}"


def _time_left(margin: timedelta | None) -> str:
    if margin is None:
        return "–"
    return in_words(margin) if margin > timedelta() else "now"


def tell_all(output: Output, each: SourceStatus) -> None:
    """Everything about one source, a line each."""
    for head, value in each.document(output).items():
        if head == "counts" and each.counts:
            shown = ", ".join(f"{name} {number}" for name, number in each.counts.numbers.items())
        elif head == "rate" and each.vitals:
            rate = each.vitals.rate
            used, allowed = ("?" if number is None else f"{number:g}" for number in (rate.used, rate.allowed))
            shown = f"{used} of {allowed} requests a minute"
        elif head == "deletion_margin_seconds":
            head, shown = "deletes in", _time_left(each.vitals.signs.deletion_margin if each.vitals else None)
        elif head == "deletion_at_source" and each.deletion:
            shown = deletion_in_words(output, each.deletion)
        elif isinstance(value, datetime):
            shown = output.time(value)
        elif isinstance(value, dict):
            shown = ", ".join(f"{name} {part}" for name, part in value.items())
        elif head == "erasures" and each.erasures:
            shown = "; ".join(_left_of(output, left) for left in each.erasures)
        elif isinstance(value, list):
            shown = ", ".join(value) or "none"
        else:
            shown = "–" if value is None else str(value)
        output.line(f"{head.replace('_', ' '):<18} {shown}")
