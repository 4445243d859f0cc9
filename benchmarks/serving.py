"""Servers of measurements in processes of their own, which end with who started them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def port_of(module: str, *words: str) -> Iterator[int]:
    """The port of one that runs while the block does. `module` tells it by `serve_on`."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield int(process.stdout.readline())
        process.stdin.close()


def serve_on(port: int) -> None:
    """Tells the port, and returns when nobody needs it any more."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
