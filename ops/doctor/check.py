"""The result of a doctor's check, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import wraps
from typing import Any, ParamSpec

from functions.archiver.checking import Status
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.health import in_words
from functions.archiver.ledger.totals import Counts
from functions.archiver.vitals import VitalsReader
from ops.archive.archive import Archive
from ops.shell.output import ExitCode, Failure
from ops.shell.texts import are, counted
from ops.status.imported import is_imported

_P = ParamSpec("_P")


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One check. `source` is None for the archive as a whole; `next` is a command, or a sentence, where one helps."""

    id: str
    status: Status
    detail: str
    source: str | None = None
    next: str | None = None

    def document(self) -> dict[str, Any]:
        """As `doctor --json` has it."""
        return asdict(self)


def exit_code(found: Sequence[Check]) -> ExitCode:
    """1 where something failed, or could not be looked at, which is no health either."""
    ill = any(each.status in ("failed", "unknown") for each in found)
    return ExitCode.LOOK if ill else ExitCode.DONE


def unknown_when_refused(
    id_: str,
) -> Callable[[Callable[_P, Iterator[Check]]], Callable[_P, Iterator[Check]]]:
    """A check that the archive's side refuses is unknown, with the reason, and the other checks go on.

    The only text among its arguments is the source.
    """

    def made(check: Callable[_P, Iterator[Check]]) -> Callable[_P, Iterator[Check]]:
        @wraps(check)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> Iterator[Check]:
            try:
                yield from check(*args, **kwargs)
            except (ArchiveTrouble, Failure) as trouble:
                source = next((each for each in args if isinstance(each, str)), None)
                yield Check(id=id_, source=source, status="unknown", detail=str(trouble))

        return run

    return made


@unknown_when_refused("tick.fresh")
def tick(archive: Archive, source: str, reader: VitalsReader) -> Iterator[Check]:
    """Whether the source is looked after."""
    vitals = reader.read()
    signs = vitals.signs
    if is_imported(archive, source, vitals):
        detail = "filled by imports: there is nothing to look after"
        yield Check(id="tick.fresh", source=source, status="ok", detail=detail)
        return
    if signs.ticked_at is None:
        yield Check(id="tick.fresh", source=source, status="failed", detail="nothing has looked after it yet")
        return
    age = signs.now - signs.ticked_at
    fresh = age <= archive.tick_interval
    detail = f"looked after {in_words(age)} ago"
    yield Check(id="tick.fresh", source=source, status="ok" if fresh else "failed", detail=detail)


@unknown_when_refused("first.archived")
def first_archived(archive: Archive, source: str) -> Iterator[Check]:
    """A passed test is not a recording."""
    counts: Counts = archive.counts(source)
    number = counts.numbers["archived"] + counts.numbers["gone"] + counts.numbers["erased"]
    if number:
        yield Check(
            id="first.archived", source=source, status="ok", detail=f"{counted(number)} {are(number)} archived or gone"
        )
        return
    yield Check(
        id="first.archived",
        source=source,
        status="warning",
        detail="no recording is archived yet",
        next=f"recordings status {source}",
    )
