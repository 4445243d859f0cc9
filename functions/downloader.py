"""Lambda: works on the messages of the lanes, one at a time. See `archiver.archiving` for what it does and why."""

from __future__ import annotations

from functions.archiver.archiving.archiving import Report
from functions.archiver.entry import State
from functions.archiver.runtime import Context, prepare, runtime
from functions.archiver.settings.metrics import Metric
from functions.archiver.throttling.lanes import read

prepare(bucket=True)


def handler(event: dict[str, list[dict[str, object]]], context: Context) -> dict[str, object]:
    """One SQS FIFO record. It raises what is no outcome, and SQS delivers the message again."""
    run = runtime().begin(context)
    (record,) = event["Records"]
    started = run.clock.now()
    report = run.archiver.work(read(record))
    _tell(report, (run.clock.now() - started).total_seconds())
    return {"outcome": report.outcome}


def _tell(report: Report, seconds: float) -> None:
    stored = report.stored
    runtime().logger.info(
        report.outcome,
        kind=report.ticket.kind,
        recording_id=report.ticket.id,
        reason=report.reason,
        key=stored.key if stored else None,
        bytes=stored.size_bytes if stored else None,
        sha256=stored.sha256 if stored else None,
        seconds=round(seconds, 3),
    )
    if report.outcome == State.QUARANTINED.value:
        runtime().count({Metric.RECORDINGS_QUARANTINED: 1})
    elif report.outcome == State.FAILED.value:
        runtime().count({Metric.RECORDINGS_FAILED: 1})
    if report.trouble:
        runtime().count_trouble(report.trouble)
