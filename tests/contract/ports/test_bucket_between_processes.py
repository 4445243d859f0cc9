"""Two processes that write into one folder at the same moment."""

from __future__ import annotations

import hashlib
import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from functions.archiver.bucket.bucket import Properties, Taken
from ops.local.engine.folder import FolderBucket

AUDIO = Properties(content_type="audio/wav")


def _race(root: Path, links: bool, start: Barrier, number: int, won: multiprocessing.Queue[int]) -> None:
    bucket = FolderBucket(root, links=links)
    start.wait(60)
    for key in range(50):
        try:
            body = bytes([number]) * 1000
            bucket.put_new(f"audio/{key}.wav", body, sha256=hashlib.sha256(body).digest(), properties=AUDIO)
            won.put(key)
        except Taken:
            pass


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_of_two_processes_that_race_for_a_folder_s_keys_exactly_one_wins_each(tmp_path: Path, links: bool) -> None:
    spawning = multiprocessing.get_context("spawn")
    won: multiprocessing.Queue[int] = spawning.Queue()
    start = spawning.Barrier(2)
    racers = [spawning.Process(target=_race, args=(tmp_path, links, start, number, won)) for number in (1, 2)]
    for racer in racers:
        racer.start()
    winners = [won.get(timeout=60) for _ in range(50)]
    for racer in racers:
        racer.join()
    assert sorted(winners) == list(range(50))
    assert won.empty()
    assert all(path.stat().st_size == 1000 for path in (tmp_path / "audio").iterdir())
