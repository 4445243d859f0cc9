"""Whatever ledger, bucket, seals and source are like, and wherever the sweeper dies: nothing is deleted at the source
that the archive does not keep, verified, sealed, locked, past its waiting time and not on hold.

The judge looks at the very moment of each request, and knows by itself what was archived: it asks nobody of the code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.archiver.errors import Outcome, Rejected, Throttled, Unauthorized, Unavailable
from functions.archiver.object_keys import digest_of
from functions.archiver.recording import Recording
from functions.archiver.sealing.document import name_of, read_seal
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.clock import NOON, FakeClock
from tests.doubles.memory_folder import memory_folder
from tests.doubles.vault import Vault
from tests.harness.sealing import SOURCE
from tests.harness.sweeping import AFTER, DeletingProvider, SweepBench
from tests.property.mortal import Died, Life, Mortal

DAYS = [date(2026, 2, 20) + timedelta(days=number) for number in range(2)]
IDS = {day: [f"{day.day}{letter}" for letter in "abc"] for day in DAYS}
ALL = [id_ for ids in IDS.values() for id_ in ids]
LATE = ALL[-1]
"""It was archived so late that its waiting time ends some days after that of the others."""

LATE_ON = DAYS[-1] + timedelta(days=5)

CHANGES = (
    *("unlock", "hold in the bucket") * 4,  # only the bucket knows of these: nothing else stops the sweeper
    *("hold", "unlock", "hold in the bucket", "fail", "quarantine", "archive later") * 3,  # others go on
    *("release", "flip a byte", "cut", "remove", "forge the digest", "forge the seal", "lose at the source"),
    *("erase half way", "take the seal", "renumber the seal", "put a seal in"),
)
ANSWERS: tuple[Outcome, ...] = (
    *(Rejected("403"), Unavailable("500"), Throttled("429", retry_after=1.0), Unauthorized("401")),
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A day: what happens to some recordings before the sweeper runs, how the source answers, and when it dies."""

    changes: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, Outcome] = field(default_factory=dict)
    deaf: list[str] = field(default_factory=list)
    dies: tuple[int, bool] | None = None


steps = st.lists(
    st.builds(
        Step,
        changes=st.lists(st.tuples(st.sampled_from(CHANGES), st.sampled_from(ALL)), min_size=1, max_size=4),
        answers=st.dictionaries(st.sampled_from(ALL), st.sampled_from(ANSWERS), max_size=1),
        deaf=st.lists(st.sampled_from(ALL), max_size=1),
        dies=st.none() | st.tuples(st.integers(0, 30), st.booleans()),
    ),
    min_size=1,
    max_size=4,
)


deaths = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=3)
WAYS = st.sampled_from(["file", "many", "call"])
"""How the provider deletes: one recording at a time, several in one request, or all of a call."""


class Judged(DeletingProvider):
    """Each request to delete is judged before it is answered. It counts as a write: somebody may die around it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def delete(self, recording: Recording) -> str:
        going = [row.id for row in self.rows if self.deleted_with(row) == self.deleted_with(recording)]
        self._world.judge({recording.id, *going})
        self._world.life.step(after=False)
        said = super().delete(recording)
        self._world.life.step(after=True)
        return said

    def delete_many(self, recording_ids: Sequence[str]) -> Mapping[str, bool]:
        self._world.judge(set(recording_ids))
        self._world.life.step(after=False)
        told = super().delete_many(recording_ids)
        self._world.life.step(after=True)
        return told


class World:
    """An archive of two days, and what is true of it."""

    def __init__(self, folder: Path, table: SqliteTable, *, by: str) -> None:
        self.life = Life()
        self.clock = FakeClock()
        self.vault = Vault(folder / "archive", until=NOON + timedelta(days=3650))
        self.table = table
        bench: Any = SweepBench(Mortal(table, self.life), Mortal(self.vault, self.life), self.clock)
        self.bench: SweepBench = bench
        self.bench.provider = Judged(self)
        self.bench.provider.declares(deletes="call" if by == "call" else "file", deletes_many=by == "many")
        self.asked: set[str] = set()
        for day in DAYS:
            for id_ in IDS[day]:
                call_id = f"call of {day}" if by == "call" and id_[-1] != "c" else None
                self.bench.archived(day, id_, call_id=call_id, on=LATE_ON if id_ == LATE else None)
        self.bench.sealed(*DAYS, on=LATE_ON + timedelta(days=1))
        self.bench.at(max(DAYS) + AFTER + timedelta(days=1))
        self.bench.rehearsed()

    def path(self, id_: str) -> Path:
        return self.vault.root / self.key(id_)

    def key(self, id_: str) -> str:
        return f"audio/source={SOURCE}/date={day_of(id_)}/{id_}.wav"

    def judge(self, ids: set[str]) -> None:
        """All of these are about to be deleted at the source."""
        for id_ in ids:
            item = self.table.get(f"{SOURCE}#recording#{id_}")
            assert item is not None, id_
            sound = f"sound of {id_}".encode()
            digest = hashlib.sha256(sound).hexdigest()
            assert (item["state"], item["sha256"], "held" in item) == ("archived", digest, False), item
            assert self.path(id_).read_bytes() == sound, f"{id_} is not kept"
            assert self.key(id_) not in self.vault.held | self.vault.unlocked
            assert self.clock.now() - timedelta(days=10) >= self.archived_at(id_)
            assert "deleting_since" in item, "nobody would know after a death"
            assert self.is_sealed(id_, digest), f"{id_} is not sealed"
            assert digest_of(SOURCE, id_) in self.recorded(), "there is no record of it"
            self.asked.add(id_)

    def archived_at(self, id_: str) -> Any:
        item = self.table.get(f"{SOURCE}#recording#{id_}") or {}
        return datetime.fromisoformat(item["archived_at"])

    def is_sealed(self, id_: str, digest: str) -> bool:
        stored = self.table.get(f"{SOURCE}#recording#{id_}")
        name = name_of(self.key(id_), f"made-{id_}")
        newest = max(self.vault.root.glob(f"seals/source={SOURCE}/date={day_of(id_)}/*.jsonl"))
        seal = read_seal(newest.read_bytes())
        lines = {line.name: line.sha256 for line in seal.statement.lines}
        return stored is not None and seal.statement.complete is True and lines.get(name) == digest

    def recorded(self) -> set[str]:
        files = self.vault.root.glob("erasures/at-source/**/*.json")
        documents = [json.loads(file.read_bytes()) for file in files if "~done" not in file.name]
        return {each["recording"] for document in documents for each in document["deletions"]}

    def happens(self, what: str, id_: str) -> None:
        """One of CHANGES."""
        path = self.path(id_)
        match what:
            case "flip a byte" if path.exists():
                path.write_bytes(b"S" + path.read_bytes()[1:])
                self.vault.counted[self.key(id_)] = hashlib.sha256(path.read_bytes()).digest()
            case "cut" if path.exists():
                path.write_bytes(path.read_bytes()[:-1])
            case "remove":
                path.unlink(missing_ok=True)
            case "erase half way":
                self.bench.ledger.tombstones.bury(id_, day_of(id_), "erased")
                path.unlink(missing_ok=True)
            case "forge the seal" | "take the seal" | "renumber the seal" | "put a seal in":
                for seal in self.vault.root.glob(f"seals/source={SOURCE}/date={day_of(id_)}/0001.jsonl"):
                    self._happens_to_seal(what, seal)
            case "lose at the source":
                self.bench.provider.rows = [row for row in self.bench.provider.rows if row.id != id_]
            case _:
                self._is_said(what, id_)

    def _happens_to_seal(self, what: str, seal: Path) -> None:
        match what:
            case "forge the seal":
                seal.write_bytes(seal.read_bytes().replace(b'"gone":0', b'"gone":1'))
            case "take the seal":
                seal.unlink()
            case "renumber the seal":
                seal.rename(seal.with_name("0002.jsonl"))
            case "put a seal in":
                seal.with_name("0003.jsonl").write_bytes(seal.read_bytes())

    def _is_said(self, what: str, id_: str) -> None:
        """A change of the ledger, or of what the bucket says of its objects."""
        later = self.clock.now().isoformat()
        put = {
            "forge the digest": {"sha256": "0" * 64},
            "fail": {"state": "failed"},
            "quarantine": {"state": "quarantined"},
            "archive later": {"archived_at": later},
        }.get(what)
        if put:
            self.table.update(f"{SOURCE}#recording#{id_}", put=put)
        elif what in ("hold", "release"):
            (self.bench.holds.hold if what == "hold" else self.bench.holds.release)(id_, "Meyer")
        elif what in ("unlock", "hold in the bucket"):
            (self.vault.unlocked if what == "unlock" else self.vault.held).add(self.key(id_))

    def live(self, step: Step) -> None:
        for what, id_ in step.changes:
            self.happens(what, id_)
        provider = self.bench.provider
        provider.answers = dict(step.answers)
        provider.deaf = {id_: Unavailable("reset") for id_ in step.deaf}
        self.clock.advance(timedelta(days=1))
        if step.dies:
            self.life.left, self.life.dies_after = step.dies
        try:
            self.bench.sweeper().run()
        except Died:
            self.table.update(f"{SOURCE}#sweeper", put={"lease_until": 0})  # its lease lapses
        self.life.left = None


def day_of(id_: str) -> date:
    return next(day for day, ids in IDS.items() if id_ in ids)


@settings(max_examples=40, deadline=None)
@given(by=WAYS, steps=steps)
def test_nothing_is_deleted_at_the_source_that_the_archive_does_not_keep_safely(by: str, steps: list[Step]) -> None:
    with memory_folder() as folder, SqliteTable(Path(folder) / "ledger.sqlite") as table:
        world = World(Path(folder), table, by=by)
        for step in steps:
            world.live(step)
        away = set(ALL) - set(world.bench.listed())
        lost = {id_ for step in steps for what, id_ in step.changes if what == "lose at the source"}
        assert away <= world.asked | lost, "nothing vanishes that was not judged"
        for id_ in away - lost:
            item = table.get(f"{SOURCE}#recording#{id_}") or {}
            assert {"deleting_since", "deleted_at_source"} & item.keys(), "what was deleted is known, whoever died"


@settings(max_examples=10, deadline=None)
@given(
    by=st.sampled_from(["file", "many", "call"]),
    dies=st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=3),
)
def test_however_often_it_dies_everything_that_may_go_is_gone_in_the_end(by: str, dies: list[tuple[int, bool]]) -> None:
    with memory_folder() as folder, SqliteTable(Path(folder) / "ledger.sqlite") as table:
        world = World(Path(folder), table, by=by)
        for each in dies:
            world.live(Step(dies=each))
        for _ in range(4):
            world.live(Step())
        assert world.bench.listed() == []
        for id_ in ALL:
            item = table.get(f"{SOURCE}#recording#{id_}") or {}
            assert ("deleted_at_source" in item, "gone_at_source" in item) == (True, False), item
