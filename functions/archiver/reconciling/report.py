"""One day of one source by its three witnesses: what the provider lists, the ledger knows and the bucket holds.

*Complete* is said only where all three were read and agree. Everything that differs is named.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Literal

from functions.archiver.bucket.bucket import Version, is_made
from functions.archiver.clock import from_ms, iso
from functions.archiver.entry import Entry, State
from functions.archiver.errors import TOO_SLOW
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Json

DayState = Literal["complete", "in work", "missing", "unclean", "altered", "today"]

MAX_NAMED = 1000
"""The most differences named for a day; the counts always include all."""

_WAITING = (State.PENDING, State.QUEUED)
_LOST = ("missing", "deleted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One thing that does not agree. `entry` is None for an object that no recording of the ledger owns."""

    what: str
    key: str | None = None
    entry: Entry | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """One day by its witnesses. `listed` counts what the provider showed; `unclean`: not all could be read; `today`: it
    was not over when it was listed, which may be a day ago.

    `erased` and `expired` ones are in none of the others, unless the provider still lists them.
    """

    day: date
    listed: int
    entries: Sequence[Entry]
    versions: Sequence[Version]
    unclean: bool = False
    today: bool = False
    erased: int = 0
    expired: int = 0


def differences_of(day: Day) -> list[Difference]:
    """Everything of the day that is not archived with the right bytes in their place, and every foreign object."""
    by_key: dict[str, list[Version]] = defaultdict(list)
    for version in day.versions:
        by_key[version.key].append(version)
    found = [each for entry in day.entries if (each := _of_entry(entry, by_key))]
    owned = {entry.stored.key for entry in day.entries if entry.stored}
    owned |= {entry.place.quarantine for entry in day.entries}  # may stay when its format becomes known
    stems = {f"{entry.place.audio_stem}." for entry in day.entries if entry.state in _WAITING}
    for key in sorted(by_key.keys() - owned):
        if not any(key.startswith(stem) for stem in stems):  # written, and not marked yet
            found.append(Difference(what="foreign", key=key))
    return found


def _of_entry(entry: Entry, by_key: Mapping[str, Sequence[Version]]) -> Difference | None:
    if entry.state in (State.ARCHIVED, State.QUARANTINED):
        what = bytes_differ(entry, by_key)
        if what:
            return Difference(what=what, key=entry.stored.key if entry.stored else None, entry=entry)
    if entry.state in (State.ARCHIVED, State.GONE):
        return None
    return Difference(what=entry.state.value, key=entry.stored.key if entry.stored else None, entry=entry)


def bytes_differ(entry: Entry, by_key: Mapping[str, Sequence[Version]]) -> str | None:
    """How the bucket contradicts the ledger of what it holds; None where it does not."""
    stored = entry.stored
    versions = by_key.get(stored.key, ()) if stored else ()
    if stored is None or not versions:
        return "missing"
    unversioned = is_made(stored.version_id)
    own = [each for each in versions if not each.deleted and (unversioned or each.version_id == stored.version_id)]
    latest = next((each for each in versions if each.latest), versions[0])
    if not own:
        return "deleted" if latest.deleted else "foreign version"
    if latest.deleted:
        return None if entry.held else "deleted"  # its term has hidden it, and the hold keeps it all the same
    if latest not in own:
        return "foreign version"
    return None if own[0].size_bytes == stored.size_bytes else "other size"


def day_document(day: Day, *, as_of: str, report: str) -> dict[str, Json]:
    """The day as `recordings.report/1` has it, with the differences by name."""
    differences = differences_of(day)
    counts = _counts(day, differences)
    state = _state(day, counts, differences)
    return {
        "date": day.day.isoformat(),
        "state": state,
        "complete": state == "complete",
        "listed": day.listed,
        **counts,
        "found_by_reconciler": sum(entry.discovered_by == "reconcile" for entry in day.entries),
        "as_of": as_of,
        "report": report,
        "seal": None,
        "differences": [_as_json(each) for each in differences[:MAX_NAMED]],
        "gone_named": [_as_json(each) for each in _gone(day)],
    }


def _gone(day: Day) -> list[Difference]:
    """Recordings that the provider no longer has: no difference, but a lost ledger knows of them from here alone."""
    gone = (entry for entry in day.entries if entry.state is State.GONE)
    return [Difference(what="gone", entry=entry) for entry in islice(gone, MAX_NAMED)]


def _counts(day: Day, differences: Iterable[Difference]) -> dict[str, int]:
    states = Counter(entry.state for entry in day.entries if not entry.accepted)
    whats = Counter(each.what for each in differences)
    failed = [entry for entry in day.entries if entry.state is State.FAILED and not entry.accepted]
    lost = sum(whats[what] for what in _LOST)
    held = sum(entry.state in (State.ARCHIVED, State.QUARANTINED) for entry in day.entries)
    wrong = whats["foreign version"] + whats["other size"]
    return {
        "ledger": len(day.entries),
        "bucket": held - lost - wrong,
        "archived": states[State.ARCHIVED],
        "gone": states[State.GONE],
        "failed": len(failed),
        "accepted": sum(entry.accepted for entry in day.entries),
        "quarantined": states[State.QUARANTINED],
        "altered": states[State.ALTERED] + wrong,
        "absent": states[State.ABSENT],
        "erased": day.erased,
        "deleted_at_source": sum(entry.deleted_at_source is not None for entry in day.entries),
        "in_work": states[State.PENDING] + states[State.QUEUED],
        "missing": len(failed) + states[State.ABSENT] + lost + max(day.listed - count_known(day), 0),
        "foreign": whats["foreign"],
        "too_slow": sum(TOO_SLOW in (entry.reason or "") for entry in failed),
    }


def count_known(day: Day) -> int:
    """How many recordings of the day the ledger knows, or knew."""
    return len(day.entries) + day.erased + day.expired


def _state(day: Day, counts: Mapping[str, int], differences: Sequence[Difference]) -> DayState:
    """The worst state that applies."""
    if counts["altered"] or any(each.what == "foreign" for each in differences):
        return "altered"
    if counts["missing"]:
        return "missing"
    if day.unclean:
        return "unclean"
    if day.today:
        return "today"
    return "in work" if counts["in_work"] else "complete"


def _as_json(difference: Difference) -> dict[str, Json]:
    entry = difference.entry
    named: dict[str, Json] = {"what": difference.what, "key": difference.key}
    if entry is None:
        return named
    return {
        **named,
        "recording_id": entry.recording.id,
        "call_id": entry.recording.call_id,
        "recorded_at": iso(entry.recording.recorded_at) if entry.recording.recorded_at else None,
        "state": entry.state.value,
        "accepted": entry.accepted,
        "reason": entry.reason,
        "attempts": entry.attempts,
        "due_at": from_ms(entry.due_ms).isoformat() if entry.due_ms is not None else None,
    }
