"""Lambda: finds recordings. Fired by two schedules, one to list and one that puts due recordings into the lanes."""

from __future__ import annotations

from functions.archiver.checking import refuses_foreign_items
from functions.archiver.listing.backfill import continue_backfill, count_anew
from functions.archiver.runtime import Context, Runtime, prepare, runtime
from functions.archiver.ticking import tick

Event = dict[str, object]
Result = dict[str, object]


def handler(event: Event, context: Context) -> Result:
    """`{"action": "list"}` lists the source, `{"action": "dispatch"}` is the one-minute tick, `{"action": "check"}`
    tries the secret and the provider for a person (with `"anyway": true` although the source is closed), and
    `{"action": "bounds"}` tells whether the table refuses what is not the source's.
    """
    action = _ACTIONS.get(str(event.get("action")))
    if action is None:
        raise ValueError(f"the lister has no action {event.get('action')!r}")
    run = runtime().begin(context)
    with run.trouble_counted():
        return action(run, event)


def _list(run: Runtime, event: Event) -> Result:
    cursors = run.cursors("lister")
    if not cursors.acquire():
        run.logger.info("another run is listing")
        return {"listed": 0}
    try:
        if not cursors.begun and not run.rebuild():
            return {"listed": 0, "new": 0, "stopped": "the ledger is still being filled from the bucket"}
        findings = run.listing(cursors).run()
        for span in findings.late:
            count_anew(run, span)
        if findings.stopped is None:
            continue_backfill(run, cursors)
    finally:
        cursors.release()
    run.logger.info("listed", **findings.facts(), unclean=len(cursors.unclean()))
    if findings.new and run.settings.source.webhook_quiet_after:
        run.notes.found()
    again_at = findings.again_at.isoformat() if findings.again_at else None
    return {"listed": findings.listed, "new": findings.new, "stopped": findings.stopped, "again_at": again_at}


def _dispatch(run: Runtime, event: Event) -> Result:
    return {"queued": tick(run)}


def _check(run: Runtime, event: Event) -> Result:
    checks = run.check(anyway=event.get("anyway") is True)
    return {"at": run.clock.now().isoformat(), "checks": [check.document() for check in checks]}


def _bounds(run: Runtime, event: Event) -> Result:
    return {"refused": refuses_foreign_items(run.table)}


_ACTIONS = {"list": _list, "dispatch": _dispatch, "check": _check, "bounds": _bounds}


prepare()
