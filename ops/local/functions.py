"""Runs the real handlers: each invocation with the settings of its own function, as Lambda would.

A sandbox is what Lambda reuses between invocations, and like there it serves one invocation at a time.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import IO, Any

from functions.archiver.aws import AwsEngine
from functions.archiver.runtime import Runtime, running
from functions.archiver.settings.environment import Settings
from ops.local.clock import MovedClock
from ops.local.embedded_aws import EmbeddedAws, calls_counted_as
from ops.local.template import Function

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
    """One function, warm: its runtime is kept between invocations."""

    def __init__(
        self,
        function: Function,
        aws: EmbeddedAws,
        clock: MovedClock,
        log: IO[str],
        requests: RequestLog,
    ) -> None:
        settings = Settings.from_env(function.environment)
        source = settings.source.name
        self.source = source
        self._name = function.name
        self._handler = getattr(importlib.import_module(function.module), function.handler.split(".")[-1])
        self.runtime = Runtime(
            settings,
            AwsEngine(settings, aws.session(), log=log),
            clock,
            on_request=lambda kind: requests.note(source, kind),
        )

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Calls the handler as Lambda does. Raises whatever it raises."""
        with calls_counted_as(self._name), running(self.runtime):
            return self._handler(dict(event), LocalContext())
