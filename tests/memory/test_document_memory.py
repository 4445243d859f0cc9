"""The worst answer of the allowed length fits into the memory of the function that has the least."""

from __future__ import annotations

import subprocess
import sys

import pytest

from functions.archiver.http.responses import ANSWER_BYTES
from infra.source.downloader import MEMORY_MIB
from tests.memory.peak import MIB

LEFT_MIB = 24
"""For what a process on Lambda has besides: trust stores of TLS, buffers, Lambda's own client."""

READ = """
import functions.downloader, functions.archiver.aws.engine, boto3, sys
from functions.archiver.http.documents import json_in
session = boto3.Session(region_name="eu-central-1")
clients = [session.client(name) for name in ("dynamodb", "s3", "sqs", "secretsmanager")]
assert json_in(eval(sys.argv[1]))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("value", ["[]", '{"a":1}'])
def test_the_worst_document_leaves_room_in_a_downloader(value: str) -> None:
    document = f"b'[' + b'{value},' * {(ANSWER_BYTES - 10) // (len(value) + 1)} + b'0]'"
    done = subprocess.run([sys.executable, "-c", READ, document], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < (MEMORY_MIB - LEFT_MIB) * MIB
