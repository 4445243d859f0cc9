"""Whatever happens in whatever order, each recording that the provider has is archived once.

moto's calls are whole: what dies between two of them is tested, what dies within one is AWS's to keep whole.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from functions.archiver.bucket import upload
from functions.archiver.entry import Entry, State
from functions.archiver.ledger.ledger import Ledger
from tests.doubles.aws import Aws, s3
from tests.doubles.aws import aws as fresh_aws
from tests.doubles.aws_calls import Died, calls_heard_by, death_before_call
from tests.doubles.clock import FakeClock
from tests.harness.archiving import ArchivingBench, whole
from tests.harness.audio import wav
from tests.property.world import World

SEEDS = 10
STEPS = 250


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 20 kB, so that recordings of some more go up in several; moto is told to take them."""
    monkeypatch.setattr(upload, "PART_BYTES", 20_000)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_each_recording_is_archived_once_and_no_lane_is_crowded(aws: Aws, seed: int) -> None:
    world = World(aws, seed)
    with calls_heard_by(world.hears):
        world.chaos(STEPS)
        world.settle()
    entries = {entry.recording.id: entry for entry in ledger_of(world).everything()}
    versions = [each["Key"] for each in s3().list_object_versions(Bucket=aws.bucket, Prefix="audio/")["Versions"]]
    assert sorted(versions) == sorted(set(versions)), "an object was written twice"
    assert {entry.state for entry in entries.values()} <= {State.ARCHIVED, State.GONE}
    for id_ in world.provider.ids():
        check_archived(aws, entries[id_], world.provider.ever[id_])
    archived = {entry.stored.key for entry in entries.values() if entry.stored}
    assert set(versions) >= archived
    assert not world.provider.crowded, "a lane held two downloads"
    assert world.queue.dead == [], "a readable message was buried"


def ledger_of(world: World) -> Ledger:
    return Ledger(world.aws.table, source="acme", clock=world.clock, expire_after=None)


def check_archived(aws: Aws, entry: Entry, body: bytes) -> None:
    assert entry.state is State.ARCHIVED, entry
    assert entry.stored is not None
    assert s3().get_object(Bucket=aws.bucket, Key=entry.stored.key)["Body"].read() == body
    sidecar = aws.document(entry.place.metadata)
    assert entry.stored.sha256 == sidecar["sha256"] == hashlib.sha256(body).hexdigest()
    assert sidecar["key"] == entry.stored.key


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("sound_bytes", [400, 45_000], ids=["single", "parts"])
def test_a_death_before_any_call_loses_nothing_and_doubles_nothing(sound_bytes: int) -> None:
    """The same recording is fetched again and again, and the process dies one call later each time."""
    body, number, died = wav(sound_bytes), 0, True
    while died:
        number += 1
        with fresh_aws() as aws:
            bench = ArchivingBench(aws, FakeClock())
            bench.provider.audio["rec"] = [whole(body)]
            bench.finds()
            message = bench.message()
            died = dies_at_work(bench, message, number)
            if died:
                bench.work(message, times_received=2)
            check_archived(aws, bench.entry(), body)
            assert len(bench.versions()) == 1, f"death before call {number}"
            assert bench.entry().attempts == int(died)
    assert number > 4


def dies_at_work(bench: ArchivingBench, message: dict[str, Any], number: int) -> bool:
    try:
        with death_before_call(number):
            bench.work(message)
    except Died:
        return True
    return False
