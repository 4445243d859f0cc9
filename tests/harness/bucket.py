"""An entry of the ledger for tests of the bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from functions.archiver.entry import Entry, State
from functions.archiver.object_keys import Place
from functions.archiver.recording import Recording


def waiting(place: Place, **facts: Any) -> Entry:
    """The ledger's entry of the recording at `place`, before anything of it is stored."""
    known: dict[str, Any] = {
        "kind": "recording",
        "recording": Recording(id=place.recording_id),
        "state": State.QUEUED,
        "source": place.source,
        "day": place.day,
        "found_at": datetime(2026, 3, 4, 12, 0, 0, 17, tzinfo=UTC),
        "discovered_by": "schedule",
    }
    return Entry(**{**known, **facts})
