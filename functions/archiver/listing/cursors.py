"""How far listing has come: one item per source under a lease, so that one run at a time moves it.

The lease carries a fencing number, and every save is conditional on it: a run that was paused beyond its lease, while
another has taken over, cannot write back what it knew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, field
from datetime import datetime, timedelta
from typing import Any, Literal

from functions.archiver.clock import Clock, to_ms
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.conditions import AtMost, Condition, Equals, Missing
from functions.archiver.ledger.table import Refused, Table

LEASE = timedelta(minutes=16)
"""A minute longer than a function may run."""

_MAX_UNCLEAN = 50


class LeaseLost(Exception):
    """Another run has taken over; this one must not save anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unclean:
    """A span that was listed and did not come out clean, with the reason; it is read again every hour."""

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """A walk over time: everything before `position` is closed. Times are UTC.

    `cursor`, got at `cursor_at`, continues the window that ends at `window_end`; `passes` counts whole readings of it
    so far. `listed` counts by day what closed windows held, but for the walk that never ends.
    """

    name: str
    position: datetime
    end: datetime
    width: timedelta
    cursor: str | None = None
    window_end: datetime | None = None
    cursor_at: datetime | None = None
    passes: int = 0
    listed: dict[str, int] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether its last window is closed."""
        return self.position >= self.end


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far listing has got and what it could not close, for status and reports."""

    walks: Mapping[str, Walk]
    unclean: tuple[Unclean, ...]


Owner = Literal["lister", "reconciler", "sweeper"]
"""Whose lease it is, of the functions of a source."""


class CursorStore:
    """The cursors, and the lease, of one function of a source."""

    def __init__(self, table: Table, *, source: str, owner: Owner, clock: Clock) -> None:
        self._table = table
        self._pk = f"{source}#{owner}"
        self._clock = clock
        self._fence = 0
        self._walks: dict[str, Walk] = {}
        self._unclean: list[Unclean] = []
        self._round_at: datetime | None = None
        self.beside: Mapping[str, Any] = {}
        """What else the item held when the lease was taken."""

    def acquire(self) -> bool:
        """Takes the lease and reads the cursors, in one write; False while another run holds it."""
        now = to_ms(self._clock.due_now())
        free = Missing("lease_until") | AtMost("lease_until", now)
        try:
            item = self._table.update(
                self._pk,
                put={"lease_until": now + round(LEASE.total_seconds() * 1000)},
                add={"fence": 1},
                when=free,
            )
        except Refused:
            return False
        self._fence = int(item["fence"])
        self.beside = item
        self._load(item.get("cursors", "{}"))
        return True

    def progress(self) -> Progress:
        """The cursors as they are saved, without a lease."""
        item = self._table.get(self._pk) or {}
        self._load(item.get("cursors", "{}"))
        return Progress(walks=dict(self._walks), unclean=tuple(self._unclean))

    @property
    def begun(self) -> bool:
        """Whether anything was listed yet."""
        return bool(self._walks)

    def walk(self, name: str) -> Walk | None:
        """The walk as it was kept last; None before its first."""
        return self._walks.get(name)

    def keep(self, walk: Walk) -> None:
        """Notes where a walk is; the next `save` or `release` writes it."""
        self._walks[walk.name] = walk

    def walks(self, prefix: str) -> tuple[Walk, ...]:
        """The walks whose names begin so, as they were kept last."""
        return tuple(walk for name, walk in self._walks.items() if name.startswith(prefix))

    def drop(self, walk: Walk) -> None:
        """Forgets a walk; written with the next `save` or `release`."""
        self._walks.pop(walk.name, None)

    def save(self, walk: Walk) -> None:
        """Writes where a walk is. Raises LeaseLost when this run no longer holds the lease."""
        self.keep(walk)
        self._write({})

    def release(self) -> None:
        """Writes everything and gives the lease back."""
        self._write({"lease_until": 0})

    def note(self, put: Mapping[str, object], *, when: Condition | None = None) -> None:
        """Sets attributes beside the cursors; None removes one. Raises LeaseLost, also where `when` does not hold."""
        own = Equals("fence", self._fence)
        try:
            self._table.update(self._pk, put=put, when=own & when if when else own)
        except Refused:
            raise LeaseLost from None

    def round_due(self, now: datetime, every: timedelta) -> bool:
        """Whether the periodic re-reading (the lister's overlap, the reconciler's days) is due again."""
        return self._round_at is None or now - self._round_at >= every

    def round_done(self, now: datetime) -> None:
        """Notes when the periodic re-reading was done; written with the next save."""
        self._round_at = now

    def unclean(self) -> tuple[Unclean, ...]:
        """Spans that could not be closed."""
        return tuple(self._unclean)

    def note_unclean(self, unclean: Unclean) -> None:
        """Remembers a span that did not close. Neighbours with the same reason become one."""
        last = self._unclean[-1] if self._unclean else None
        full = len(self._unclean) >= _MAX_UNCLEAN
        if last and (full or (last.end == unclean.start and last.reason == unclean.reason)):
            start, end = min(last.start, unclean.start), max(last.end, unclean.end)
            unclean = Unclean(start=start, end=end, reason=unclean.reason)
            self._unclean.pop()
        self._unclean.append(unclean)

    def forget_unclean(self, unclean: Unclean) -> None:
        """A span was read again. Equal ones noted since stay, and so does a longer one that it has become part of."""
        if unclean in self._unclean:
            self._unclean.remove(unclean)

    def _write(self, more: Mapping[str, object]) -> None:
        try:
            self._table.update(
                self._pk,
                put={"cursors": self._dump(), **more},
                when=Equals("fence", self._fence),
            )
        except Refused:
            raise LeaseLost from None

    def _dump(self) -> str:
        document = {
            "walks": [asdict(walk) for walk in self._walks.values()],
            "unclean": [asdict(unclean) for unclean in self._unclean],
            "round_at": self._round_at,
        }
        return json.dumps(document, separators=(",", ":"), default=_plain)

    def _load(self, text: str) -> None:
        document: dict[str, Any] = json.loads(text)
        self._walks = {fields["name"]: _walk(fields) for fields in document.get("walks", [])}
        self._unclean = [_unclean(fields) for fields in document.get("unclean", [])]
        self._round_at = _moment(document.get("round_at"))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(type(value).__name__)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _walk(fields: dict[str, Any]) -> Walk:
    return Walk(
        **{
            **fields,
            "position": datetime.fromisoformat(fields["position"]),
            "end": datetime.fromisoformat(fields["end"]),
            "width": timedelta(seconds=fields["width"]),
            "window_end": _moment(fields["window_end"]),
            "cursor_at": _moment(fields.get("cursor_at")),
        }
    )


def _unclean(fields: dict[str, Any]) -> Unclean:
    return Unclean(
        start=datetime.fromisoformat(fields["start"]),
        end=datetime.fromisoformat(fields["end"]),
        reason=fields["reason"],
    )
