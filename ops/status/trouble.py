"""Recordings that failed or lie in quarantine: which of them a person means, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from functions.archiver.entry import Entry, State
from functions.archiver.ledger.ledger import Ledger
from ops.archive.archive import Archive
from ops.shell import texts
from ops.shell.command_line import command_line
from ops.shell.output import Column, ExitCode, Failure, Output

_TROUBLED = (State.FAILED, State.QUARANTINED)
_COLUMNS = (
    Column(head="recording", importance=3),
    Column(head="source", importance=2),
    Column(head="state", importance=2),
    Column(head="reason", importance=1),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Ids, or all that `failed` with the filters: of one source, and with `reason` somewhere in theirs."""

    ids: Sequence[str] = ()
    failed: bool = False
    source: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TroubledRecording:
    """One recording and the ledger that it stands in."""

    ledger: Ledger
    entry: Entry

    def as_json(self) -> dict[str, Any]:
        """As a verb's document names it."""
        return {
            "source": self.entry.source,
            "recording_id": self.entry.recording.id,
            "state": self.entry.state.value,
            "accepted": self.entry.accepted,
            "reason": self.entry.reason,
        }


def choose(archive: Archive, selection: Selection) -> list[TroubledRecording]:
    """The recordings that are meant, all of them failed or in quarantine. Raises Failure for the first that is not."""
    if bool(selection.ids) == selection.failed:
        raise Failure(ExitCode.MISUSE, "give ids, or --failed for all that failed, and not both")
    if selection.ids and selection.reason is not None:
        raise Failure(ExitCode.MISUSE, "--reason chooses among what failed: use it with --failed")
    return choose_ids(archive, selection.ids, selection.source) if selection.ids else _all_failed(archive, selection)


def choose_ids(archive: Archive, ids: Sequence[str], source: str | None = None) -> list[TroubledRecording]:
    """The recordings of these ids. Raises Failure (NOT_FOUND, REFUSED) for one that is not there or not in trouble."""
    ledgers = [archive.ledger(name) for name in _sources(archive, source)]
    return [each for id_ in ids for each in _with_id(archive, ledgers, id_)]


def _with_id(archive: Archive, ledgers: Sequence[Ledger], id_: str) -> list[TroubledRecording]:
    found = [TroubledRecording(ledger=ledger, entry=entry) for ledger in ledgers if (entry := ledger.find(id_))]
    if not found:
        raise Failure(
            ExitCode.NOT_FOUND,
            f"{archive.name} has no recording {id_!r}: nothing was done",
            next_=command_line("find", id_),
        )
    troubled = [each for each in found if each.entry.state in _TROUBLED]
    if not troubled:
        state = found[0].entry.state.value
        raise Failure(
            ExitCode.REFUSED,
            f"{id_!r} is {state}, and neither failed nor in quarantine: nothing was done",
            kind="state",
        )
    return troubled


def _all_failed(archive: Archive, selection: Selection) -> list[TroubledRecording]:
    return [
        TroubledRecording(ledger=ledger, entry=entry)
        for name in _sources(archive, selection.source)
        for ledger in [archive.ledger(name)]
        for entry in ledger.revival.failed()
        if selection.reason is None or selection.reason.lower() in (entry.reason or "").lower()
    ]


def _sources(archive: Archive, source: str | None) -> Sequence[str]:
    return archive.sources if source is None else [source]


def carry_out(
    output: Output, recordings: Sequence[TroubledRecording], act: Callable[[TroubledRecording], bool], *, dry_run: bool
) -> list[TroubledRecording]:
    """Shows the recordings, and does it to each unless `dry_run`; those to which it was done, or would be."""
    done = [each for each in recordings if dry_run or act(each)]
    rows = [
        (each.entry.recording.id, each.entry.source, each.entry.state.value, each.entry.reason or "") for each in done
    ]
    if rows:
        output.table(_COLUMNS, rows)
    output.document({"dry_run": dry_run, "recordings": [each.as_json() for each in done]})
    return done


def count_text(recordings: Sequence[TroubledRecording]) -> str:
    """`1 recording`, `3 recordings`."""
    return texts.counted(len(recordings))
