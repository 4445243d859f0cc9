"""ministack on loopback, with roles enforced and TLS on, and what it takes to talk to it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).parent.parent.parent
PYTHON = ROOT / ".cache/acceptance/bin/python"
MENDED = Path(__file__).with_name("mended.py")

REGION = "eu-central-1"
ACCOUNT = "000000000000"

_READY_WITHIN_SECONDS = 90.0
_ENDS_WITHIN_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """Whose calls they are. The default is the account's root."""

    access_key_id: str = "root"
    secret_access_key: str = field(default="root", repr=False)
    session_token: str | None = field(default=None, repr=False)


ADMINISTRATOR = Keys()


class Engine:
    """A running ministack."""

    def __init__(self, folder: Path, port: int) -> None:
        self.endpoint = f"https://127.0.0.1:{port}"
        self.folder = folder
        self.certificate = folder / "ministack-tls/server.crt"

    def environment(self, keys: Keys = ADMINISTRATOR) -> dict[str, str]:
        """What a process needs to use this engine in place of AWS, and nothing of this machine's AWS settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_", "MAKE"))}
        token = {"AWS_SESSION_TOKEN": keys.session_token} if keys.session_token else {}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CA_BUNDLE": str(self.certificate),
            "NODE_EXTRA_CA_CERTS": str(self.certificate),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "CDK_HOME": str(self.folder / "cdk-home"),
            "CDK_DISABLE_CLI_TELEMETRY": "1",
            **token,
        }

    def client(self, service: Any, keys: Keys = ADMINISTRATOR) -> Any:
        """A client of one service."""
        session = boto3.Session(
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
            region_name=REGION,
        )
        return session.client(service, endpoint_url=self.endpoint, verify=str(self.certificate))

    def assume(self, role_arn: str) -> Keys:
        """The keys of a session of that role."""
        given = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="acceptance")["Credentials"]
        return Keys(
            access_key_id=given["AccessKeyId"],
            secret_access_key=given["SecretAccessKey"],
            session_token=given["SessionToken"],
        )


@contextmanager
def engine(folder: Path, mends: Sequence[str] = ()) -> Iterator[Engine]:
    """A fresh one that keeps its files in `folder`. At the end no process of it is left."""
    folder.mkdir(parents=True)
    port = _free_port()
    made = Engine(folder, port)
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(
            [PYTHON, MENDED, *mends],
            cwd=folder,
            env=_own_environment(folder, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(made, process)
        yield made
    finally:
        _end(process)


def _own_environment(folder: Path, port: int) -> dict[str, str]:
    """Without the caller's AWS settings. The functions get theirs from the engine, so no endpoint stands here."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "USE_SSL": "1",
        "AUTH": "true",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "AWS_ACCESS_KEY_ID": ADMINISTRATOR.access_key_id,
        "AWS_SECRET_ACCESS_KEY": ADMINISTRATOR.secret_access_key,
    }


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_for(made: Engine, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + _READY_WITHIN_SECONDS
    while not _answers(made):
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError(f"ministack does not start: see {made.folder / 'engine.log'}")
        time.sleep(0.2)


def _answers(made: Engine) -> bool:
    try:
        trusted = ssl.create_default_context(cafile=str(made.certificate))
        with urllib.request.urlopen(f"{made.endpoint}/_ministack/health", timeout=5, context=trusted) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends it and its functions' workers, which outlive it: all are in the process group that was made for it."""
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # no worker was left
    ends = time.monotonic() + _ENDS_WITHIN_SECONDS
    while _group_lives(process.pid):
        if time.monotonic() > ends:
            raise RuntimeError(f"processes of the group {process.pid} are still running")
        time.sleep(0.1)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
