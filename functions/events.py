"""Lambda: tells other programs of what has changed in the archive, off the table's stream."""

from __future__ import annotations

from typing import Any

from functions.archiver.runtime import Context, announcer, prepare_announcer

prepare_announcer()


def handler(event: dict[str, list[dict[str, Any]]], context: Context) -> dict[str, object]:
    """A batch of the stream's records. What it names as failed comes again, and whatever came after it."""
    failed = announcer().take(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
