"""The archive as verbs see it, local or deployed: its identity, its sources, and the ports to its parts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.ledger.totals import Counts
from functions.archiver.sealing.signing import Signer
from ops.shell.output import ExitCode, Failure


@dataclass(frozen=True, slots=True)
class Person:
    """The person at work: `name` for people (an ARN, or user@host), `user_id` as policies name whoever calls AWS."""

    name: str
    user_id: str


class Archive(Protocol):
    """One archive. Nothing is asked and no client made before a part is used."""

    @property
    def name(self) -> str:
        """The archive's name; of a local one its folder's."""

    @property
    def unique_name(self) -> str:
        """Tells it from every other archive; what this machine keeps of it is named after it."""

    @property
    def zone(self) -> ZoneInfo:
        """How people see times."""

    @property
    def person(self) -> Person:
        """The person at work, as far as this machine or AWS knows."""

    @property
    def sources(self) -> Sequence[str]:
        """The names of its sources, sorted."""

    @property
    def table(self) -> Table:
        """The ledger's table."""

    @property
    def bucket(self) -> Bucket:
        """Where the recordings are."""

    def erasing(self, *, break_glass: bool) -> Bucket:
        """The bucket in the name of whoever may erase there. Raises Failure (REFUSED) where nobody may."""

    @property
    def export_signer(self) -> Signer | None:
        """The archive's own key for exports; None where it has none."""

    @property
    def tick_interval(self) -> timedelta:
        """A source whose last tick is older than this is stopped."""

    def counts(self, source: str) -> Counts:
        """How many recordings of a source there are of each state."""

    def ringing(self) -> Mapping[str, Sequence[str]]:
        """The words of the alarms that ring, by source. Raises Failure where they cannot be asked."""

    def ledger(self, source: str) -> Ledger:
        """The ledger of one source. Raises Failure (NOT_FOUND) for a source that the archive has not."""


def no_such_source(archive: str, source: str, there: Sequence[str], *, verbs: Sequence[str] = ()) -> Failure:
    """The failure for a source that is not there, with the one, or the verb, that may have been meant.

    `verbs` are those that could stand in the place of the source.
    """
    close = difflib.get_close_matches(source, [*there, *verbs], n=1)
    meant = f" Did you mean {close[0]!r}?" if close else f" It has {', '.join(there) or 'none'}."
    return Failure(ExitCode.NOT_FOUND, f"{archive} has no source {source!r}.{meant}", kind="no_source")
