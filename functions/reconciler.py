"""Lambda: compares what the provider lists of the last days with the archive, once a day, and reports."""

from __future__ import annotations

from functions.archiver.reconciling.requested import requested_days, requested_window
from functions.archiver.reconciling.wiring import reconciler_of
from functions.archiver.runtime import Context, prepare, runtime
from functions.archiver.settings.metrics import Metric

prepare(bucket=True)


def handler(event: dict[str, object], context: Context) -> dict[str, object]:
    """Fired by a schedule; does its work once a day, in as many invocations as it needs.

    `{"force": true}` does it now, with `from` and `to` (ISO 8601) for another span than the last days;
    `{"action": "report"}` writes the report of the last listing anew, and `{"action": "seal", "from": "2026-01-01",
    "to": "2026-01-31"}` lists these days and seals them as well.
    """
    action = event.get("action", "reconcile")
    if action not in ("reconcile", "report", "seal"):
        raise ValueError(f"the reconciler has no action {action!r}")
    run = runtime().begin(context)
    with run.trouble_counted():
        reconciler = reconciler_of(run)
        if action == "report":
            done = reconciler.report_again()
        elif action == "seal":
            done = reconciler.run(seal=requested_days(event))
        else:
            done = reconciler.run(force=event.get("force") is True, asked=requested_window(event))
    if done.findings:
        run.logger.info(
            "reconciled",
            rows=done.findings.listed,
            found=done.findings.new,
            stopped=done.findings.stopped,
            report=done.report,
            complete=done.complete,
        )
    if done.days:
        run.notes.days(done.days)
        run.count({Metric.DAYS_INCOMPLETE: list(done.days.values()).count(False)})
    if done.sealed_until:
        run.notes.sealed(done.sealed_until)
    if done.broken:
        run.logger.error("seal chain broken", reason=done.broken)
        run.notes.broken_chain()
        run.count({Metric.SEAL_CHAIN_BROKEN: 1})
    stopped = done.findings.stopped if done.findings else None
    return {
        "report": done.report,
        "stopped": stopped,
        "complete": done.complete,
        "sealed": len(done.sealed),
        "broken": done.broken,
    }
