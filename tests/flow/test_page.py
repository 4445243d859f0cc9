"""`recordings page` as a process of its own, over a folder: what it prints, how it ends, what it costs to seek."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from functions.archiver.ledger.items import pk_of
from ops.shell.output import ExitCode
from tests.harness.reading import a_folder, archived

GIGABYTE = 1_000_000_000


@contextmanager
def served(root: Path, cache: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the one line that it prints."""
    command = [sys.executable, "-m", "ops", "page", "-a", str(root), "--no-open", *options]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


class Browser:
    """Comes through the door with the address, and stays."""

    def __init__(self, address: str) -> None:
        split = urlsplit(address)
        assert split.hostname == "127.0.0.1"
        self._connection = HTTPConnection(split.hostname, split.port or 0, timeout=60)
        self._connection.request("GET", f"{split.path}?{split.query}")
        answer = self._connection.getresponse()
        answer.read()
        self._cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        self.status = answer.status

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        self._connection.request("GET", path, headers={"Cookie": self._cookie, **headers})
        answer = self._connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGINT, ExitCode.INTERRUPTED)]
)
def test_one_address_is_printed_and_a_signal_ends_it(tmp_path: Path, number: signal.Signals, code: ExitCode) -> None:
    archived(a_folder(tmp_path / "archive"), "one")
    with served(tmp_path / "archive", tmp_path / "cache") as (process, address):
        with closing(Browser(address)) as browser, closing(Browser(address)) as second:
            assert browser.status == 303
            assert browser.get("/r/acme/nothing")[0] == 404
            assert second.status == 403  # the address works once
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (code, "", "stopped by you\n")


def test_seeking_in_a_gigabyte_takes_little_memory(tmp_path: Path) -> None:
    archive = a_folder(tmp_path / "archive")
    stored = archived(archive, "long")
    os.truncate(tmp_path / "archive" / stored.key, GIGABYTE)
    archive.table.update(pk_of("acme", "long"), put={"bytes": GIGABYTE})
    with (
        served(tmp_path / "archive", tmp_path / "cache", "--json") as (process, line),
        closing(Browser(json.loads(line)["url"])) as browser,
    ):
        _until_indexed(browser)
        before = _peak_bytes(process.pid)
        for start in (0, GIGABYTE // 2, GIGABYTE - 10_000_000):
            status, piece = browser.get("/media/acme/long", Range=f"bytes={start}-")
            assert (status, len(piece)) == (206, 8 * 1024 * 1024)
        assert _peak_bytes(process.pid) - before < 50_000_000


def _until_indexed(browser: Browser) -> None:
    for _ in range(600):
        if b"/r/acme/long" in browser.get("/")[1]:
            return
        time.sleep(0.1)
    raise AssertionError("the index was never built")


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    a_folder(tmp_path / "archive")
    with served(tmp_path / "archive", tmp_path / "cache") as (_, address):
        port = str(urlsplit(address).port)
        with served(tmp_path / "archive", tmp_path / "cache", "--port", port) as (process, line):
            assert line == ""
            _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (ExitCode.UNAVAILABLE, f"port {port}: address already in use\n")
