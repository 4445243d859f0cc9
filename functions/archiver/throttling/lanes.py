"""The lanes: a FIFO queue in which the message group is the lane, so that a lane never holds two downloads.

A message says which item to work on and under which lease, nothing more: no link, no token, no fact that could be
old. The queue is only transport; whatever it loses becomes due again when its lease ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.archiver.entry import Ticket

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH = 10
"""SQS takes at most this many messages in one call."""

_GROUP = "lane-"


class Unreadable(Exception):
    """A message that is none of ours. It ends in the dead-letter queue, the only kind that does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One message: `lane` it came through, and how often it has been received (the first time: 1)."""

    ticket: Ticket
    lane: int
    receive_count: int


def lane_of(id_: str, lanes: int) -> int:
    """The lane of an id: the same in every process and release."""
    return int.from_bytes(hashlib.sha256(id_.encode()).digest()[:8], "big") % lanes


class Lanes:
    """Sends tickets into the lanes of one source."""

    def __init__(self, sqs: SQSClient, *, queue_url: str, lanes: int) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._lanes = lanes

    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Sends the tickets, ten in a call; those that SQS did not take, which become due when their lease ends."""
        refused: list[Ticket] = []
        for start in range(0, len(tickets), BATCH):
            batch = tickets[start : start + BATCH]
            answer = self._sqs.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[self._entry(str(n), ticket) for n, ticket in enumerate(batch)],
            )
            refused += [batch[int(failure["Id"])] for failure in answer.get("Failed", [])]
        return refused

    def _entry(self, id_: str, ticket: Ticket) -> SendMessageBatchRequestEntryTypeDef:
        body = {"kind": ticket.kind, "source": ticket.source, "id": ticket.id, "lease": ticket.lease_ms}
        # SQS remembers an id for five minutes even after its message is deleted: the lease makes each sending its own.
        sending = f"{ticket.kind}#{ticket.id}#{ticket.lease_ms}"
        return {
            "Id": id_,
            "MessageBody": json.dumps(body, separators=(",", ":")),
            "MessageGroupId": f"{_GROUP}{lane_of(ticket.id, self._lanes)}",
            "MessageDeduplicationId": hashlib.sha256(sending.encode()).hexdigest(),
        }


def read(record: dict[str, object]) -> Received:
    """The ticket in one record of an event source mapping. Raises Unreadable."""
    try:
        body = json.loads(str(record["body"]))
        attributes = record["attributes"]
        if not isinstance(attributes, dict) or body["kind"] not in ("recording", "lookup", "transcript"):
            raise Unreadable("a message of an unknown kind")
        return Received(
            ticket=Ticket(
                kind=body["kind"], source=str(body["source"]), id=str(body["id"]), lease_ms=int(body["lease"])
            ),
            lane=int(str(attributes["MessageGroupId"]).removeprefix(_GROUP)),
            receive_count=int(attributes["ApproximateReceiveCount"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"a message that this version cannot read ({type(error).__name__})") from None
