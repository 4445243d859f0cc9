"""Whatever happens in whatever order, each recording that the provider has is archived once.

moto's calls are whole: what dies between two of them is tested, what dies within one is AWS's to keep whole.
"""

from __future__ import annotations

import gc
from typing import Any

import pytest

from functions.archiver.bucket import upload
from functions.archiver.bucket.s3 import S3Bucket
from tests.doubles.aws import aws as fresh_aws
from tests.doubles.aws import s3
from tests.doubles.aws_calls import Died, death_before_call
from tests.doubles.clock import FakeClock
from tests.harness.archiving import ArchivingBench, whole
from tests.harness.audio import wav
from tests.property.chaos import run
from tests.property.grounds import PART_BYTES
from tests.property.promises import check_archived

# The short campaign: `make chaos SEEDS=n` runs as many more as there is time for.
SEEDS = {"folder": range(6), "moto": range(1)}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 20 kB, so that recordings of some more go up in several; moto is told to take them."""
    for name in ("ONE_OBJECT_BYTES", "PART_BYTES"):
        monkeypatch.setattr(upload, name, PART_BYTES)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # a process that dies closes nothing
@pytest.mark.parametrize(("engine", "seed"), [(engine, seed) for engine, seeds in SEEDS.items() for seed in seeds])
def test_whatever_happens_each_recording_is_kept_once_and_told_truly(engine: str, seed: int) -> None:
    assert run(engine, seed).faults.met, "nothing went wrong, so nothing was tested"
    gc.collect()  # what the dead left open goes here, and not in another test


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
            check_archived(S3Bucket(s3(), aws.bucket), bench.entry(), body)
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
