"""Lambda's Runtime API on loopback: hands events to one process of the runtime interface client and takes its answers.

with RuntimeApi() as api:
    with api.function("functions.lister.handler", folder, environment):
        answer = api.invoke({"action": "dispatch"})
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any

from simulators.prompt_server import PromptServer

CLIENT = ("awslambdaric", "simplejson", "snapshot_restore_py", "runtime_client")
"""The runtime interface client and what it needs; Lambda's own images hold the same."""

WAIT_SECONDS = 60.0
_NEXT = "/2018-06-01/runtime/invocation/next"


class FunctionFailed(Exception):
    """What a handler raised, or why the process did not get as far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Invocation:
    id: str
    event: bytes
    deadline_ms: int


class RuntimeApi:
    """One function at a time. `ready_seconds` is from the start of its process until it first asked for an event."""

    def __init__(self) -> None:
        self._events: Queue[_Invocation | None] = Queue()
        self._answers: Queue[tuple[bool, Any]] = Queue()
        self._asked = threading.Event()
        self.ready_seconds = 0.0

    def __enter__(self) -> RuntimeApi:
        handler = type("_Handler", (_Requests,), {"api": self})
        self._server = PromptServer(("127.0.0.1", 0), handler)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @contextmanager
    def function(self, handler: str, code: Path, environment: Mapping[str, str], *, memory_mib: int) -> Iterator[None]:
        """Runs a function whose process finds the code, the client and its environment, and nothing else."""
        self._asked.clear()
        # A queue of its own: the request of an earlier process that still waits for an event would take this one's.
        self._events = Queue()
        client = code.parent / f"{code.name}-client"
        install_client(client)
        start = f"import sys; sys.path[:0] = [{str(code)!r}, {str(client)!r}]; sys.argv = ['awslambdaric', {handler!r}]"
        run = f"{start}\nfrom awslambdaric.__main__ import main; main(sys.argv)"
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": handler.split(".")[-2],
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mib),
            "LAMBDA_TASK_ROOT": str(code),
            "_HANDLER": handler,
        }
        started = time.monotonic()
        command = [sys.executable, "-I", "-S", "-B", "-c", run]
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(command, env={**environment, **own}, cwd=code, stdout=log, stderr=log)
            try:
                self._wait(process, log)
                self.ready_seconds = time.monotonic() - started
                yield
            finally:
                process.kill()
                process.wait()
                self._events.put(None)

    def invoke(self, event: Mapping[str, Any], *, seconds: float = 60.0) -> Any:
        """What the handler returns. Raises FunctionFailed with what it raises."""
        deadline = int((time.time() + seconds) * 1000)
        self._events.put(_Invocation(id=str(uuid.uuid4()), event=json.dumps(event).encode(), deadline_ms=deadline))
        try:
            succeeded, answer = self._answers.get(timeout=WAIT_SECONDS)
        except Empty:
            raise FunctionFailed("no answer") from None
        if not succeeded:
            raise FunctionFailed(f"{answer.get('errorType')}: {answer.get('errorMessage')}")
        return answer

    def _wait(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        ends = time.monotonic() + WAIT_SECONDS
        while not self._asked.wait(0.01):
            if process.poll() is not None or time.monotonic() > ends:
                log.seek(0)
                raise FunctionFailed(f"the process did not ask for an event: {log.read()[-2000:].decode()}")


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    api: RuntimeApi

    def do_GET(self) -> None:
        assert self.path == _NEXT, self.path
        self.api._asked.set()
        try:
            invocation = self.api._events.get(timeout=WAIT_SECONDS)
        except Empty:
            invocation = None
        if invocation is None:
            self.close_connection = True  # whoever asked has been ended
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:111122223333:function:f",
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
        }
        self._send(200, invocation.event, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send(202, b"{}")
        succeeded = self.path.endswith("/response")
        self.api._answers.put((succeeded, json.loads(body or b"{}")))

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")  # without it the client waits for ever
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def install_client(folder: Path) -> None:
    """Copies the runtime interface client out of this Python's packages, so that no other package comes along."""
    if folder.exists():
        return
    for name in CLIENT:
        spec = find_spec(name)
        assert spec, f"{name} is not installed"
        origin = Path(str(spec.origin))
        if origin.name == "__init__.py":
            shutil.copytree(origin.parent, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, folder / origin.name)
