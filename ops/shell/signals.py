"""Signals that end a run in order."""

from __future__ import annotations

import signal
import threading

from ops.shell.output import ExitCode

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class Stopping(threading.Event):
    """Set by a signal; `code` is then the exit code of a run that it ended."""

    code = ExitCode.INTERRUPTED


def stopping() -> Stopping:
    """Set by SIGINT and SIGTERM."""
    event = Stopping()

    def stop(number: int, frame: object) -> None:
        event.code = _CODES[signal.Signals(number)]
        event.set()

    for number in _CODES:
        signal.signal(number, stop)
    return event
