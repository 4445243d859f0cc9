"""Ways to bring a recording from a URL into a bucket: our own and those that people use. None but ours checks all.

Each is a factory: what it makes is called for every recording, as a warm process does it, with clients made once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, cast

from benchmarks.moving import Mover, access, our_s3_at

if TYPE_CHECKING:
    import requests
    from mypy_boto3_s3 import S3Client

Move = Callable[[str, str], int]
"""From a URL to a key; how many bytes."""

Way = Callable[[str, str, str | None], Move]
"""From bucket, endpoint and the file of trusted certificates to what moves."""

PIECE_BYTES = 64 * 1024


def ours(bucket: str, endpoint: str, ca_file: str | None) -> Move:
    """Download, inspect, hash, store, with every check."""
    s3 = our_s3_at(endpoint)
    made: list[Mover] = []

    def move(url: str, key: str) -> int:
        if not made:
            made.append(Mover(url, bucket, s3, ca_file=ca_file))
        return made[0].move(url, key)

    return move


def s3_at(endpoint: str) -> S3Client:
    """boto3's client of the S3 at `endpoint`."""
    import boto3  # here, for our own way does without it

    return boto3.client("s3", endpoint_url=endpoint, **access())


def upload_fileobj(bucket: str, endpoint: str, ca_file: str | None) -> Move:
    """boto3's managed upload, which reads a stream of requests: what answers on the web advise."""
    s3, session = s3_at(endpoint), _session(ca_file)

    def move(url: str, key: str) -> int:
        with session.get(url, stream=True, timeout=30) as response:
            response.raise_for_status()
            s3.upload_fileobj(cast("IO[bytes]", response.raw), bucket, key)
            return int(response.headers["Content-Length"])

    return move


def read_all(bucket: str, endpoint: str, ca_file: str | None) -> Move:
    """The whole body into memory, then one PUT."""
    s3, session = s3_at(endpoint), _session(ca_file)

    def move(url: str, key: str) -> int:
        response = session.get(url, timeout=30)
        response.raise_for_status()
        s3.put_object(Bucket=bucket, Key=key, Body=response.content)
        return len(response.content)

    return move


def smart_open(bucket: str, endpoint: str, ca_file: str | None) -> Move:
    """The package smart_open, which writes to S3 like to a file."""
    from smart_open import open as opened  # here, for our own way does without it

    s3, session = s3_at(endpoint), _session(ca_file)

    def move(url: str, key: str) -> int:
        with session.get(url, stream=True, timeout=30) as response:
            response.raise_for_status()
            with opened(f"s3://{bucket}/{key}", "wb", transport_params={"client": s3}) as target:
                for piece in response.iter_content(PIECE_BYTES):
                    target.write(piece)
            return int(response.headers["Content-Length"])

    return move


def rclone(bucket: str, endpoint: str, ca_file: str | None) -> Move:
    """The program rclone, one process for each recording; its CPU counts as that of a child."""
    remote = f":s3,provider=Other,endpoint='{endpoint}',access_key_id=test,secret_access_key=test:{bucket}"
    trusted = ("--ca-cert", ca_file) if ca_file else ()
    own = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}  # it takes none of both
    s3 = s3_at(endpoint)

    def move(url: str, key: str) -> int:
        words = ["rclone", "copyurl", "--config", "/dev/null", "--s3-no-check-bucket", *trusted, url, f"{remote}/{key}"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=own)
        return s3.head_object(Bucket=bucket, Key=key)["ContentLength"]

    return move


def _session(ca_file: str | None) -> requests.Session:
    import requests  # here, for our own way does without it

    session = requests.Session()
    session.trust_env = False  # or the environment's certificates would take the place of these
    session.verify = ca_file or True
    session.headers["Accept-Encoding"] = "identity"
    return session


WAYS: Mapping[str, Way] = {
    "ours": ours,
    "upload_fileobj": upload_fileobj,
    "read all, then put": read_all,
    "smart_open": smart_open,
    "rclone": rclone,
}


def present() -> list[str]:
    """The ways that this machine has: all of them where Debian's package rclone is installed."""
    return [name for name in WAYS if name != "rclone" or shutil.which("rclone")]
