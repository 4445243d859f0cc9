"""Lambda: finds recordings. Fired by two schedules, one to list and one that puts due recordings into the lanes."""

from __future__ import annotations

from datetime import timedelta

from functions.archiver.retention import until_deletion
from functions.archiver.runtime import Context, Runtime, runtime
from functions.archiver.settings.metrics import Metric
from functions.providers import load

Result = dict[str, object]


def handler(event: dict[str, str], context: Context) -> Result:
    """`{"action": "list"}` lists the source, `{"action": "dispatch"}` is the one-minute tick."""
    action = _ACTIONS.get(event.get("action", ""))
    if action is None:
        raise ValueError(f"the lister has no action {event.get('action')!r}")
    run = runtime().begin(context)
    with run.trouble_counted():
        return action(run)


def _list(run: Runtime) -> Result:
    cursors = run.cursors("lister")
    if not cursors.acquire():
        run.logger.info("another run is listing")
        return {"listed": 0}
    try:
        findings = run.listing(cursors).run()
    finally:
        cursors.release()
    run.logger.info(
        "listed",
        pages=findings.pages,
        rows=findings.listed,
        new=findings.new,
        stopped=findings.stopped,
        unclean=len(cursors.unclean()),
    )
    run.count({Metric.RECORDINGS_FOUND: findings.new, Metric.WINDOWS_UNCLEAN: len(cursors.unclean())})
    return {"listed": findings.listed, "new": findings.new, "stopped": findings.stopped}


def _dispatch(run: Runtime) -> Result:
    queued = run.intake.dispatch()
    run.mark_tick()
    oldest = run.ledger.due.oldest_waiting()
    waiting = run.clock.due_now() - oldest if oldest else timedelta()
    gate = run.pace.gate()
    retention = run.ledger.retention()
    if oldest and retention:
        run.count({Metric.SECONDS_UNTIL_DELETION: _until_deletion(run, retention, waiting).total_seconds()})
    run.count(
        {
            Metric.OLDEST_WAITING_SECONDS: waiting.total_seconds(),
            Metric.SOURCE_BLOCKED: int(gate.closed_until is not None and gate.refused),
        }
    )
    return {"queued": queued}


def _until_deletion(run: Runtime, retention: timedelta, waited: timedelta) -> timedelta:
    """Counting what waits costs a read of it all, so it is done every tenth minute; the alarm takes the lowest."""
    kept = load(run.settings.source.provider).declaration.retention_count
    if kept is None or run.clock.now().minute % 10:
        return until_deletion(retention, waited)
    return until_deletion(retention, waited, waiting=run.ledger.due.count(), retention_count=kept)


_ACTIONS = {"list": _list, "dispatch": _dispatch}
