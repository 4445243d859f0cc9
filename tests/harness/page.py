"""A page over an archive in memory that holds a recording in every state, and clients that come through its door."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ops.index.index import Index
from ops.index.rows import Row
from ops.page.view import (
    Access,
    DayCell,
    Details,
    Event,
    HoldCase,
    Media,
    NotLogged,
    Progress,
    Refused,
    Unreachable,
)

NOON = datetime(2026, 11, 27, 12, 0, 3, tzinfo=UTC)
HOSTILE = '"><img src=x onerror=alert(1)>'
AGENTS = ("Anna Example", "Björn Beispiel", "Chloé Exemple", "Dmitri")


def row(number: int, **changes: Any) -> Row:
    """An archived recording; the higher the number, the older."""
    moment = NOON - timedelta(minutes=37 * number)
    made = Row(
        source=("acme-uk", "dialer")[number % 5 == 4],
        recording_id=f"rec-{number:05d}",
        call_id=f"call-{number // 2:05d}",
        recorded_at=moment,
        day=moment.date(),
        duration_seconds=15.0 + 47 * (number % 9),
        direction=("in", "out", "in", "unknown")[number % 4],
        from_number=f"+44 161 496 {number % 10_000:04d}",
        to_number="+44 20 7946 0018",
        agent=AGENTS[number % 4],
        state="archived",
        key=f"audio/source=acme-uk/date={moment.date()}/rec-{number:05d}.wav",
        bytes=480_044,
        sha256=hashlib.sha256(f"{number}".encode()).hexdigest(),
        codec="pcm",
        held=False,
        transcript=number % 6 == 0,
    )
    return replace(made, **changes)


STATES = {
    state: row(50 + number, recording_id=f"rec-{state}", state=state, key=None, sha256=None, bytes=None)
    for number, state in enumerate(("pending", "queued", "gone", "failed", "absent", "erased"))
}
SPECIAL = {
    "altered": row(70, recording_id="rec-altered", state="altered"),
    "quarantined": row(71, recording_id="rec-quarantined", state="quarantined", codec=None),
    "held": row(72, recording_id="rec-held", held=True),
    "locked": row(73, recording_id="rec-locked"),
    "cold": row(74, recording_id="rec-cold"),
    "gsm": row(75, recording_id="rec-gsm", codec="gsm 6.10"),
    "hostile": row(76, recording_id=f"a/b {HOSTILE}", agent=HOSTILE, from_number=HOSTILE),
    "dots": row(77, recording_id=".."),
    "timeless": row(78, recording_id="rec-timeless", recorded_at=None, call_id=None, agent=None, duration_seconds=None),
}
ROWS = [*(row(number) for number in range(50)), *STATES.values(), *SPECIAL.values()]


@dataclass
class ViewInMemory:
    """Keeps what was recorded in `accesses_seen`; can be told to refuse."""

    folder: Path
    audio: bytes
    name: str = "recordings"
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Berlin"))
    rows: Sequence[Row] = field(default_factory=lambda: ROWS)
    log_is_writable: bool = True
    reachable: bool = True
    building: bool = False
    accesses_seen: list[tuple[str, str, str, str]] = field(default_factory=list)
    done: list[tuple[str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        index = Index.open(self.folder / "index.sqlite")
        index.put(self.rows)
        index.finish_build()
        self._index = index

    def index(self) -> Index:
        return self._index.reader()

    def progress(self) -> Progress:
        return Progress(rows=len(self.rows), as_of=None if self.building else NOON, building=self.building)

    def details(self, row: Row) -> Details:
        if not self.reachable:
            raise Unreachable("The sign-in to AWS has expired. Run `aws sso login`, then reload.")
        reasons = {
            "failed": "the provider sent no audio: text/html",
            "gone": "deleted at the provider",
            "altered": "Its SHA-256 is not the noted one.",
        }
        return Details(
            facts=(("Storage class", "GLACIER_IR"), ("Version", "3sL4kqtJlcpXroDTDmJ")),
            proof="Same bytes as fetched on 27 Nov 2026, 13:00:03, compared on 28 Nov 2026, day not sealed yet."
            if row.state == "archived"
            else "",
            reason=reasons.get(row.state),
            next="Tried again at 14:05." if row.state == "pending" else None,
            story=(
                Event(at=NOON - timedelta(hours=2), what="found", detail="schedule"),
                Event(at=NOON - timedelta(hours=1), what="tried", detail="the provider answered 503"),
                Event(at=NOON, what="archived"),
            ),
            transcript="Agent: Good morning.\nCaller: <b>Hello</b>." if row.transcript else None,
            locked_until=NOON + timedelta(days=400) if row.recording_id == "rec-locked" else None,
            holds=("Smith v. Acme",) if row.held else (),
            restore="It lies in DEEP_ARCHIVE: bringing it back takes about 12 hours and costs about $0.02 a GB."
            if row.recording_id == "rec-cold"
            else None,
        )

    def record(self, who: str, what: str, row: Row | None, reason: str = "") -> None:
        if not self.log_is_writable:
            raise NotLogged("accesses/ refused the record.")
        self.accesses_seen.append((who, what, row.recording_id if row else "", reason))

    def media(self, row: Row, first: int, last: int | None) -> Media:
        if row.state in ("absent", "gone"):
            raise LookupError(row.recording_id)
        first = max(len(self.audio) + first, 0) if first < 0 else first
        end = min(len(self.audio) - 1, len(self.audio) - 1 if last is None else last)
        return Media(
            chunks=self._chunks(first, end),
            first=first,
            last=end,
            total=len(self.audio),
            content_type="audio/wav",
            filename=f"{row.recording_id}.wav",
        )

    def _chunks(self, first: int, last: int) -> Iterator[bytes]:
        for start in range(first, last + 1, 65536):
            yield self.audio[start : min(start + 65536, last + 1)]

    def days(self, first: date, last: date) -> Sequence[DayCell]:
        states = (
            "complete",
            "complete",
            "complete",
            "missing",
            "in work",
            "unclean",
            "altered",
            "not looked",
            "complete",
        )
        cells = []
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            for source in ("acme-uk", "dialer"):
                if source == "dialer" and number % 7 == 2:
                    continue
                state = "today" if day == last else states[(number + len(source)) % len(states)]
                listed = (number * 53 + len(source)) % 420
                cells.append(
                    DayCell(
                        source=source,
                        day=day,
                        state=state,
                        counts={"listed": listed, "archived": listed, "ledger": listed, "bucket": listed},
                    )
                )
        return cells

    def day(self, source: str, day: date) -> DayCell | None:
        if source != "acme-uk":
            return None
        return DayCell(
            source=source,
            day=day,
            state="missing",
            counts={"listed": 377, "ledger": 376, "bucket": 374, "archived": 374, "failed": 2, "missing": 1, "gone": 0},
            as_of=NOON,
            report=f"reports/source={source}/date={day}/reconciliation.json",
            seal=f"seals/source={source}/date={day}/0001.jsonl",
            differences=(
                {
                    "recording_id": "rec-failed",
                    "what": "failed",
                    "state": "failed",
                    "reason": HOSTILE,
                    "next": "tomorrow",
                },
                {"recording_id": "a/b c", "what": "missing", "state": "", "reason": ""},
            ),
        )

    def cases(self) -> Sequence[HoldCase]:
        return (HoldCase(name="Smith v. Acme", reason="litigation", count=12, placed_at=NOON, placed_by="arn:anna"),)

    def hold(self, who: str, case: str, reason: str, rows: Sequence[Row]) -> str:
        if case == "refused":
            raise Refused("This archive has no Object Lock, so nothing can be held.")
        self.done.append(("hold", case, len(rows)))
        return f"{len(rows)} on hold for {case}."

    def retry(self, who: str, rows: Sequence[Row]) -> str:
        self.done.append(("retry", "", len(rows)))
        return "It is tried again within a minute."

    def export(self, who: str, case: str, reason: str, rows: Sequence[Row]) -> str:
        self.done.append(("export", case, len(rows)))
        return f"{len(rows)} exported to {case}.zip."

    def accesses(self, first: date, last: date) -> Sequence[Access]:
        return tuple(
            Access(at=NOON, who=who, what=what, recording=recording, reason=reason)
            for who, what, recording, reason in reversed(self.accesses_seen)
        )
