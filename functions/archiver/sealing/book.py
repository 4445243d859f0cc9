"""A source's own record of its seals: the chain's head, the seal being written, and the days to look at.

It stands beside the reconciler's cursors and is written under their lease, so that one run at a time seals. The head
and the note of a seal change only in the order *note, write, head*, each on condition that nothing else has come
between.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, field
from datetime import date
from typing import Any

from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.conditions import Condition, Missing, unchanged
from functions.archiver.listing.cursors import CursorStore
from functions.archiver.sealing.statement import Listed

MAX_OPEN = 1_000
"""Days whose listing is kept in mind until they are complete; of more, the oldest are left to `seal --from`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The newest seal of a source."""

    sequence: int
    key: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sealing:
    """A seal that is being written: what exactly its bytes are, and after which seal it comes."""

    sequence: int
    previous: str | None
    key: str
    sha256: str
    as_of: str

    @property
    def head(self) -> Head:
        """The chain's head once it is written."""
        return Head(sequence=self.sequence, key=self.key, sha256=self.sha256)


@dataclass(kw_only=True, slots=True)
class Plan:
    """`first` is the earliest day with a seal, `until` the last one of those that every round sealed after another,
    `audited` the last of them that was looked at again.

    `due` are looked at next. `open` are days that may still change, with what the provider showed of them. `asked` are
    days that a person wants sealed, first and last, and that have to be listed before.
    """

    first: date | None = None
    until: date | None = None
    audited: date | None = None
    due: set[date] = field(default_factory=set)
    open: dict[date, Listed] = field(default_factory=dict)
    asked: tuple[date, date] | None = None

    def is_sealed(self, day: date) -> bool:
        """Whether the day is one of those that are sealed."""
        return self.first is not None and self.until is not None and self.first <= day <= self.until

    def dump(self) -> str:
        """As JSON text."""
        newest = sorted(self.open)[-MAX_OPEN:]
        return json.dumps(
            {
                **{name: _text(getattr(self, name)) for name in ("first", "until", "audited")},
                "due": sorted(day.isoformat() for day in self.due),
                "open": {day.isoformat(): asdict(self.open[day]) for day in newest},
                "asked": [day.isoformat() for day in self.asked] if self.asked else None,
            },
            separators=(",", ":"),
        )

    @classmethod
    def load(cls, text: str) -> Plan:
        """Reads the text that `dump` made."""
        fields: dict[str, Any] = json.loads(text)
        asked = fields.get("asked")
        return cls(
            **{name: _day(fields.get(name)) for name in ("first", "until", "audited")},
            due={date.fromisoformat(day) for day in fields.get("due", [])},
            open={date.fromisoformat(day): Listed(**listed) for day, listed in fields.get("open", {}).items()},
            asked=(date.fromisoformat(asked[0]), date.fromisoformat(asked[1])) if asked else None,
        )


class SealBook:
    """The book of the source whose cursors these are. It is read when their lease has been taken."""

    def __init__(self, cursors: CursorStore) -> None:
        self._cursors = cursors
        item = cursors.beside
        self.head = head_in(item)
        self.sealing = Sealing(**_plain(item["sealing"])) if "sealing" in item else None
        self.plan = Plan.load(item.get("seals", "{}"))

    def save(self) -> None:
        """Writes the plan. Raises LeaseLost."""
        self._cursors.note({"seals": self.plan.dump()})

    def adopt(self, head: Head) -> None:
        """Takes the head from the seals themselves, for a ledger that knows of none. Raises LeaseLost."""
        self._cursors.note(_attributes(head), when=Missing("seal_head"))
        self.head = head

    def begin(self, sealing: Sealing) -> None:
        """Notes what is written next. Raises LeaseLost."""
        noted = {name: value for name, value in asdict(sealing).items() if value is not None}
        self._cursors.note({"sealing": noted}, when=self._unchanged())
        self.sealing = sealing

    def finish(self) -> None:
        """The noted seal is written: makes it the head, and keeps the plan as it stands. Raises LeaseLost."""
        assert self.sealing is not None
        head = self.sealing.head
        put = {**_attributes(head), "sealing": None, "seals": self.plan.dump()}
        self._cursors.note(put, when=self._unchanged())
        self.head, self.sealing = head, None

    def drop(self) -> None:
        """Forgets a note of which nothing was written and nothing is left to write. Raises LeaseLost."""
        self._cursors.note({"sealing": None}, when=self._unchanged())
        self.sealing = None

    def _unchanged(self) -> Condition:
        return unchanged("seal_head", self.head.sha256 if self.head else None)


def head_in(item: Mapping[str, Any]) -> Head | None:
    """The head that the reconciler's item notes."""
    if "seal_head" not in item:
        return None
    return Head(sequence=int(item["seal_sequence"]), key=str(item["seal_key"]), sha256=str(item["seal_head"]))


def _attributes(head: Head) -> dict[str, object]:
    return {"seal_head": head.sha256, "seal_sequence": head.sequence, "seal_key": head.key}


def _plain(noted: Mapping[str, Any]) -> dict[str, Any]:
    return {"previous": None, **noted, "sequence": int(noted["sequence"])}


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
