"""The troubles that somebody is told of: how urgent each is, how long it lasts before it counts, and where to read on.

Most of them are states of a source (`health`); the others are signs that stand beside the state. The metric `Trouble`
has the level of the worst one, and each level from `URGENT_TROUBLE` on cannot wait till morning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from functions.archiver.alerting.notes import Notes
from functions.archiver.health import Health, SourceState
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.settings.metrics import URGENT_TROUBLE

MAX_DAYS_NAMED = 5

SETTLED = timedelta(minutes=15)
"""A source has to be out of a trouble for so long before that is told; one that comes and goes sends no mails."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of trouble. `name` is a word for mails and for the ledger, `command` what to type first, after
    `recordings`; `heading` is its heading in the runbook. It is told when it has held for `lasts`.
    """

    name: str
    level: int
    heading: str
    command: str
    lasts: timedelta = timedelta()

    def first_command(self, source: str) -> str:
        """The command to type first about a source, without the archive."""
        return f"recordings {self.command.format(source=source)}"

    @property
    def urgent(self) -> bool:
        """Whether it cannot wait till morning."""
        return self.level >= URGENT_TROUBLE


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A trouble of a source at one moment, with its reason in words."""

    kind: Kind
    reason: str


def _of_state(state: SourceState, level: int, heading: str, lasts: timedelta = timedelta()) -> Kind:
    command = (state.first_command("{source}") or "").removeprefix("recordings ")
    return Kind(name=state.value, level=level, heading=heading, command=command, lasts=lasts)


UNSURE = _of_state(SourceState.UNSURE, 1, "a-window-does-not-close", timedelta(hours=6))
QUIET = Kind(name="no webhook events", level=2, heading="no-webhook-events", command="webhook check {source}")
REFUSING = Kind(
    name="webhook requests refused",
    level=3,
    heading="webhook-requests-are-refused",
    command="webhook check {source}",
)
INCOMPLETE = Kind(
    name="a day is incomplete",
    level=4,
    heading="a-day-is-incomplete",
    command="report {source}",
)
UNSEALED = Kind(
    name="a day is not sealed",
    level=5,
    heading="a-day-is-not-sealed",
    command="seal {source}",
    lasts=timedelta(hours=1),  # a source that was paused, or a folder, seals what is due at its next round
)
FAILING = _of_state(SourceState.FAILING, 6, "recordings-failed")
BEHIND = _of_state(SourceState.BEHIND, 7, "a-recording-waits-too-long")
DELETION_STOPPED = Kind(
    name="deletion at the source stopped",
    level=8,
    heading="deletion-at-the-source-stopped",
    command="status {source}",
)
LOSING = _of_state(SourceState.LOSING, URGENT_TROUBLE, "a-recording-is-about-to-be-deleted")
BLOCKED = _of_state(SourceState.BLOCKED, URGENT_TROUBLE + 1, "the-source-is-blocked", timedelta(minutes=15))
CHANGED = Kind(
    name="bytes are not what they were",
    level=URGENT_TROUBLE + 2,
    heading="bytes-are-not-what-they-were",
    command="status {source}",  # which names them, whether they are altered or absent
)

BROKEN_CHAIN = Kind(
    name="seal chain broken",
    level=URGENT_TROUBLE + 3,
    heading="the-seal-chain-is-broken",
    command="seal verify --source {source}",
)

KINDS = (
    *(UNSURE, QUIET, REFUSING, INCOMPLETE, UNSEALED, FAILING, BEHIND, DELETION_STOPPED),
    *(LOSING, BLOCKED, CHANGED, BROKEN_CHAIN),
)
"""All of them, the worst last."""

_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_of(name: str) -> Kind | None:
    """The kind of that name; None for a source that is well, and for what an earlier version called otherwise."""
    return _BY_NAME.get(name)


def announced_trouble(item: Mapping[str, Any] | None) -> Trouble | None:
    """The reported trouble that is no state of the source, such as an unsealed day, by the item that holds it."""
    kind = kind_of(str((item or {}).get("told")))
    if item is None or kind is None or kind.name in {state.value for state in SourceState}:
        return None
    return Trouble(kind=kind, reason=str(item.get("told_reason") or kind.name))


def worst(health: Health, notes: Notes) -> Trouble | None:
    """The worst trouble of a source; None where nobody has to look."""
    return max(_troubles(health, notes), key=lambda each: each.kind.level, default=None)


def _troubles(health: Health, notes: Notes) -> Iterator[Trouble]:
    if notes.broken_chain:
        yield Trouble(kind=BROKEN_CHAIN, reason="the seals in the bucket are not those that the ledger notes")
    if notes.changed:
        yield Trouble(kind=CHANGED, reason=f"{_recordings(notes.changed)} no longer match what was archived")
    kind = kind_of(health.state.value)
    if kind:
        yield Trouble(kind=kind, reason=health.reason or health.state.value)
    if health.state is SourceState.PAUSED:
        return  # then nothing comes, and somebody wants it so
    if notes.deletion_stopped:
        yield Trouble(kind=DELETION_STOPPED, reason=notes.deletion_stopped)
    if notes.incomplete:
        named = ", ".join(notes.incomplete[:MAX_DAYS_NAMED])
        more = f" and {len(notes.incomplete) - MAX_DAYS_NAMED} more" * (len(notes.incomplete) > MAX_DAYS_NAMED)
        yield Trouble(kind=INCOMPLETE, reason=f"not complete for more than a day: {named}{more}")
    if notes.unsealed:
        yield Trouble(kind=UNSEALED, reason=f"{notes.unsealed} should have been sealed a day ago")
    if notes.refusing:
        yield Trouble(kind=REFUSING, reason="webhook requests came from nobody who could be verified")
    if notes.quiet:
        yield Trouble(kind=QUIET, reason="new recordings were listed, and no webhook event came")


def _recordings(number: int) -> str:
    return f"{number} recording{'s' * (number != 1)}"
