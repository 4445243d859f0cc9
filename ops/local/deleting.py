"""Deletion at the sources at the end of a local run: the sweeper's round of the day, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from functions.archiver.sweeping.book import Round, last_round
from ops.local.source import SourceDriver

ACTION = "sweep"
"""The firing of a source whose recordings are deleted there; other sources have none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deletion:
    """Sweeps with `dry_run` as a rehearsal."""

    dry_run: bool
    say: Callable[[str], None]

    def sweep(self, driver: SourceDriver) -> Iterator[str]:
        """Does the round of the day, says what came of it, and yields what a person has to look at."""
        if ACTION not in driver.firings or driver.given_up is not None:
            return
        table = driver.runtime.table
        before = last_round(table, driver.name)
        driver.fire(ACTION, {"action": "rehearse"} if self.dry_run else {})
        after = last_round(table, driver.name)
        if after is None:
            return
        for sentence in _news(before, after):
            self.say(f"{driver.name}: {sentence}")
        if after.stopped:
            yield f"{driver.name}: deletion at the source stopped: {after.stopped}"


def _news(before: Round | None, after: Round) -> Iterator[str]:
    same = before is not None and before.begun_at == after.begun_at
    deleted = after.deleted - (before.deleted if same and before else 0)
    if deleted:
        yield f"{_recordings(deleted)} safe in the archive and deleted at the source"
    if after.rehearsal and not same:
        yield f"{_recordings(after.eligible)} safe and old enough to be deleted at the source; this time nothing is"


def _recordings(number: int) -> str:
    return f"{number} recording{' is' if number == 1 else 's are'}"
