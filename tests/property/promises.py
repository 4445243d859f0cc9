"""What holds after every run of a world, whatever went wrong in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.bucket.everything import versions_of
from functions.archiver.entry import Entry, State
from functions.archiver.ledger.holds import cases_of
from functions.archiver.ledger.items import day_in
from functions.archiver.object_keys import digest_of
from functions.archiver.sealing.book import head_in
from functions.archiver.sealing.document import Seal, day_folder, name_of, read_seal
from functions.archiver.sealing.signing import pem_of
from ops.seals.chains import ChainCheck, Keys
from ops.verify.forgotten import Forgotten
from tests.doubles.aws_calls import Died
from tests.property.account import Account
from tests.property.world import World


def check_all(world: World, check: Callable[[World, Account], None]) -> None:
    """Of each source, and what persons were promised."""
    for account in world.accounts:
        check(world, account)
    check_held(world)
    check_erased(world)


def check_kept(world: World, account: Account) -> None:
    """What the provider has is kept exactly once, with its bytes; nothing else lies there; no limit was broken."""
    bucket, entries = world.ground.bucket, {entry.recording.id: entry for entry in account.ledger.everything()}
    audio = [version.key for version in bucket.versions(f"audio/source={account.name}/")]
    assert sorted(audio) == sorted(set(audio)), "an object was written twice"
    states = {entry.state for entry in entries.values()}
    assert states <= {State.ARCHIVED, State.GONE}, f"not at their end: {states}"
    buried = account.ledger.tombstones.of(sorted(account.provider.ids()))
    for id_ in account.provider.ids() - buried:
        assert id_ in entries, f"{id_} was never found"
        check_archived(bucket, entries[id_], account.provider.ever[id_])
    owned = {entry.stored.key for entry in entries.values() if entry.stored}
    assert set(audio) == owned, f"foreign or lost: {sorted(set(audio) ^ owned)}"
    assert not list(bucket.keys("quarantine/")), "something lies in quarantine"
    _check_limits(account)
    _check_uploads(world)


def _check_limits(account: Account) -> None:
    provider = account.provider
    assert not provider.crowded, "a lane held two downloads"
    assert account.queue.wrongly_buried == [], "a readable message was buried"
    minutes = Counter(int(moment.timestamp() // 60) for moment in provider.asked_at)
    most = account.rate + provider.most_booking  # whoever has booked a slot may be stopped before it asks
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


def check_reported(world: World, account: Account) -> None:
    """The last report counts what ledger and bucket hold, and calls complete what is."""
    document = json.loads(read(world.ground.bucket, account.daily_report))
    for day in document["days"]:
        entries = account.ledger.day(date.fromisoformat(day["date"]))
        states = Counter(entry.state for entry in entries)
        assert (day["archived"], day["gone"]) == (states[State.ARCHIVED], states[State.GONE]), day
        assert day["complete"] is (day["state"] == "complete"), day
        assert day["state"] in ("complete", "today"), day


def check_nothing_is_missed(world: World, account: Account) -> None:
    """`verify` does not take for lost what was erased, held, or sealed before its last change."""
    recordings = (item for item in world.table.scan() if item.get("kind") == "recording")
    items = sorted((item for item in recordings if item["source"] == account.name), key=day_in)
    looked = Forgotten(bucket=world.ground.bucket, table=world.table, source=account.name, takes_day=lambda day: True)
    assert [*looked.among(items)] == []


def check_sealed(world: World, account: Account) -> None:
    """The seals are one chain and each is signed; the newest of each day names exactly what is archived of it."""
    seals = check_chain(world, account)
    assert seals, "no day was sealed"
    newest = {seal.statement.day: seal for seal in seals}
    for day, seal in newest.items():
        stored = [entry.stored for entry in account.ledger.day(day) if entry.stored]
        expected = {(name_of(each.key, each.version_id), each.sha256) for each in stored}
        assert {(line.name, line.sha256) for line in seal.statement.lines} == expected, f"the seal of {day}"


def check_chain(world: World, account: Account) -> Sequence[Seal]:
    """As `seal verify` does, with the public key and the ledger's head: every seal of the chain."""
    keys = Keys([pem_of(world.ground.signer.public_key())], given=True)
    head = head_in(world.table.get(f"{account.name}#reconciler") or {})
    found = ChainCheck(world.ground.bucket, account.name, keys=keys, noted=head).run()
    assert (found.faults, found.orphans) == ([], [])
    assert found.signed == len(found.seals), "a seal is not signed"
    return found.seals


def check_swept(world: World) -> None:
    """Whatever was deleted at a provider is kept, and known to be deleted; no report misses it."""
    before = {account.name: set(account.provider.deleted) for account in world.accounts}
    for account in world.accounts:
        account.provider.judge = partial(_may_go, world, account)
    world.sweep_days()
    for account in world.accounts:
        _check_deleted(world, account, account.provider.deleted - before[account.name])
        check_chain(world, account)
        check_nothing_is_missed(world, account)
    check_held(world)
    check_erased(world)


def _check_deleted(world: World, account: Account, ids: set[str]) -> None:
    buried = account.ledger.tombstones.of(sorted(ids))
    for id_ in ids - buried:
        entry = account.ledger.find(id_)
        assert entry is not None
        # Of one that was put on hold after its deletion was asked for, nobody asks again until the release.
        known = entry.deleted_at_source or (entry.held and entry.deleting_since)
        assert known, f"nobody knows that {id_} was deleted"
        check_archived(world.ground.bucket, entry, account.provider.ever[id_])
    day = min((entry.day for entry in account.ledger.everything()), default=None)
    if day is not None:
        document = json.loads(read(world.ground.bucket, world.report_from(account, day)))
        assert {each["state"] for each in document["days"]} <= {"complete", "today"}, document


def _may_go(world: World, account: Account, id_: str) -> None:
    entry = account.ledger.find(id_)
    if account.ledger.tombstones.erased([id_]):
        return  # its erasure has at least begun since the last look: it is meant to go
    assert entry is not None, "nobody knows it"
    assert entry.deleting_since, "whoever dies now would forget it"
    spared = set().union(*world.person.spared.values())
    assert (account.name, id_) not in spared, "it was on hold before anybody asked for its deletion"
    check_archived(world.ground.bucket, entry, account.provider.ever[id_])
    newest = max(_seals_of(world, account, entry.day), key=lambda seal: seal.standing.number)
    assert newest.statement.complete is True
    assert entry.stored is not None
    assert name_of(entry.stored.key, entry.stored.version_id) in {line.name for line in newest.statement.lines}


def _seals_of(world: World, account: Account, day: date) -> list[Seal]:
    bucket = world.ground.bucket
    return [read_seal(read(bucket, key)) for key in bucket.keys(day_folder(account.name, day)) if key.endswith("jsonl")]


def check_held(world: World) -> None:
    """Nothing that a hold was promised to keep was deleted."""
    world.person.check()


def check_erased(world: World) -> None:
    """What was erased stands nowhere, in no object's name or text and in no item, and does not come back."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for (source, id_), place in world.person.erased.items():
        by_source[source].add(id_)
        assert not list(versions_of(world.ground.bucket, place)), f"{source} {id_} has objects"
    for account in world.accounts:
        ids = by_source[account.name]
        assert account.ledger.tombstones.of(sorted(ids)) == ids, "it may come back"
        if ids:
            word = re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, sorted(ids))) + r")(?![\w-])")
            named = [where for where, text in _texts(world, account.name) if word.search(text)]
            assert not named, f"an erased recording is named: {named}"


def _texts(world: World, source: str) -> Iterator[tuple[str, str]]:
    """Everything of a source that is text."""
    bucket = world.ground.bucket
    for item in world.table.scan():
        if str(item["pk"]).startswith(f"{source}#"):
            yield str(item["pk"]), str(item)
    for prefix in ("audio", "metadata", "transcripts", "quarantine", "reports", "seals"):
        for key in bucket.keys(f"{prefix}/source={source}/"):
            yield key, key if prefix in ("audio", "quarantine") else f"{key}\n{read(bucket, key).decode('latin-1')}"


def check_orders_are_done(world: World) -> None:
    """Of what was ordered to be erased only what a case holds is left."""
    items = [item for item in world.table.scan() if item.get("kind") == "recording" and cases_of(item)]
    held = {digest_of(item["source"], item["recording_id"]) for item in items}
    left = world.person.still_open() - held
    assert not left, f"{len(left)} recordings were ordered to be erased, and nothing keeps them"


def check_loss_is_told(world: World, account: Account) -> None:
    """One object is taken away behind the archive's back: no later report calls its day complete."""
    entries = [entry for entry in account.ledger.everything() if entry.stored]
    if not entries:
        return
    lost = world.random.choice(sorted(entries, key=lambda entry: entry.recording.id))
    assert lost.stored is not None
    assert lost.recording.recorded_at is not None
    version = next(iter(world.ground.bucket.versions(lost.stored.key)))
    world.ground.bucket.set_hold(lost.stored.key, version_id=version.version_id, held=False)
    world.ground.erasing.delete(lost.stored.key, version_id=version.version_id)
    document = json.loads(read(world.ground.bucket, world.report_from(account, lost.recording.recorded_at.date())))
    assert document["complete"] is False
    named = [each["key"] for day in document["days"] for each in day["differences"]]
    assert lost.stored.key in named


def read(bucket: Bucket, key: str) -> bytes:
    """The object's bytes."""
    with bucket.read(key) as chunks:
        return b"".join(chunks)


def facts(world: World) -> dict[str, Any]:
    """What a failing run is told with, beside its seed."""
    return {"deaths": world.deaths, "faults": dict(world.faults.met), "last": world.history[-12:]}
