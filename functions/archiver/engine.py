"""The engine under the functions of one source: a table, a bucket, lanes, a secret's value, a log and metrics.

Whatever does not work in an engine itself raises ArchiveTrouble, which names the service.

`aws` is the engine of a deployed archive. A local run brings another one, made of a folder and SQLite, and the same
handlers run on it. Nothing here or above knows which of the two it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.http.auth import Tokens
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.table import Table
from functions.archiver.sealing.signing import Signer
from functions.archiver.settings.metrics import Metric
from functions.archiver.throttling.lanes import Lanes


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message to a person. `subject` has at most 100 characters of ASCII; `urgent` cannot wait till morning."""

    subject: str
    text: str
    urgent: bool


class Log(Protocol):
    """Writes one JSON object on a line: the message, its fields, the time and the source."""

    def info(self, message: str, /, **fields: object) -> None:
        """Logs an ordinary event."""

    def error(self, message: str, /, **fields: object) -> None:
        """Logs something that a person may have to look at."""


class Engine(Protocol):
    """The engine of one source. Each part is made on first use, because no function needs all of them."""

    @property
    def table(self) -> Table:
        """The ledger's table."""

    @property
    def bucket(self) -> Bucket:
        """The archive's bucket."""

    @property
    def lanes(self) -> Lanes:
        """The lanes of the source. Raises Misconfigured in a function that was given none."""

    @property
    def tick_seconds(self) -> float:
        """How often the tick comes that puts into the lanes what fits there."""

    @property
    def tokens(self) -> Tokens | None:
        """Where the functions of the source share an access token; None where each fetches its own.

        A local run keeps it in memory, on AWS it lies encrypted in the table.
        """

    @property
    def signer(self) -> Signer | None:
        """The signer of the seals; None where they are not signed."""

    @property
    def log(self) -> Log:
        """Where the functions say what they did."""

    def secret(self, name: str, *, fresh: bool = False) -> str:
        """The value of a secret, a few minutes old at most, or `fresh`. Raises Misconfigured when it cannot be had."""

    def count(self, metrics: Mapping[Metric, float]) -> None:
        """Emits metrics of the source."""

    def tell(self, message: Message) -> None:
        """Sends a message to the people who look after the archive."""
