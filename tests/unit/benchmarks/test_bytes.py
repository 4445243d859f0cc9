"""`benchmarks.bytes --one` is called from outside: it moves what it is told to, to where it is told to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.origin import PIECE, origin, wave_head
from benchmarks.sink import sink
from tests.doubles.aws import Aws, s3
from tests.doubles.aws_over_http import aws_over_http

ROOT = Path(__file__).parents[3]
SIZE = 100_000
BODY = (wave_head(SIZE) + PIECE)[:SIZE]


def one(*words: str) -> Any:
    command = [sys.executable, "-m", "benchmarks.bytes", "--one", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_several_recordings_go_to_numbered_keys_whole_and_with_their_checksum(aws: Aws) -> None:
    with origin() as url, aws_over_http() as endpoint:
        figures = one(f"{url}/audio?bytes={SIZE}", aws.bucket, "bench/a.wav", endpoint, "2")
    assert (figures["recordings"], figures["bytes"]) == (2, 2 * SIZE)
    for key in ("bench/a.wav-1", "bench/a.wav-2"):
        stored = s3().get_object(Bucket=aws.bucket, Key=key, ChecksumMode="ENABLED")
        assert stored["Body"].read() == BODY
        assert stored["ChecksumSHA256"]


def test_one_recording_goes_to_the_very_key(aws: Aws) -> None:
    with origin() as url, aws_over_http() as endpoint:
        one(f"{url}/audio?bytes={SIZE}", aws.bucket, "bench/a.wav", endpoint)
    assert s3().get_object(Bucket=aws.bucket, Key="bench/a.wav")["Body"].read() == BODY


@pytest.mark.parametrize("size", [SIZE, 20_000_000])
def test_a_store_that_keeps_nothing_takes_what_s3_takes(size: int) -> None:
    with origin() as url, sink() as endpoint:
        for way in ("ours", "upload_fileobj"):
            figures = one(f"{url}/audio?bytes={size}", "bench", "a.wav", endpoint, "2", "--way", way)
            assert figures["bytes"] == 2 * size
