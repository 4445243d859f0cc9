"""The interface between the page and an archive, in a folder or deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from ops.accesses.access import What
from ops.index.index import Index
from ops.index.rows import Row


class Refused(Exception):
    """The archive does not do this now (held, locked, read-only …); the text is for the person."""


class Unreachable(Exception):
    """The archive cannot be asked now: sign-in expired, no network. The text says what to do."""


class NotLogged(Exception):
    """The access could not be recorded, so nothing may be shown or played."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """Bytes of one recording, by version. `first` and `last` are the range that `chunks` brings, both included."""

    chunks: Iterator[bytes]
    first: int
    last: int
    total: int
    content_type: str
    filename: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One line of a recording's story. `what` is a word for people."""

    at: datetime
    what: str
    detail: str = ""
    by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """Details of one recording beyond its row.

    `proof` is one sentence. `locked_until` is what S3's Object Lock says. `restore` says what a cold storage class
    costs in time and money before it can be played; None where it plays at once.
    """

    facts: Sequence[tuple[str, str]] = ()
    proof: str = ""
    reason: str | None = None
    next: str | None = None
    story: Sequence[Event] = ()
    transcript: str | None = None
    locked_until: datetime | None = None
    holds: Sequence[str] = ()
    restore: str | None = None
    document: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class DayCell:
    """One source's day: a state of the report and its counts (listed, ledger, bucket, gone, failed, in work …)."""

    source: str
    day: date
    state: str
    counts: Mapping[str, int] = field(default_factory=dict)
    as_of: datetime | None = None
    report: str | None = None
    seal: str | None = None
    differences: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldCase:
    """A case with recordings on hold."""

    name: str
    reason: str
    count: int
    placed_at: datetime
    placed_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """One line of who has seen or heard what."""

    at: datetime
    who: str
    what: str
    recording: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far the index is: `as_of` None until a first build is done; `rows` so far."""

    rows: int
    as_of: datetime | None
    building: bool
    trouble: str | None = None


class View(Protocol):
    """An archive as the page sees it. Every method may raise Unreachable."""

    name: str
    zone: ZoneInfo

    def index(self) -> Index:
        """A reader of the search index, for the calling thread."""

    def progress(self) -> Progress:
        """Whether the index is ready, and as of when."""

    def details(self, row: Row) -> Details:
        """Everything known of one recording."""

    def record(self, who: str, what: What, row: Row | None, reason: str = "") -> None:
        """Writes down an access before it happens. Raises NotLogged."""

    def media(self, row: Row, first: int, last: int | None) -> Media:
        """The bytes from `first` (from the end where negative) to `last` (None: to the end).

        Raises LookupError where there are none. A `first` behind the last byte brings nothing.
        """

    def days(self, first: date, last: date) -> Sequence[DayCell]:
        """The report's days of all sources."""

    def day(self, source: str, day: date) -> DayCell | None:
        """One day with its differences by name."""

    def cases(self) -> Sequence[HoldCase]:
        """All cases that hold something."""

    def hold(self, who: str, case: str, reason: str, rows: Sequence[Row]) -> str:
        """Puts recordings on hold; a sentence about it. Raises Refused."""

    def retry(self, who: str, rows: Sequence[Row]) -> str:
        """Has failed or quarantined recordings tried again; a sentence about it. Raises Refused."""

    def export(self, who: str, case: str, reason: str, rows: Sequence[Row]) -> str:
        """Writes an export on this machine; a sentence that names the file. Raises Refused."""

    def accesses(self, first: date, last: date) -> Sequence[Access]:
        """Accesses, newest first."""
