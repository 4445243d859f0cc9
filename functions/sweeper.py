"""Lambda: deletes at the source what is safely archived. It exists for sources with `delete_at_source` alone."""

from __future__ import annotations

from functions.archiver.runtime import Context, prepare, runtime
from functions.archiver.sweeping.wiring import sweeper_of

prepare(bucket=True)


def handler(event: dict[str, object], context: Context) -> dict[str, object]:
    """`{"action": "sweep"}` does the day's round, in as many invocations as it needs; `{"action": "rehearse"}` begins a
    round in which everything happens but the deletions.
    """
    action = event.get("action")
    if action not in ("sweep", "rehearse"):
        raise ValueError(f"the sweeper has no action {action!r}")
    run = runtime().begin(context)
    with run.trouble_counted():
        done = sweeper_of(run).run(rehearse=action == "rehearse")
    if done is None:
        run.logger.info("another run is sweeping")
        return {}
    document = done.document()
    (run.logger.error if done.stopped else run.logger.info)("swept", **document)
    return {**document, "ended": done.ended_at is not None}
