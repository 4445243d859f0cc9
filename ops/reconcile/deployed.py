"""Has a source's reconciler work on AWS, and follows it: its lease and its cursors say where it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from functions.archiver.ledger.table import Item
from functions.archiver.object_keys import reports_of
from ops.archive.deployed import DeployedArchive
from ops.shell.output import ExitCode, Failure, Output

LOOK_EVERY_SECONDS = 2.0
BEGINS_WITHIN_SECONDS = 90.0
"""An asynchronous invocation waits for a moment at most; then something is wrong with the function."""


def reconcile_and_wait(
    archive: DeployedArchive,
    source: str,
    event: Mapping[str, object],
    output: Output,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Invokes the reconciler with `event` and waits for its end; the key of its report, None where it goes on later.

    Raises Failure: REFUSED while another run has the source, UNAVAILABLE where it does not begin.
    """
    before = _item(archive, source)
    now = datetime.now(UTC)
    if int(before.get("lease_until", 0)) > now.timestamp() * 1000:
        raise Failure(ExitCode.REFUSED, f"{source} is being reconciled already: try again when that has ended")
    known = set(_reports(archive, source, now))
    archive.invoke(archive.source(source).functions["reconciler"], event, wait=False)
    waited, said = 0.0, ""
    while True:
        item = _item(archive, source)
        if int(item.get("fence", 0)) > int(before.get("fence", 0)):
            if not int(item.get("lease_until", 0)):
                break
            where = _where(item)
            if where != said:
                output.progress(f"{source}: {where}")
                said = where
        elif waited > BEGINS_WITHIN_SECONDS:
            raise Failure(
                ExitCode.UNAVAILABLE, f"{source}: the reconciler does not start", next_=f"recordings doctor {source}"
            )
        sleep(LOOK_EVERY_SECONDS)
        waited += LOOK_EVERY_SECONDS
    written = {key: at for key, at in _reports(archive, source, now).items() if key not in known or at >= now}
    return max(written, key=lambda key: written[key], default=None)


def _item(archive: DeployedArchive, source: str) -> Item:
    return archive.table.get(f"{source}#reconciler") or {}


def _where(item: Item) -> str:
    walks = json.loads(item.get("cursors", "{}")).get("walks", [])
    open_ = [walk for walk in walks if walk["position"] < walk["end"]]
    return f"listed up to {open_[0]['position'][:16]} of {open_[0]['end'][:16]}" if open_ else "comparing"


def _reports(archive: DeployedArchive, source: str, since: datetime) -> dict[str, datetime]:
    """The reports of the day of `since` and of today, with when they were written. S3 knows whole seconds alone."""
    found = {}
    for day in {since.date(), datetime.now(UTC).date()}:
        for key in archive.bucket.keys(reports_of(source, day)):
            head = archive.bucket.head(key) if key.endswith(".json") else None
            if head:
                found[key] = head.last_modified.replace(microsecond=999_999)
    return found
