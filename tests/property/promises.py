"""What holds after every run of a world, whatever went wrong in it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date
from typing import Any

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.entry import Entry, State
from functions.archiver.sealing.document import Seal, name_of, read_seal, seal_folder
from tests.doubles.aws_calls import Died
from tests.property.world import World


def check_kept(world: World) -> None:
    """What the provider has is kept exactly once, with its bytes; nothing else lies there; no limit was broken."""
    bucket, entries = world.ground.bucket, {entry.recording.id: entry for entry in world.ledger.everything()}
    audio = [version.key for version in bucket.versions("audio/")]
    assert sorted(audio) == sorted(set(audio)), "an object was written twice"
    states = {entry.state for entry in entries.values()}
    assert states <= {State.ARCHIVED, State.GONE}, f"not at their end: {states}"
    for id_ in world.provider.ids():
        assert id_ in entries, f"{id_} was never found"
        check_archived(bucket, entries[id_], world.provider.ever[id_])
    owned = {entry.stored.key for entry in entries.values() if entry.stored}
    assert set(audio) == owned, f"foreign or lost: {sorted(set(audio) ^ owned)}"
    assert not list(bucket.keys("quarantine/")), "something lies in quarantine"
    _check_limits(world)
    _check_uploads(world)


def _check_limits(world: World) -> None:
    assert not world.provider.crowded, "a lane held two downloads"
    assert world.queue.dead == [], "a readable message was buried"
    minutes = Counter(int(moment.timestamp() // 60) for moment in world.provider.asked_at)
    most = world.rate + world.provider.most_booking  # whoever has booked a slot may be stopped before it asks
    assert max(minutes.values(), default=0) <= most, "more requests in a minute than allowed"


def _check_uploads(world: World) -> None:
    """Only whoever died, or lost the answer, may leave one open: S3's lifecycle and a run's beginning remove those."""
    faults = world.faults
    excused = faults.excused | {id_ for id_, by in faults.begun.items() if by and isinstance(by.error, Died)}
    left = world.ground.open_uploads() - excused
    assert not left, f"{len(left)} uploads were left open by somebody who lived"


def check_archived(bucket: Bucket, entry: Entry, body: bytes) -> None:
    """The entry, its object and its sidecar say the same, and it is the provider's sound."""
    assert entry.state is State.ARCHIVED, entry
    assert entry.stored is not None
    assert read(bucket, entry.stored.key) == body
    sidecar = json.loads(read(bucket, entry.place.metadata))
    assert entry.stored.sha256 == sidecar["sha256"] == hashlib.sha256(body).hexdigest()
    assert sidecar["key"] == entry.stored.key


def check_reported(world: World, report: str) -> None:
    """The last report counts what ledger and bucket hold, and calls complete what is."""
    document = json.loads(read(world.ground.bucket, report))
    for day in document["days"]:
        entries = world.ledger.day(date.fromisoformat(day["date"]))
        states = Counter(entry.state for entry in entries)
        assert (day["archived"], day["gone"]) == (states[State.ARCHIVED], states[State.GONE]), day
        assert day["complete"] is (day["state"] == "complete"), day
        assert day["state"] in ("complete", "today"), day


def check_sealed(world: World) -> None:
    """The seals are one chain; the newest of each day names exactly what is archived of it."""
    seals = sorted(_seals(world.ground.bucket), key=lambda seal: seal.standing.sequence)
    assert seals, "no day was sealed"
    assert [seal.standing.sequence for seal in seals] == list(range(1, len(seals) + 1))
    assert [seal.standing.previous for seal in seals] == [None, *(seal.sha256 for seal in seals[:-1])]
    newest = {seal.statement.day: seal for seal in seals}
    for day, seal in newest.items():
        stored = [entry.stored for entry in world.ledger.day(day) if entry.stored]
        expected = {(name_of(each.key, each.version_id), each.sha256) for each in stored}
        assert {(line.name, line.sha256) for line in seal.statement.lines} == expected, f"the seal of {day}"


def check_swept(world: World) -> None:
    """Whatever was deleted at the provider is kept, and known to be deleted; no report misses it."""
    before = set(world.provider.deleted)
    world.provider.judge = lambda id_: _may_go(world, id_)
    world.sweep_days()
    for id_ in world.provider.deleted - before:
        entry = world.ledger.find(id_)
        assert entry is not None
        assert entry.deleted_at_source, f"nobody knows that {id_} was deleted"
        check_archived(world.ground.bucket, entry, world.provider.ever[id_])
    day = min((entry.day for entry in world.ledger.everything()), default=None)
    if day is not None:
        document = json.loads(read(world.ground.bucket, world.report_on(day)))
        assert {each["state"] for each in document["days"]} <= {"complete", "today"}, document


def _may_go(world: World, id_: str) -> None:
    entry = world.ledger.find(id_)
    assert entry is not None
    assert entry.deleting_since, "whoever dies now would forget it"
    assert not entry.held
    check_archived(world.ground.bucket, entry, world.provider.ever[id_])
    sealed = [seal for seal in _seals(world.ground.bucket) if seal.statement.day == entry.day]
    newest = max(sealed, key=lambda seal: seal.standing.number)
    assert newest.statement.complete is True
    assert entry.stored is not None
    assert name_of(entry.stored.key, entry.stored.version_id) in {line.name for line in newest.statement.lines}


def check_loss_is_told(world: World) -> None:
    """One object is taken away behind the archive's back: no later report calls its day complete."""
    entries = [entry for entry in world.ledger.everything() if entry.stored]
    if not entries:
        return
    lost = world.random.choice(sorted(entries, key=lambda entry: entry.recording.id))
    assert lost.stored is not None
    assert lost.recording.recorded_at is not None
    version = next(iter(world.ground.bucket.versions(lost.stored.key)))
    world.ground.bucket.delete(lost.stored.key, version_id=version.version_id)
    document = json.loads(read(world.ground.bucket, world.report_on(lost.recording.recorded_at.date())))
    assert document["complete"] is False
    named = [each["key"] for day in document["days"] for each in day["differences"]]
    assert lost.stored.key in named


def _seals(bucket: Bucket) -> list[Seal]:
    return [read_seal(read(bucket, key)) for key in bucket.keys(seal_folder("acme")) if key.endswith(".jsonl")]


def read(bucket: Bucket, key: str) -> bytes:
    """The object's bytes."""
    with bucket.read(key) as chunks:
        return b"".join(chunks)


def facts(world: World) -> dict[str, Any]:
    """What a failing run is told with, beside its seed."""
    return {"deaths": world.deaths, "faults": dict(world.faults.met), "last": world.history[-12:]}
