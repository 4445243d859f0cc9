"""Runs the real handlers: each invocation with the settings of its own function, as Lambda would.

A sandbox is what Lambda reuses between invocations, and like there it serves one invocation at a time.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from functions.archiver.runtime import Runtime, running

TIMEOUT_SECONDS = 900.0
"""What Lambda gives an invocation at most."""


class LocalContext:
    """The part of Lambda's context that handlers use."""

    function_name = "local"
    aws_request_id = "local"

    def __init__(self) -> None:
        self._ends = time.monotonic() + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return max(round((self._ends - time.monotonic()) * 1000), 0)


class RequestLog:
    """Which requests each source's provider got, for the figures at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.kinds: dict[str, Counter[str]] = defaultdict(Counter)
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def note(self, source: str, kind: str) -> None:
        """One request went out."""
        with self._lock:
            self.kinds[source][kind] += 1
            self._first.setdefault(source, time.monotonic())
            self._last[source] = time.monotonic()

    def per_minute(self, source: str) -> float:
        """The rate between a source's first and last request; 0 below two of them."""
        count = sum(self.kinds[source].values())
        span = self._last.get(source, 0.0) - self._first.get(source, 0.0)
        return round((count - 1) * 60 / span, 2) if count > 1 and span > 0 else 0.0


class Sandbox:
    """One function of one source, warm: its runtime is kept between invocations."""

    def __init__(self, name: str, runtime: Runtime) -> None:
        self.name = name
        self.runtime = runtime
        self._handler = importlib.import_module(f"functions.{name}").handler

    @property
    def source(self) -> str:
        """Whose function it is."""
        return self.runtime.settings.source.name

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Calls the handler as Lambda does. Raises whatever it raises."""
        with running(self.runtime):
            return self._handler(dict(event), LocalContext())
