"""A backfill: a person wants a period listed again, which the ordinary walk has passed or never saw.

The wish is one attribute of an item of the ledger, `walk` of `<source>#walk#backfill`, there for as long as it is open.
The lister works on it after each ordinary listing, with a walk of its own, so it is as paced and as resumable as any
other and never delays today's recordings.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from functions.archiver.clock import from_iso, iso
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.conditions import Equals, Missing
from functions.archiver.ledger.table import Refused, Table
from functions.archiver.listing.listing import RECENT, Findings
from functions.archiver.recording import Window

if TYPE_CHECKING:
    from functions.archiver.listing.cursors import CursorStore
    from functions.archiver.runtime import Runtime

WALK = "backfill "
"""A backfill's walk is named so, with the moment at which it was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backfill:
    """A period to list again, asked for by whom and when."""

    start: datetime
    end: datetime
    by: str
    asked_at: datetime

    @property
    def walk_name(self) -> str:
        """The name of its walk among the lister's cursors."""
        return f"{WALK}{iso(self.asked_at)}"

    def to_text(self) -> str:
        """As the ledger holds it; equal ones are equal texts, so that a condition can name one."""
        return json.dumps({"from": iso(self.start), "to": iso(self.end), "by": self.by, "asked_at": iso(self.asked_at)})

    @classmethod
    def from_text(cls, text: str) -> Backfill:
        """Reads the text that `to_text` wrote."""
        fields = json.loads(text)
        start, end, asked_at = (from_iso(fields[name]) for name in ("from", "to", "asked_at"))
        return cls(start=start, end=end, by=fields["by"], asked_at=asked_at)


class Backfills:
    """The backfill of one source: there is one at a time."""

    def __init__(self, table: Table, *, source: str) -> None:
        self._table = table
        self._pk = f"{source}#walk#backfill"

    def open(self) -> Backfill | None:
        """The one that goes on."""
        item = self._table.get(self._pk) or {}
        return Backfill.from_text(item["walk"]) if "walk" in item else None

    def ask(self, wanted: Backfill) -> bool:
        """Notes the wish; False while another one goes on."""
        return self._write(wanted.to_text(), Missing("walk"))

    def end(self, backfill: Backfill) -> bool:
        """Ends just this one, done or cancelled; False where it has ended already."""
        return self._write(None, Equals("walk", backfill.to_text()))

    def _write(self, text: str | None, when: Equals | Missing) -> bool:
        try:
            self._table.update(self._pk, put={"walk": text}, when=when)
        except Refused:
            return False
        return True


def continue_backfill(run: Runtime, cursors: CursorStore) -> Findings | None:
    """Goes on with the source's open backfill, under the lister's lease; None where there is none."""
    backfills = Backfills(run.table, source=run.settings.source.name)
    wanted = backfills.open()
    for walk in cursors.walks(WALK):
        if wanted is None or walk.name != wanted.walk_name:
            cursors.drop(walk)
    if wanted is None:
        return None
    start = max(wanted.start, run.settings.source.start)
    end = min(wanted.end, run.clock.now() - RECENT)
    findings = run.listing(cursors, "backfill").run_walk(wanted.walk_name, start, end)
    done = cursors.walk(wanted.walk_name)
    if findings.stopped is None and (done is None or done.finished):
        if start < end:
            count_anew(run, Window(start=start, end=end))
        backfills.end(wanted)
    run.logger.info("backfilled", **findings.facts())
    return findings


def count_anew(run: Runtime, span: Window) -> None:
    """Recordings were put into the days of this span late."""
    window = (run.clock.now() - run.settings.source.reconcile).date()
    run.totals.found_late(span.start.date(), span.end.date(), window=window)
