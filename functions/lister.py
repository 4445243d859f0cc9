"""Lambda: finds recordings. Fired by two schedules, one to list and one that puts due recordings into the lanes."""

from __future__ import annotations

from functions.archiver.checking import refuses_foreign_items
from functions.archiver.listing.backfill import continue_backfill, count_anew
from functions.archiver.runtime import Context, Runtime, prepare, runtime
from functions.archiver.ticking import tick

prepare()

Event = dict[str, object]
Result = dict[str, object]


def handler(event: Event, context: Context) -> Result:
    """`{"action": "list"}` lists the source, `{"action": "dispatch"}` is the one-minute tick, `{"action": "check"}`
    tries the secret and the provider for a person (with `"anyway": true` although the source is closed), and
    `{"action": "bounds"}` tells whether the table refuses what is not the source's.
    """
    run = runtime().begin(context)
    with run.trouble_counted():
        match event.get("action"):
            case "list":
                return _list(run)
            case "dispatch":
                return {"queued": tick(run)}
            case "check":
                checks = run.check(anyway=event.get("anyway") is True)
                return {"at": run.clock.now().isoformat(), "checks": [check.document() for check in checks]}
            case "bounds":
                return {"refused": refuses_foreign_items(run.table)}
            case unknown:
                raise ValueError(f"the lister has no action {unknown!r}")


def _list(run: Runtime) -> Result:
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
