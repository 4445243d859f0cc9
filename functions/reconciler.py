"""Lambda: compares what the provider lists of the last days with the archive, once a day, and reports."""

from __future__ import annotations

from functions.archiver.runtime import Context, runtime
from functions.archiver.settings.metrics import Metric


def handler(event: dict[str, object], context: Context) -> dict[str, object]:
    """Fired by a schedule; does its work once a day, in as many invocations as it needs.

    `{"force": true}` does it now, `{"action": "report"}` writes the report of the last listing anew.
    """
    run = runtime().begin(context)
    with run.trouble_counted():
        reconciler = run.reconciler()
        again = event.get("action") == "report"
        done = reconciler.report_again() if again else reconciler.run(force=event.get("force") is True)
    if done.findings:
        run.logger.info(
            "reconciled",
            rows=done.findings.listed,
            found=done.findings.new,
            stopped=done.findings.stopped,
            report=done.report,
            complete=done.complete,
        )
    if done.days_incomplete:
        run.count({Metric.DAYS_INCOMPLETE: done.days_incomplete})
    return {"report": done.report, "complete": done.complete}
