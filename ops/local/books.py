"""The ledger as the end of a run reads it: every recording in order, and how many there are of each state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from functions.archiver.entry import State
from functions.archiver.ledger.table import Item, Table
from ops.local.engine.sqlite_table import SqliteTable

WAITING = (State.PENDING.value, State.QUEUED.value)
_COUNTED = ("archived", "gone", "failed", "quarantined", "altered", "absent")


class Books(Protocol):
    """Figures of the recordings of each source."""

    def sources(self) -> Sequence[str]:
        """Whose recordings there are, sorted."""

    def rows(self, source: str) -> Iterator[Item]:
        """The recordings of a source by time and id."""

    def of_state(self, source: str, state: str) -> Iterator[Item]:
        """Those of one state that nobody has accepted."""

    def tally(self, source: str) -> Mapping[tuple[str, bool], int]:
        """How many there are of each state, those that a person has accepted apart."""

    def erased(self, source: str) -> int:
        """How many were erased."""

    def bytes(self, source: str) -> int:
        """The bytes of all its audio."""

    def state(self) -> str | None:
        """Another text after each change of a recording, whoever made it; None where nobody can tell."""


class SqliteBooks:
    """From SQLite: streamed, and counted by SQLite itself."""

    def __init__(self, table: SqliteTable) -> None:
        self._table = table

    def sources(self) -> Sequence[str]:
        return self._table.sources()

    def of_state(self, source: str, state: str) -> Iterator[Item]:
        return self._table.of_state(source, state)

    def rows(self, source: str) -> Iterator[Item]:
        return self._table.by_time(source)

    def tally(self, source: str) -> Mapping[tuple[str, bool], int]:
        return self._table.tally(source)

    def erased(self, source: str) -> int:
        return self._table.erased(source)

    def bytes(self, source: str) -> int:
        return self._table.bytes(source)

    def state(self) -> str | None:
        return " ".join(map(str, self._table.changes()))


class ScannedBooks:
    """From any table, by reading all of it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def sources(self) -> Sequence[str]:
        return sorted({str(item["source"]) for item in self._table.scan() if item.get("kind") == "recording"})

    def of_state(self, source: str, state: str) -> Iterator[Item]:
        return (item for item in self.rows(source) if item["state"] == state and "accepted" not in item)

    def rows(self, source: str) -> Iterator[Item]:
        recordings = (item for item in self._table.scan() if item.get("kind") == "recording")
        found = (item for item in recordings if item["source"] == source)
        yield from sorted(found, key=_day_moment_and_id)

    def tally(self, source: str) -> Mapping[tuple[str, bool], int]:
        return Counter((str(item["state"]), "accepted" in item) for item in self.rows(source))

    def erased(self, source: str) -> int:
        stones = (item for item in self._table.scan() if item.get("kind") == "tombstone")
        return sum(item["source"] == source and item["state"] == "erased" for item in stones)

    def bytes(self, source: str) -> int:
        return sum(int(item.get("bytes", 0)) for item in self.rows(source))

    def state(self) -> str | None:
        return None


def counts_of(tally: Mapping[tuple[str, bool], int], *, erased: int = 0) -> dict[str, int]:
    """The counts of a source as run.json and `status` name them."""
    counts = dict.fromkeys(("archived", "waiting", "gone", "failed", "accepted", *_COUNTED[3:], "erased"), 0)
    for (state, accepted), number in tally.items():
        name = "accepted" if accepted else "waiting" if state in WAITING else state
        counts[name] += number
    return counts | {"erased": erased}


def held(tally: Mapping[tuple[str, bool], int]) -> int:
    """How many recordings the archive holds."""
    return sum(number for (state, _), number in tally.items() if state in ("archived", "quarantined"))


def _day_moment_and_id(item: Mapping[str, object]) -> tuple[str, str, str]:
    moment = str(item.get("recorded_at") or item.get("found_at") or "")
    return str(item["day"]), moment, str(item["recording_id"])
