"""The span that an event asks the reconciler for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from functions.archiver.clock import from_iso
from functions.archiver.recording import Window


def requested_days(event: Mapping[str, object]) -> tuple[date, date]:
    """The days from `from` to `to`, both included. Raises KeyError, ValueError."""
    return date.fromisoformat(str(event["from"])), date.fromisoformat(str(event["to"]))


def requested_window(event: Mapping[str, object]) -> Window | None:
    """From `from` to `to` (ISO 8601); None where the event names no span. Raises KeyError, ValueError."""
    if "from" not in event:
        return None
    return Window(start=from_iso(str(event["from"])), end=from_iso(str(event["to"])))
