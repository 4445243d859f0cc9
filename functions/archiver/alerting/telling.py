"""Tells people of a source's trouble in words: once for each change, with the first command and the place to read on.

A change counts when it has held for a while. Then one conditional write says that it is told, and whoever made that
write publishes. The level of what was told is the metric `Trouble`, so alarms and messages speak of the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from functions.archiver.alerting.notes import Announcements, announcements_key
from functions.archiver.alerting.trouble import SETTLED, Kind, Trouble, kind_of
from functions.archiver.clock import Clock, to_ms
from functions.archiver.engine import Engine, Message
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.conditions import Equals, unchanged
from functions.archiver.ledger.table import Refused, Table

WELL = "well"
ANNOUNCEMENTS = "told"
"""The kind of the item that is written here. Its `announced_at` changes with everything that programs may hear of."""

_MAX_SUBJECT = 100
"""What SNS takes, in ASCII."""

_MAX_REASON = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Whose trouble it is, for the text: archive, source, and the runbook's address."""

    archive: str
    source: str
    runbook: str


class Teller:
    """Tells of one source. `engine` publishes."""

    def __init__(self, table: Table, engine: Engine, address: Address, clock: Clock) -> None:
        self._table = table
        self._engine = engine
        self._address = address
        self._pk = announcements_key(address.source)
        self._standing = {"kind": ANNOUNCEMENTS, "source": address.source}
        self._clock = clock

    def tell(self, trouble: Trouble | None, before: Announcements) -> Kind | None:
        """The trouble that counts by now, None for a source that is well. Publishes it where it has just changed."""
        now = self._clock.now()
        name = trouble.kind.name if trouble else WELL
        told = before.told or WELL
        since = self._seen_since(name, before, now)
        if name == told or now - since < _patience(trouble, kind_of(told)):
            return kind_of(told)
        if self._claim(before.told, name, trouble, now):
            self._publish(trouble, kind_of(told), before.told)
        return kind_of(name)

    def note_late(self, days: Sequence[str], before: Announcements) -> None:
        """Notes for programs which days are incomplete; one write where they are others than before."""
        if tuple(days) != before.late:
            put = {**self._standing, "late": list(days), "announced_at": to_ms(self._clock.now())}
            self._table.update(self._pk, put=put)

    def _seen_since(self, name: str, before: Announcements, now: datetime) -> datetime:
        """Since when the source has been so; one write when it has just become so."""
        if before.seen == name and before.seen_at:
            return before.seen_at
        if before.seen is not None or name != WELL:
            self._table.update(self._pk, put={**self._standing, "seen": name, "seen_at": to_ms(now)})
        return now

    def _claim(self, before: str | None, name: str, trouble: Trouble | None, now: datetime) -> bool:
        """Whether this tick is the one that tells."""
        put = {
            **self._standing,
            "told": name,
            "announced_at": to_ms(now),
            "told_reason": _plain(trouble.reason) if trouble else None,
        }
        try:
            self._table.update(self._pk, put=put, when=unchanged("told", before))
        except Refused:
            return False
        return True

    def _publish(self, trouble: Trouble | None, over: Kind | None, before: str | None) -> None:
        message = message_of(trouble, over, self._address)
        try:
            self._engine.tell(message)
        except ArchiveTrouble as failure:
            self._engine.log.error("nobody could be told", subject=message.subject, reason=failure.reason)
            name = trouble.kind.name if trouble else WELL
            self._table.update(self._pk, put={"told": before}, when=Equals("told", name))  # the next tick tells


def _patience(trouble: Trouble | None, told: Kind | None) -> timedelta:
    """How long a change has to hold. What gets better is told as soon as it looks lasting."""
    if trouble is None:
        return SETTLED
    if told is not None and trouble.kind.level < told.level:
        return min(trouble.kind.lasts, SETTLED)
    return trouble.kind.lasts


def message_of(trouble: Trouble | None, over: Kind | None, address: Address) -> Message:
    """The message about a trouble, or about the end of `over`."""
    subject = f"{address.archive} / {address.source}: {trouble.kind.name if trouble else 'well again'}"
    urgent = trouble.kind.urgent if trouble else over is not None and over.urgent
    return Message(
        subject=subject[:_MAX_SUBJECT],
        text="\n".join(_trouble_lines(trouble, address) if trouble else _end_lines(over, address)) + "\n",
        urgent=urgent,
    )


def _trouble_lines(trouble: Trouble, address: Address) -> list[str]:
    return [
        f"Source {address.source} of the archive {address.archive}: {trouble.kind.name}.",
        f"Reason: {_plain(trouble.reason)}.",
        "",
        f"First: {first_command(trouble.kind, address)}",
        f"Read on: {address.runbook}#{trouble.kind.heading}",
    ]


def _end_lines(over: Kind | None, address: Address) -> list[str]:
    was = f" It was: {over.name}." if over else ""
    return [
        f"Source {address.source} of the archive {address.archive} is well again.{was}",
        "",
        f"To see for yourself: recordings status {address.source} -a {address.archive}",
    ]


def first_command(kind: Kind, address: Address) -> str:
    """The whole command to type first."""
    return f"{kind.first_command(address.source)} -a {address.archive}"


def _plain(text: str) -> str:
    """A reason on one line and of bounded length: some quote what a provider sent."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line.rstrip(".")[:_MAX_REASON]
