"""How much memory the downloader takes for one recording, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024


@contextmanager
def peers() -> Iterator[str]:
    """The URL of a provider of any length of audio, which is an S3 as well."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.memory.peers"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def peak_of(provider: str, size: int, *, store: str | None = None) -> int:
    """The most bytes that the process ever held. `store` is another S3 than the provider's, with a bucket `archive`."""
    command = [sys.executable, "-m", "tests.memory.downloader", provider, str(size), store or provider]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return int(done.stdout)
