"""Notes that the functions of a source leave for its tick, which alone judges: in the item `<source>#health`.

The reconciler notes days that are not complete and how far days are sealed, the lister that it found something, the
webhook function that events come or are refused. Each write is one that happens seldom; nothing here is read but by the
tick. What people and programs were told stands in an item of its own, `<source>#told`, which changes only then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from functions.archiver.clock import Clock, from_ms, to_ms
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.conditions import Exists, KeyRange
from functions.archiver.ledger.due import Due
from functions.archiver.ledger.table import Item, Refused, Table

MAY_BE_INCOMPLETE = timedelta(hours=24)
"""A day that still lacks something so long after it was first seen to is told of."""

SEALED_WITHIN = timedelta(hours=24)
"""A day that has left the reconciler's window has its seal by then; the reconciler goes round every 20 hours."""

_KEPT_IN_MIND = timedelta(days=60)
"""A day that is no longer compared is forgotten after this long."""

REFUSALS = 20
REFUSED_WITHIN = timedelta(minutes=15)
"""This many refusals in one process within this time are more than a stray scanner:
a secret was changed on one side only, or somebody guesses."""

_CHAIN_READ_WITHIN = timedelta(hours=3)
"""The reconciler runs every hour, and says each time that the chain is broken."""

_REFUSED_LATELY = timedelta(minutes=30)
_EVENTS_NOTED_EVERY = timedelta(minutes=10)
_REFUSALS_NOTED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcements:
    """The trouble that people last heard of, and the one that has been seen since `seen_at`, both by name.

    `late` are the incomplete days that programs were told of.
    """

    told: str | None = None
    seen: str | None = None
    seen_at: datetime | None = None
    late: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Notes:
    """Facts beside the signs of a source. `changed` counts recordings that are altered or absent, `incomplete`
    are days that have lacked something for long, `unsealed` is the first day that should have a seal and has none,
    `broken_chain` is about seals too, `deletion_stopped` says why nothing more is deleted at the source, `refusing` and
    `quiet` are about a webhook.
    """

    changed: int = 0
    incomplete: tuple[str, ...] = ()
    unsealed: date | None = None
    broken_chain: bool = False
    deletion_stopped: str | None = None
    refusing: bool = False
    quiet: bool = False
    announcements: Announcements = Announcements()


class Notebook:
    """The notes of one source. What one process need not write again it remembers."""

    def __init__(self, table: Table, *, source: str, clock: Clock) -> None:
        self._table = table
        self._pk = f"{source}#health"
        self._announcements_pk = announcements_key(source)
        self._clock = clock
        self._due = Due(table, source=source, clock=clock)
        self._refusals: deque[datetime] = deque(maxlen=REFUSALS)
        self._noted: dict[str, datetime] = {}

    def days(self, complete: Mapping[date, bool]) -> None:
        """Which of the days that were compared are complete; one read, and a write where that is news."""
        before: dict[str, int] = self._item().get("incomplete", {})
        now = self._clock.now()
        oldest = (now - _KEPT_IN_MIND).date().isoformat()
        others = {day: since for day, since in before.items() if date.fromisoformat(day) not in complete}
        since = {day.isoformat(): before.get(day.isoformat(), to_ms(now)) for day in complete if not complete[day]}
        left = {day: at for day, at in {**others, **since}.items() if day >= oldest}
        if left != before:
            self._table.update(self._pk, put={"incomplete": left})

    def sealed(self, until: date) -> None:
        """Every day up to this one is sealed; one read, and a write once a day."""
        if self._item().get("sealed_until") != until.isoformat():
            self._table.update(self._pk, put={"sealed_until": until.isoformat()})

    def broken_chain(self) -> None:
        """The seals in the bucket are not those that the ledger notes; said by each run of the reconciler."""
        self._table.update(self._pk, put={"chain_broken_at": to_ms(self._clock.now())})

    def deletion_stopped(self, why: str | None) -> None:
        """A round of deletions at the source has ended, and with `why` because something looked wrong."""
        self._table.update(self._pk, put={"deletion_stopped": why})

    def found(self) -> None:
        """Listing found new recordings, of a source whose webhook should have told of them."""
        now = to_ms(self._clock.now())
        try:
            self._table.update(self._pk, put={"found_at": now}, when=Exists("found_first"))
        except Refused:
            self._table.update(self._pk, put={"found_at": now, "found_first": now})

    def event(self) -> None:
        """An event of the provider came."""
        self._note_seldom("event_at", _EVENTS_NOTED_EVERY)

    def refusal(self) -> None:
        """A request came that could not be verified. Written only once they are many, as anybody may send them."""
        now = self._clock.now()
        self._refusals.append(now)
        if len(self._refusals) == REFUSALS and now - self._refusals[0] <= REFUSED_WITHIN:
            self._note_seldom("refused_at", _REFUSALS_NOTED_EVERY)

    def _note_seldom(self, name: str, every: timedelta) -> None:
        now = self._clock.now()
        noted = self._noted.get(name)
        if noted is None or now - noted >= every:
            self._table.update(self._pk, put={name: to_ms(now)})
            self._noted[name] = now

    def read(self, *, quiet_after: timedelta | None = None, window: timedelta | None = None) -> Notes:
        """All of them; three reads. Quiet is a source of which listing, and no event, told for `quiet_after`.

        `window` is how long a day is compared until it is sealed.
        """
        items, now = self._table.get_many([self._pk, self._announcements_pk], _READ), self._clock.now()
        item, told = items.get(self._pk, {}), items.get(self._announcements_pk, {})
        changed = sum(self._table.count("due", KeyRange(self._due.group(name))) for name in ("altered", "absent"))
        late = [day for day, since in item.get("incomplete", {}).items() if now - from_ms(since) >= MAY_BE_INCOMPLETE]
        refused, broken = _moment(item, "refused_at"), _moment(item, "chain_broken_at")
        return Notes(
            changed=changed,
            incomplete=tuple(sorted(late)),
            unsealed=_unsealed(item, now, window) if window else None,
            broken_chain=broken is not None and now - broken < _CHAIN_READ_WITHIN,
            deletion_stopped=item.get("deletion_stopped"),
            refusing=refused is not None and now - refused < _REFUSED_LATELY,
            quiet=quiet_after is not None and _is_quiet(item, now, quiet_after),
            announcements=Announcements(
                told=told.get("told"),
                seen=told.get("seen"),
                seen_at=_moment(told, "seen_at"),
                late=tuple(told.get("late", ())),
            ),
        )

    def _item(self) -> Item:
        return self._table.get(self._pk) or {}


def announcements_key(source: str) -> str:
    """The key of the item that says what people and programs were told of a source."""
    return f"{source}#told"


_READ = (
    *("incomplete", "sealed_until", "refused_at", "chain_broken_at", "found_at", "found_first", "event_at"),
    *("deletion_stopped", "told", "seen", "seen_at", "late"),
)


def _unsealed(item: Item, now: datetime, window: timedelta) -> date | None:
    if "sealed_until" not in item:
        return None  # the first day is not due yet
    day = date.fromisoformat(item["sealed_until"]) + timedelta(days=1)
    left_the_window = datetime.combine(day, time(), UTC) + window
    return day if now - left_the_window >= SEALED_WITHIN else None


def _is_quiet(item: Item, now: datetime, after: timedelta) -> bool:
    found, heard = _moment(item, "found_at"), _moment(item, "event_at") or _moment(item, "found_first")
    return found is not None and heard is not None and now - found < after <= now - heard


def _moment(item: Item, name: str) -> datetime | None:
    return from_ms(int(item[name])) if name in item else None
