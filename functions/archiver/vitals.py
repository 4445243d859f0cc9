"""The signs of a source, out of its ledger, and the mark that each tick leaves there.

One item, `<source>#health`, says when the last tick was and how many requests were made between two marks. Everything
else is asked of where it is: what waits of the index `due`, pause and cool-down of the pace, spans of the cursors.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.archiver.clock import Clock, from_iso, from_ms, to_ms
from functions.archiver.health import FAILED_LATELY, Signs
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.conditions import KeyRange
from functions.archiver.ledger.due import Due
from functions.archiver.ledger.table import Item, Table
from functions.archiver.listing.cursors import CursorStore, Progress
from functions.archiver.retention import until_deletion
from functions.archiver.throttling.pause import pause_of

_MARK_EVERY_MS = 10 * 60_000
"""Over how long the rate of requests is measured."""


MAX_OPEN = 300

_OPEN = ("retry", "hints", "queued", "failed", "quarantined", "altered", "absent")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Requests a minute: how many were made lately, None where nobody has measured it, and how many are allowed.

    `lanes` may work at a time, each about `work_seconds` on a recording.
    """

    used: float | None = None
    allowed: float | None = None
    lanes: int | None = None
    work_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a source's recordings come from; None before the first tick has noted it."""

    provider: str | None = None
    host: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """A source at one moment, by its ledger. `retention` is how long its provider keeps recordings."""

    signs: Signs
    rate: Rate
    progress: Progress
    retention: timedelta | None


class VitalsReader:
    """Reads and marks the vitals of one source."""

    def __init__(self, table: Table, *, source: str, clock: Clock) -> None:
        self._table = table
        self._source = source
        self._clock = clock
        self._due = Due(table, source=source, clock=clock)

    def mark(self, *, requests_per_minute: float, lanes: int, origin: Origin | None = None) -> None:
        """A tick was here: two reads and one write."""
        now = to_ms(self._clock.now())
        items = self._items("health", "pace")
        before, made = items["health"], int(items["pace"].get("requests", 0))
        put: dict[str, object] = {"ticked_at": now, "allowed": f"{requests_per_minute:g}", "lanes": lanes}
        if origin is not None:
            put |= {"provider": origin.provider, "host": origin.host}
        passed = now - int(before.get("marked_at", 0))
        if passed >= _MARK_EVERY_MS:
            put |= {"marked_at": now, "marked_requests": made}
            if "marked_at" in before:
                rate = (made - int(before["marked_requests"])) * 60_000 / passed
                put["used"] = f"{max(rate, 0):.2f}"
        self._table.update(f"{self._source}#health", put=put)

    def origin(self) -> Origin:
        """As the last tick noted it: one read."""
        item = self._items("health")["health"]
        return Origin(provider=item.get("provider"), host=item.get("host"))

    def read(self, *, ticked_at: datetime | None = None, retention_count: int | None = None) -> Vitals:
        """Everything; at most 8 reads. `ticked_at` is a later sign of life than the ledger's, where there is one.

        `retention_count`: the provider keeps only so many recordings.
        """
        now = self._clock.now()
        items = self._items("health", "pace", "retention")
        retention = timedelta(seconds=int(items["retention"].get("seconds", 0))) or None
        progress = CursorStore(self._table, source=self._source, owner="lister", clock=self._clock).progress()
        oldest = self._due.oldest_waiting()
        pace = items["pace"]
        closed_until = int(pace.get("closed_until", 0))
        signs = Signs(
            now=now,
            ticked_at=max(filter(None, (ticked_at, _moment(items["health"], "ticked_at"))), default=None),
            refused=bool(pace.get("refused", False)),
            closed_until=from_ms(closed_until) if closed_until > to_ms(now) else None,
            closed_reason=pace.get("closed_reason"),
            pause=pause_of(pace, now),
            oldest_due=oldest,
            deletion_margin=self._margin(retention, oldest, retention_count),
            failed_lately=self._count_failed_since(now - FAILED_LATELY),
            unclean=progress.unclean,
            listed_until=listed_until(progress),
        )
        return Vitals(signs=signs, rate=_rate(items["health"], pace), progress=progress, retention=retention)

    def rate(self) -> Rate:
        """How fast the source is asked; two reads."""
        items = self._items("health", "pace")
        return _rate(items["health"], items["pace"])

    def complete_until(self, listed: datetime | None) -> datetime | None:
        """Everything recorded before it is archived, gone or accepted; None where it cannot be told cheaply.

        `listed` is how far the listing has come. At most `MAX_OPEN` items are looked at one by one.
        """
        open_items = self._open_items()
        if listed is None or open_items is None:
            return None
        recorded = [item.get("recorded_at") or item.get("found_at") for item in open_items]
        return min([listed, *(from_iso(str(text)) for text in recorded if text)])

    def _open_items(self) -> list[Item] | None:
        """Items that are not archived: the oldest of the waiting backlog, which is ordered by time, and all others."""
        found = self._table.query("due", KeyRange(self._due.group("fresh")), limit=1)
        for group in _OPEN:
            found += self._table.query("due", KeyRange(self._due.group(group)), limit=MAX_OPEN + 1)
        if len(found) > MAX_OPEN:
            return None
        pks = [item["pk"] for item in found if item["pk"].startswith(f"{self._source}#recording#")]
        return list(self._table.get_many(pks, ["recorded_at", "found_at"]).values())

    def _margin(
        self, retention: timedelta | None, oldest: datetime | None, retention_count: int | None
    ) -> timedelta | None:
        if retention is None or oldest is None:
            return None
        waited = self._clock.now() - oldest
        if retention_count is None:
            return until_deletion(retention, waited)
        return until_deletion(retention, waited, waiting=self._due.count(), retention_count=retention_count)

    def _count_failed_since(self, moment: datetime) -> int:
        return self._table.count("due", KeyRange(self._due.group("failed"), at_least=to_ms(moment)))

    def _items(self, *names: str) -> dict[str, Item]:
        return {name: self._table.get(f"{self._source}#{name}") or {} for name in names}


def walked_until(progress: Progress) -> datetime | None:
    """How far the walk has come, spans that could not be read cleanly included; None before the first listing."""
    forward = progress.walks.get("forward")
    return forward.position if forward else None


def listed_until(progress: Progress) -> datetime | None:
    """Everything recorded before it was listed cleanly; None before the first listing."""
    forward = progress.walks.get("forward")
    return min([forward.position, *(span.start for span in progress.unclean)]) if forward else None


def _moment(item: Item, name: str) -> datetime | None:
    return from_ms(int(item[name])) if name in item else None


def _rate(health: Item, pace: Item) -> Rate:
    return Rate(
        used=float(health["used"]) if "used" in health else None,
        allowed=float(health["allowed"]) if "allowed" in health else None,
        lanes=int(health["lanes"]) if "lanes" in health else None,
        work_seconds=int(pace["work_ms"]) / 1000 if "work_ms" in pace else None,
    )
