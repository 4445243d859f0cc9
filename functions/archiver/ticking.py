"""The tick of each minute: what is due goes into the lanes, and people hear of a source whose state has changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from functions.archiver.alerting.trouble import worst
from functions.archiver.health import health_of
from functions.archiver.settings.metrics import Metric
from functions.providers import load

if TYPE_CHECKING:
    from functions.archiver.runtime import Runtime


def tick(run: Runtime) -> int:
    """Dispatches, judges the source, tells people, and leaves one log line; how many items were queued."""
    queued = run.intake.dispatch()
    run.mark_tick()
    signs = run.vitals.read(retention_count=_count_to_mind(run)).signs
    source = run.settings.source
    notes = run.notes.read(quiet_after=source.webhook_quiet_after, window=source.reconcile)
    health = health_of(signs)
    told = run.teller.tell(worst(health, notes), notes.announcements)
    run.teller.note_late(notes.incomplete, notes.announcements)
    waiting = run.clock.due_now() - signs.oldest_due if signs.oldest_due else timedelta()
    run.logger.info(
        "tick",
        queued=queued,
        state=health.state.value,
        reason=health.reason,
        oldest_waiting_seconds=round(waiting.total_seconds()),
        deletion_margin_seconds=round(signs.deletion_margin.total_seconds()) if signs.deletion_margin else None,
        closed_until=signs.closed_until,
        altered=notes.changed,
    )
    run.count(
        {
            Metric.TROUBLE: told.level if told else 0,
            Metric.OLDEST_WAITING_SECONDS: waiting.total_seconds(),
            Metric.ALTERED: notes.changed,
        }
    )
    return queued


def _count_to_mind(run: Runtime) -> int | None:
    """How many recordings the provider keeps. Minding it costs a read of all that waits: done every tenth minute."""
    kept = load(run.settings.source.provider).declaration.retention_count
    return None if run.clock.now().minute % 10 else kept
