"""Signals that end a run in order."""

from __future__ import annotations

import signal
import threading


def stopping() -> threading.Event:
    """Set by SIGINT and SIGTERM."""
    event = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: event.set())
    return event
