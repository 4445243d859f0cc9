"""How long Object Lock keeps what is stored now, by the deployment file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, cast

from functions.archiver.bucket.bucket import Lock
from functions.archiver.settings.environment import Settings


def lock_of(settings: Settings, now: datetime) -> Lock | None:
    """For audio and quarantine of one source: as long as its term; None without `object_lock`."""
    mode = settings.archive.object_lock
    if mode is None:
        return None
    upper = cast("Literal['GOVERNANCE', 'COMPLIANCE']", mode.upper())
    return Lock(mode=upper, until=now + timedelta(days=settings.lock_days))


def seal_lock_of(settings: Settings, now: datetime) -> Lock | None:
    """For seals: in the archive's own mode, as long as its own term, whatever a source's is."""
    lock = lock_of(settings, now)
    return lock and Lock(mode=lock.mode, until=now + timedelta(days=settings.archive.seal_lock_days))
