"""Asks a source to delete what may go, and says what came of each recording.

All that goes with one request is one group: a recording, or all of a call where the provider knows nothing smaller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from functions.archiver.errors import Gone, NotFound, OfTheRecording, Unauthorized
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.at_source import AtSource
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Readiness, Recording
from functions.archiver.sweeping.record import Result
from functions.archiver.sweeping.rules import Proof, Suspicious

Group = Sequence[Proof]
"""What goes with one request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deleter:
    """Works for one source. `shown` are the recordings as the source lists them now, by id."""

    provider: Provider
    marks: AtSource
    shown: Mapping[str, Recording]

    def delete(self, groups: Sequence[Group]) -> Iterator[tuple[Proof, Result]]:
        """Each recording with what became of it, as soon as that is known.

        Raises Suspicious for a refusal, and the outcomes of a source in trouble; what was asked for by then is noted as
        asked for.
        """
        several = self.provider.declaration.deletes_many
        singles = [group for group in groups if len(group) == 1 and several]
        if len(singles) > 1:
            yield from self._together(singles)
        else:
            singles = []
        for group in groups:
            if group not in singles:
                yield from self._alone(group) if self._begin(group) else _left(group)

    def _begin(self, group: Group) -> bool:
        """All of the group, or none: what is not asked for in the end must not look as if it had been."""
        for number, proof in enumerate(group):
            if not self.marks.begin(proof.entry):
                for before in group[:number]:
                    self.marks.take_back(before.entry)
                return False
        return True

    def _together(self, groups: Sequence[Group]) -> Iterator[tuple[Proof, Result]]:
        """In one request; what its answer does not call deleted is asked for alone, which says why."""
        begun = []
        for group in groups:
            if self._begin(group):
                begun.append(group)
            else:
                yield from _left(group)
        told = self._told([group[0].entry.recording.id for group in begun]) if begun else {}
        for group in begun:
            if told.get(group[0].entry.recording.id):
                yield from self._end(group, "deleted")
            else:
                yield from self._alone(group, asked_before=True)

    def _told(self, ids: Sequence[str]) -> Mapping[str, bool]:
        try:
            return self.provider.delete_many(ids)
        except Unauthorized as refused:
            raise _refusal(refused) from None
        except OfTheRecording:
            return {}  # one of them may be the reason, and some may have gone

    def _alone(self, group: Group, *, asked_before: bool = False) -> Iterator[tuple[Proof, Result]]:
        first = group[0].entry.recording
        result: Result = "deleted"
        try:
            self.provider.delete(self.shown.get(first.id, first))
        except (NotFound, Gone):
            # Whoever asked before, perhaps in a run that died, is the reason.
            ours = asked_before or any(proof.entry.deleting_since for proof in group)
            result = "deleted" if ours else "gone"
        except (OfTheRecording, Unauthorized) as refused:
            raise _refusal(refused) from None
        yield from self._end(group, result)

    def _end(self, group: Group, result: Result) -> Iterator[tuple[Proof, Result]]:
        for proof in group:
            if result == "gone":
                self.marks.gone(proof.entry)
            else:
                self.marks.deleted(proof.entry)
            yield proof, result


def _left(group: Group) -> Iterator[tuple[Proof, Result]]:
    return ((proof, "left") for proof in group)


def files_of(provider: Provider, name: str, shown: Mapping[str, Recording]) -> set[str] | None:
    """The ids of all recordings that would go with one of that name, as the source knows them now; None where it cannot
    tell them yet.
    """
    files = list(shown.values())
    if provider.declaration.deletes == "call":
        try:
            files = list(provider.look_up(name))
        except (NotFound, Gone):
            return set()
        except OfTheRecording:
            return None  # the call goes on, or has no file yet
    wanted = (each for each in files if provider.deleted_with(each) == name)
    return {each.id for each in wanted if each.readiness is not Readiness.GONE}


def _refusal(refused: OfTheRecording | Unauthorized) -> Suspicious:
    if isinstance(refused, Unauthorized):
        return Suspicious(f"the source refuses the credentials in delete_secret: {refused.reason}")
    return Suspicious(f"the source refuses to delete a recording: {refused.reason}")
