"""What an earlier process of a folder left under its leases."""

from __future__ import annotations

from collections.abc import Mapping

from functions.archiver.clock import Clock, to_ms
from functions.archiver.ledger.conditions import Equals, KeyRange
from functions.archiver.ledger.table import Refused, Table


def release_orphans(table: Table, source: str) -> None:
    """Makes the items in an earlier process's lanes due at once, and ends its leases.

    The caller holds the folder's lock, so that process has ended.
    """
    due = to_ms(Clock().now())
    put = {"state": "pending", "due_at": due, "due_group": f"{source}#retry"}
    for item in table.query("due", KeyRange(f"{source}#queued")):
        _release(table, item["pk"], put, int(item["due_at"]))
    for owner in ("lister", "reconciler", "sweeper"):
        if table.get(f"{source}#{owner}"):
            table.update(f"{source}#{owner}", put={"lease_until": 0})


def _release(table: Table, pk: str, put: Mapping[str, object], due_at: int) -> None:
    try:
        table.update(pk, put=put, when=Equals("state", "queued") & Equals("due_at", due_at))
    except Refused:
        return  # it has moved on
