"""One day of a source: what of it is ripe goes in small batches, each proven right before."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date

from functions.archiver.entry import Entry, State
from functions.archiver.errors import Outcome
from functions.archiver.sweeping.deleting import Deleter, Group, files_of
from functions.archiver.sweeping.record import Record, Result
from functions.archiver.sweeping.rules import Proof, Suspicious, check_count, why_not_yet
from functions.archiver.sweeping.seals import SealedDay
from functions.archiver.sweeping.witnesses import Shown, Witnesses

BATCH = 20
"""So many recordings are proven and recorded together, so that little time passes between a check and its request."""


class SweptDay:
    """A day of which `room` recordings may go; with `rehearsal` everything happens but the requests.

    `deleted` and `gone` count what the source deleted, or had lost; `left` what stays, by its reason; `eligible` what
    may go and has not gone.
    """

    def __init__(self, witnesses: Witnesses, day: date, *, room: int, rehearsal: bool) -> None:
        self._of = witnesses
        self._day = day
        self._room = room
        self._rehearsal = rehearsal
        self.deleted = 0
        self.gone = 0
        self.eligible = 0
        self.left: Counter[str] = Counter()

    def confirm(self) -> None:
        """The source no longer lists what it said it had deleted. Raises Suspicious, and the source's outcomes."""
        done = [entry for entry in self._of.ledger.day(self._day) if entry.deleted_at_source]
        if done:
            self._of.compare(done, self._of.look(self._day))

    def sweep(self) -> bool:
        """Deletes what may go, as far as room and time allow; whether the day is done with.

        Raises Suspicious, and the outcomes of a source in trouble.
        """
        entries = self._of.ledger.day(self._day)
        ripe = self._ripe(entries)
        sealed = self._sealed(len(ripe)) if ripe else None
        if sealed is None:
            return True
        self._of.check_bucket(self._day, entries)
        shown = self._of.look(self._day)
        check_count(self._day, listed=len(shown), known=sealed.known)
        self._of.compare(entries, shown)
        self.eligible = len(ripe)
        return all(self._work_on(batch, sealed, shown) for batch in _batches(self._groups(ripe, entries, shown)))

    def _ripe(self, entries: Sequence[Entry]) -> list[Entry]:
        ripe = []
        for entry in entries:
            why = why_not_yet(entry, self._of.clock.now(), self._of.after)
            if why is None:
                ripe.append(entry)
            elif why != "done":
                self.left[why] += 1
        # What was begun comes first: a run died over it, or the source refused it.
        return sorted(ripe, key=lambda entry: (entry.deleting_since is None, entry.recording.id))

    def _sealed(self, ripe: int) -> SealedDay | None:
        sealed = self._of.seals.of(self._day)
        if sealed is None or sealed.seal.statement.complete is not True:
            self.left["day not sealed" if sealed is None else "day not sealed as complete"] += ripe
            return None
        return sealed

    def _groups(self, ripe: Sequence[Entry], entries: Sequence[Entry], shown: Shown) -> Iterator[Sequence[Entry]]:
        """Groups that one request deletes, as far as all recordings of a group are ripe."""
        provider = self._of.provider()

        def name(entry: Entry) -> str:
            return provider.deleted_with(shown.get(entry.recording.id, entry.recording))

        together: dict[str, list[Entry]] = defaultdict(list)
        for entry in ripe:
            together[name(entry)].append(entry)
        ids = {entry.recording.id for entry in ripe}
        hindered = {name(entry) for entry in entries if entry.recording.id not in ids and not _is_away(entry)}
        by_call = provider.declaration.deletes == "call"
        for one, group in together.items():
            alone = not by_call and [one] == [entry.recording.id for entry in group]
            files = {one} if alone else files_of(provider, one, shown)
            others = None if one in hindered or files is None else self._others(files, group)
            if others is None:
                self._leave("goes only with others", len(group))
            else:
                self.eligible += len(others)
                yield [*group, *others]

    def _others(self, ids: AbstractSet[str], group: Sequence[Entry]) -> list[Entry] | None:
        """What goes with the group and is of another day; None where the ledger does not know all of it."""
        rest = sorted(ids - {entry.recording.id for entry in group})
        found = [entry for id_ in rest if (entry := self._of.ledger.find(id_))]
        for entry in found:
            self._of.check_bucket(entry.day, [entry])
        return found if len(found) == len(rest) else None

    def _leave(self, why: str, number: int = 1) -> None:
        self.left[why] += number
        self.eligible -= number

    def _work_on(self, groups: Sequence[Sequence[Entry]], sealed: SealedDay, shown: Shown) -> bool:
        """One batch; False where time or room does not allow it any more."""
        proven: list[Group] = []
        fits = True
        for entries in groups:
            fits = len(entries) <= self._room and self._of.seconds_left() > 0
            if not fits:
                break
            if group := self._proven(entries, sealed):
                proven.append(group)
                self._room -= len(group)
        self._delete(proven, shown)
        return fits

    def _proven(self, entries: Sequence[Entry], sealed: SealedDay) -> Group:
        """The proofs of all of them; none where one of them stays."""
        found = [self._proof_of(entry, sealed) for entry in entries]
        proofs = [each for each in found if isinstance(each, Proof)]
        if len(proofs) == len(entries):
            return proofs
        for each in found:
            self._leave("goes only with others" if isinstance(each, Proof) else each)
        return ()

    def _proof_of(self, entry: Entry, sealed: SealedDay) -> Proof | str:
        own = sealed if entry.day == self._day else self._of.seals.of(entry.day)
        if own is None or own.seal.statement.complete is not True:
            return "day not sealed" if own is None else "day not sealed as complete"
        return self._of.prove(entry.recording.id, own)

    def _delete(self, groups: Sequence[Group], shown: Shown) -> None:
        if self._rehearsal or not groups:
            return
        clock = self._of.clock
        proofs = [proof for group in groups for proof in group]
        record = Record(self._of.bucket, source=self._of.source, now=clock.now())
        record.before(proofs, clock.now())
        deleter = Deleter(provider=self._of.provider(), marks=self._of.marks, shown=shown)
        results: dict[str, Result] = {proof.entry.recording.id: "unknown" for proof in proofs}
        try:
            for proof, result in deleter.delete(groups):
                results[proof.entry.recording.id] = result
                self._count(result)
        except (Suspicious, Outcome):
            record.after(proofs, results, clock.now())
            raise
        record.after(proofs, results, clock.now())

    def _count(self, result: Result) -> None:
        if result == "left":
            self._leave("changed meanwhile")
            return
        self.eligible -= 1
        self.deleted += result == "deleted"
        self.gone += result == "gone"


def _is_away(entry: Entry) -> bool:
    """Whether the source has no audio of it any more, as far as the ledger knows."""
    return bool(entry.deleted_at_source or entry.gone_at_source) or entry.state is State.GONE


def _batches(groups: Iterator[Sequence[Entry]]) -> Iterator[list[Sequence[Entry]]]:
    batch: list[Sequence[Entry]] = []
    for group in groups:
        if batch and sum(map(len, batch)) + len(group) > BATCH:
            yield batch
            batch = []
        batch.append(group)
    if batch:
        yield batch
